// Proves an exported record of an onboarding, without the portal and without a network: node verify-record.mjs record.json [public key]
// The public key is at /audit-checkpoints.json of the portal; take it from there once, and keep it. Needs Node 18 or later and nothing else.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const [file, trusted] = process.argv.slice(2);
if (!file) {
  console.error("Say which file: node verify-record.mjs record-….json [public key]");
  process.exit(2);
}
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const broken = (what) => {
  console.log(`BROKEN: ${what}`);
  process.exit(1);
};
// JSON with sorted keys.
const canonical = (value) =>
  Array.isArray(value)
    ? `[${value.map(canonical).join(",")}]`
    : value && typeof value === "object"
      ? `{${Object.keys(value)
          .sort()
          .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
          .join(",")}}`
      : JSON.stringify(value);

const { onboarding, customer, product, records, inclusion } = JSON.parse(readFileSync(file, "utf8"));
let prevHash = onboarding;
for (const [index, { seq, at, type, actor, detail, ...proof }] of records.entries()) {
  if (seq !== index + 1) broken(`record ${index + 1} is missing`);
  if (proof.prevHash !== prevHash) broken(`record ${seq} does not follow the one before it`);
  const hash = sha256(canonical({ onboardingId: onboarding, prevHash, seq, at, type, actor, detail })).toString("hex");
  if (proof.hash !== hash) broken(`record ${seq} is not what was written`);
  prevHash = hash;
}
console.log(`${product} for ${customer}: ${records.length} records, each follows the one before it.`);

if (!inclusion) {
  console.log("No checkpoint covers it yet: the portal signs one a day. Export it again tomorrow.");
  process.exit(0);
}
const { seq, path, checkpoint } = inclusion;
const head = records[seq - 1];
if (!head) broken(`record ${seq} is missing, which checkpoint ${checkpoint.number} names`);
let node = sha256(Uint8Array.of(0), `${onboarding}|${seq}|${head.hash}`);
for (const { side, hash } of path) {
  const sibling = Buffer.from(hash, "hex");
  node = side === "right" ? sha256(Uint8Array.of(1), node, sibling) : sha256(Uint8Array.of(1), sibling, node);
}
if (node.toString("hex") !== checkpoint.root) broken(`record ${seq} is not the one that checkpoint ${checkpoint.number} names`);
const { number, at, root, heads, prev, publicKey, signature } = checkpoint;
const statement = `vestibule checkpoint v1|${number}|${at}|${root}|${heads}|${prev}`;
const key = createPublicKey({ key: Buffer.from(trusted ?? publicKey, "base64url"), format: "der", type: "spki" });
if (!verify(null, Buffer.from(statement), key, Buffer.from(signature, "base64url")))
  broken(`checkpoint ${number} was not signed with ${trusted ? "the key that you gave" : "its key"}`);
console.log(`Up to record ${seq} it is signed: checkpoint ${number} of ${at}.`);
if (!trusted) console.log(`Compare the key with the published one:\n  ${publicKey}`);
