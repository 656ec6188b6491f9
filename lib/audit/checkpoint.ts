/**
 * Checkpoints over all chains. A chain proves that nothing inside it was changed; that its end was not cut off, or a whole
 * onboarding taken away, is proved by a signed checkpoint that names the ends as they were. Each carries the hash of the
 * one before it; their public key and the newest of them are published, so that whoever keeps a copy can hold the portal
 * to it. Ed25519 (RFC 8032) over a Merkle root (as in RFC 6962, section 2.1: leaves and nodes are hashed differently), so that a customer's
 * own record can be proved without showing anybody else's.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { config } from "../config.ts";
import { db } from "../db.ts";
import type { Found } from "../proof.ts";
import { deriveKey } from "../secret.ts";

type Head = { onboardingId: string; seq: number; hash: string };
export type Checkpoint = {
  number: number;
  at: Date;
  root: string;
  heads: number;
  prev: string;
  hash: string;
  publicKey: string;
  signature: string;
};

/** RFC 8410: what stands before the 32 bytes of an Ed25519 private key in PKCS #8. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const signingKeyOf = ({ key }: { key: Uint8Array }): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([PKCS8, deriveKey(key, Buffer.from("vestibule"), "audit/checkpoint")]),
    format: "der",
    type: "pkcs8",
  });
const textOf = (key: KeyObject) => createPublicKey(key).export({ format: "der", type: "spki" }).toString("base64url");
/** The public keys of the ring, DER (SPKI) as base64url; the first signs. */
export const publicKeys = (): string[] => config().VESTIBULE_KEYS.map((each) => textOf(signingKeyOf(each)));

const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const leafOf = ({ onboardingId, seq, hash }: Head) => sha256(Uint8Array.of(0), `${onboardingId}|${seq}|${hash}`);
const nodeOf = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right);

type Sibling = { side: "left" | "right"; hash: string };
/** The root over leaves, and what one needs to get from the leaf at `index` to it. */
function tree(leaves: readonly Uint8Array[], index = 0): { root: Uint8Array; path: Sibling[] } {
  let level = [...leaves];
  let at = index;
  const path: Sibling[] = [];
  while (level.length > 1) {
    const sibling = level[at ^ 1];
    if (sibling) path.push({ side: at % 2 === 0 ? "right" : "left", hash: Buffer.from(sibling).toString("hex") });
    const next: Uint8Array[] = [];
    for (let left = 0; left < level.length; left += 2) {
      const right = level[left + 1];
      next.push(right ? nodeOf(level[left]!, right) : level[left]!);
    }
    level = next;
    at = Math.floor(at / 2);
  }
  return { root: level[0] ?? sha256(), path };
}

/** What is signed, byte by byte. */
const statementOf = ({ number, at, root, heads, prev }: Pick<Checkpoint, "number" | "at" | "root" | "heads" | "prev">) =>
  `vestibule checkpoint v1|${number}|${at.toISOString()}|${root}|${heads}|${prev}`;
const hashOf = (checkpoint: Parameters<typeof statementOf>[0]) => sha256(statementOf(checkpoint)).toString("hex");

const BEGINNING = "0".repeat(64);
/** Less than a day, so that a daily job that comes a little early does not leave one out. */
const DAILY_MS = 20 * 3_600_000;

/**
 * Signs what has grown since the last checkpoint. `isDue`: only when the last one is a day old. Null when there was nothing
 * to do. Two at once: the number is taken by one of them, the other fails and changes nothing.
 */
export async function makeCheckpoint(now: Date, isDue = false): Promise<Checkpoint | null> {
  return db().$transaction(async (tx) => {
    const last = await tx.auditCheckpoint.findFirst({ orderBy: { number: "desc" } });
    if (isDue && last && now.getTime() - last.at.getTime() < DAILY_MS) return null;
    const number = (last?.number ?? 0) + 1;
    await tx.$executeRaw`
      INSERT INTO "AuditHead" ("checkpoint", "onboardingId", "seq", "hash")
      SELECT ${number}, o."id", o."headSeq", o."headHash" FROM "Onboarding" o
      WHERE o."headSeq" > coalesce((SELECT max(h."seq") FROM "AuditHead" h WHERE h."onboardingId" = o."id"), 0)`;
    const heads = await tx.auditHead.findMany({ where: { checkpoint: number }, orderBy: { onboardingId: "asc" } });
    if (heads.length === 0) return null;
    const root = Buffer.from(tree(heads.map(leafOf)).root).toString("hex");
    const checkpoint = { number, at: now, root, heads: heads.length, prev: last?.hash ?? BEGINNING };
    const key = signingKeyOf(config().VESTIBULE_KEYS[0]!);
    return tx.auditCheckpoint.create({
      data: {
        ...checkpoint,
        hash: hashOf(checkpoint),
        publicKey: textOf(key),
        signature: sign(null, Buffer.from(statementOf(checkpoint)), key).toString("base64url"),
      },
    });
  });
}

const isSigned = ({ publicKey, signature, ...checkpoint }: Checkpoint) =>
  verify(
    null,
    Buffer.from(statementOf(checkpoint)),
    createPublicKey({ key: Buffer.from(publicKey, "base64url"), format: "der", type: "spki" }),
    Buffer.from(signature, "base64url"),
  );

export type CheckpointFault = { checkpoint: number; reason: string; onboardingId?: string; seq?: number };
/**
 * The first checkpoint that is not as it was made, or that the trail does not keep to. `trusted`: public keys that may have
 * signed; left out, any may, and whoever calls compares them with what was published.
 */
export async function firstCheckpointFault(
  client = db(),
  trusted?: readonly string[],
): Promise<{ fault: CheckpointFault | null; checkpoints: number }> {
  let prev = BEGINNING;
  const checkpoints = await client.auditCheckpoint.findMany({ orderBy: { number: "asc" } });
  for (const [index, checkpoint] of checkpoints.entries()) {
    const { number } = checkpoint;
    const fault = (reason: string, more = {}) => ({ fault: { checkpoint: number, reason, ...more }, checkpoints: index });
    if (number !== index + 1) return fault(`checkpoint ${index + 1} is missing`);
    if (checkpoint.prev !== prev) return fault("it does not follow the checkpoint before it");
    if (checkpoint.hash !== hashOf(checkpoint) || !isSigned(checkpoint)) return fault("it is not what was signed");
    if (trusted && !trusted.includes(checkpoint.publicKey)) return fault("it was signed with a key that is not the portal's");
    const heads = await client.auditHead.findMany({ where: { checkpoint: number }, orderBy: { onboardingId: "asc" } });
    if (Buffer.from(tree(heads.map(leafOf)).root).toString("hex") !== checkpoint.root || heads.length !== checkpoint.heads)
      return fault("its list of chains is not what was signed");
    const [lost] = await client.$queryRaw<Head[]>`
      SELECT h."onboardingId", h."seq" FROM "AuditHead" h
      LEFT JOIN "AuditEvent" e ON e."onboardingId" = h."onboardingId" AND e."seq" = h."seq"
      WHERE h."checkpoint" = ${number} AND e."hash" IS DISTINCT FROM h."hash" ORDER BY h."onboardingId" LIMIT 1`;
    if (lost) return fault("the record that it names is not there any more", { onboardingId: lost.onboardingId, seq: lost.seq });
    prev = checkpoint.hash;
  }
  return { fault: null, checkpoints: checkpoints.length };
}

/** What is published of checkpoints: nobody can be recognised by it. */
export const newestCheckpoints = (most = 400): Promise<Checkpoint[]> =>
  db().auditCheckpoint.findMany({ orderBy: { number: "desc" }, take: most });

/** The newest checkpoint that covers an onboarding, and the way from its record there to the signed root. */
export type Inclusion = { seq: number; path: Sibling[]; checkpoint: Checkpoint };
export async function inclusionOf({ id: onboardingId }: Found): Promise<Inclusion | null> {
  const head = await db().auditHead.findFirst({ where: { onboardingId }, orderBy: { seq: "desc" } });
  if (!head) return null;
  const [checkpoint, heads] = await Promise.all([
    db().auditCheckpoint.findUniqueOrThrow({ where: { number: head.checkpoint } }),
    db().auditHead.findMany({ where: { checkpoint: head.checkpoint }, orderBy: { onboardingId: "asc" } }),
  ]);
  const index = heads.findIndex((each) => each.onboardingId === onboardingId);
  return { seq: head.seq, path: tree(heads.map(leafOf), index).path, checkpoint };
}
