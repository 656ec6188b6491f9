import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { jsonSchema, readManifest } from "./parse";

const SOUND = `id: acme
version: 2
name: Acme
summary: Reads things.
vendor: { id: acme, name: Acme }
changelog:
  - { version: 2, changes: [More.] }
registrations:
  - id: main
    displayName: Acme
    redirectUris: { web: ["https://{{host}}/callback"] }
    credential: { kinds: [secret], months: 12 }
questions:
  - { id: scope, title: Which?, options: [{ id: all, title: All }, { id: some, title: Some }] }
variables:
  - { id: host, title: Host, type: host, example: acme.example.com }
  - { id: account, title: Account, type: account, required: false }
features:
  - id: reading
    title: Reading
    summary: Reads.
    permissions:
      - { kind: application, value: User.Read.All, risk: medium, because: Reads every user }
      - { kind: delegated, value: User.Read, risk: low, because: Signs people in, when: { question: scope, is: [some] } }
manualSteps:
  - { id: script, title: Run it, owner: admin, body: Run it., script: "Set-It {{account}} {{application-id}}" }
handover: { fields: [application-id, secret-value] }
`;
const findings = (text: string) => readManifest(text, "acme.yaml").findings.map(({ level, at, message }) => `${level} ${at}: ${message}`);
const broken = (from: string | RegExp, to: string) => {
  const text = SOUND.replace(from, to);
  expect(text, "the text was changed").not.toBe(SOUND);
  return findings(text);
};

test("a sound manifest has nothing to be said about", () => {
  expect(findings(SOUND)).toEqual([]);
});

const line = (words: string) => SOUND.split("\n").findIndex((each) => each.includes(words)) + 1;
const JWK = generateKeyPairSync("ec", { namedCurve: "P-256" });
const HANDOVER = "fields: [application-id, secret-value] }";
const withKey = (key: object) => broken(HANDOVER, `${HANDOVER.slice(0, -2)}, machineKey: ${JSON.stringify({ ...key, kid: "k" })} }`);
test("a key of the vendor's is taken when values can be sealed to it, and refused by name when not", () => {
  const jwk = JWK.publicKey.export({ format: "jwk" });
  expect(withKey(jwk)).toEqual([]);
  expect(withKey({ ...jwk, y: jwk.x })).toEqual([expect.stringMatching(/this is not a public key that values can be sealed to/)]);
  expect(withKey({ ...jwk, y: undefined }), "a part is missing").toEqual([expect.stringMatching(/an EC key crv, x and y/)]);
  expect(withKey(JWK.privateKey.export({ format: "jwk" })), "the private part").toEqual([expect.stringMatching(/"d"/)]);
  const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
  expect(withKey(short)).toEqual([expect.stringMatching(/1024 bits is too short/)]);
});

test.each<[what: string, from: string | RegExp, to: string, at: number, says: RegExp]>([
  [
    "a permission that does not exist",
    "User.Read.All",
    "Users.Read.All",
    line("User.Read.All"),
    /no application permission "Users.Read.All"; did you mean "User.Read.All"/,
  ],
  [
    "a kind that does not exist",
    "{ kind: delegated, value: User.Read,",
    "{ kind: delegated, value: Presence.ReadWrite.All,",
    line("value: User.Read,"),
    /exists only as application/,
  ],
  [
    "read within read and write",
    "value: User.Read,",
    "value: User.ReadBasic.All, risk: low, because: Reads names }\n      - { kind: delegated, value: User.Read.All, risk: low, because: Reads all }\n      - { kind: delegated, value: User.Read,",
    line("value: User.Read,"),
    /is within User.Read.All; remove it, or say in keptBecause/,
  ],
  [
    "high risk that is not said",
    "value: User.Read.All, risk: medium",
    "value: Directory.ReadWrite.All, risk: medium",
    line("User.Read.All"),
    /is high risk; write risk: high/,
  ],
  [
    "high risk without a why",
    "value: User.Read.All, risk: medium, because: Reads every user",
    "value: Directory.ReadWrite.All, risk: high, because: Needed",
    line("User.Read.All"),
    /high risk without a why/,
  ],
  ["a wildcard in a redirect URI", "https://{{host}}/callback", "https://*.acme.example/callback", line("redirectUris"), /wildcard/],
  ["http that is not localhost", "https://{{host}}/callback", "http://acme.example/callback", line("redirectUris"), /https:\/\//],
  ["a fragment in a redirect URI", "https://{{host}}/callback", "https://{{host}}/callback#x", line("redirectUris"), /without #/],
  ["a user name in a redirect URI", "https://{{host}}/callback", "https://me@{{host}}/callback", line("redirectUris"), /user name/],
  ["a secret over 24 months", "months: 12", "months: 36", line("months: 12"), /more than 24 months/],
  ["a default over the maximum", "months: 12", "months: 12, maxMonths: 6", line("months: 12"), /longer than the longest/],
  ["an application permission without credential", "kinds: [secret]", "kinds: [none]", line("kinds:"), /needs a credential/],
  [
    "delegated without a way to sign in",
    '    redirectUris: { web: ["https://{{host}}/callback"] }\n',
    "",
    line("id: main"),
    /users who sign in: add a redirect URI/,
  ],
  ["a dangling question", "question: scope", "question: scoop", line("value: User.Read,"), /no question "scoop"; did you mean "scope"/],
  ["a dangling option", "is: [some]", "is: [sone]", line("value: User.Read,"), /no option "sone"; did you mean "some"/],
  [
    "a question that nothing depends on",
    ", when: { question: scope, is: [some] }",
    "",
    line("id: scope"),
    /nothing depends on the question/,
  ],
  ["a variable that nothing uses", "{{account}} ", "", line("id: account"), /nothing uses the variable "account"/],
  [
    "a variable that is not there",
    "{{account}}",
    "{{acount}}",
    line("id: script"),
    /nothing fills in "{{acount}}"; did you mean "account"/,
  ],
  [
    "a variable of the wrong type in a redirect URI",
    "https://{{host}}/callback",
    "https://{{account}}/callback",
    line("redirectUris"),
    /only host and url/,
  ],
  [
    "an example that would be refused",
    "example: acme.example.com",
    "example: https://acme.example.com",
    line("id: host"),
    /example would be refused/,
  ],
  [
    "a registration that is not there",
    "    summary: Reads.\n    permissions",
    "    summary: Reads.\n    registration: mian\n    permissions",
    line("summary: Reads.") + 1,
    /no registration "mian"; did you mean "main"/,
  ],
  [
    "a registration without features",
    "questions:",
    "  - { id: idle, displayName: Idle, credential: { kinds: [none] } }\nquestions:",
    line("questions:"),
    /no feature uses the registration/,
  ],
  ["federated without an issuer", "kinds: [secret]", "kinds: [secret, federated]", line("kinds:"), /federated needs issuer and subject/],
  [
    "a condition on a required variable",
    "when: { question: scope, is: [some] }",
    "when: { variable: host }",
    line("value: User.Read,"),
    /always holds/,
  ],
  [
    "Exchange asked to scope what it cannot",
    "because: Reads every user",
    "because: Reads every user, scopedInExchange: { question: scope, is: some }",
    line("User.Read.All"),
    /Exchange cannot scope/,
  ],
  [
    "a field that nothing fills",
    "secret-value]",
    "secret-value, certificate-thumbprint]",
    line("handover"),
    /no registration has a credential of kind certificate/,
  ],
  [
    "a registration that two entries make",
    "questions:",
    "  - { id: main-02, displayName: Other, signIn: Somehow, instances: { title: How many?, max: 3 }, credential: { kinds: [secret] } }\n  - { id: main-02-02, displayName: Third, credential: { kinds: [secret] } }\nquestions:",
    line("questions:") + 1,
    /"main-02-02" would come from two entries/,
  ],
  ["a field that is handed over twice", "secret-value]", "application-id]", line("handover"), /"application-id" is there twice/],
  ["a misspelt field", "summary: Reads.", "summry: Reads.", line("summary: Reads."), /unknown field "summry".*did you mean "summary"/],
  ["what is missing", "version: 2\n", "", 1, /version is missing/],
])("%s is found, with file, line and what to do", (_, from, to, at, says) => {
  const found = broken(from, to);
  expect(
    found.some((each) => new RegExp(`^error acme\\.yaml:${at}:\\d+: `).test(each) && says.test(each)),
    found.join("\n"),
  ).toBe(true);
});

test("a private key in a manifest is refused, and so is a certificate that Microsoft cannot use", () => {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const withPem = (pem: string) =>
    broken("kinds: [secret]", `kinds: [certificate, secret], certificate: ${JSON.stringify(pem)}`).join("\n");
  expect(withPem(privateKey)).toMatch(/private key, which must never leave/);
  expect(withPem(privateKey)).not.toContain(privateKey.slice(60, 100));
  expect(withPem("hello")).toMatch(/not a certificate/);
});

test.each([
  ["nothing", "", /expected object|the manifest/],
  ["a list", "- a\n", /the manifest/],
  ["two documents", `${SOUND}---\n${SOUND}`, /multiple documents/],
  ["the same key twice", SOUND.replace("version: 2", "version: 2\nversion: 3"), /unique/],
  ["an alias to nowhere", SOUND.replace("version: 2", "version: *nowhere"), /nowhere|alias/i],
  [
    "aliases that multiply",
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
    /alias/i,
  ],
])("%s is no manifest, and is said to be so", (_, text, says) => {
  const { manifest, findings: found } = readManifest(text, "acme.yaml");
  expect(manifest).toBeNull();
  expect(found.map(({ at, message }) => `${at} ${message}`).join("\n")).toMatch(says);
  expect(found.every(({ at }) => /^acme\.yaml:\d+:\d+$/.test(at))).toBe(true);
});

test("a changelog that lags behind is a warning, and a manifest with warnings can be used", () => {
  const { manifest, findings: found } = readManifest(SOUND.replace("version: 2\nname", "version: 3\nname"), "acme.yaml");
  expect(manifest?.version).toBe(3);
  expect(found.map(({ level }) => level)).toEqual(["warning"]);
});

test("the JSON Schema that editors read is the one of this program: npm run catalogue:lint -- --schema writes it", () => {
  expect(JSON.parse(readFileSync("lib/catalogue/manifest.schema.json", "utf8"))).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
});

test("the example of the documentation can be used as it stands", () => {
  const [, example = ""] = /```yaml\n([\s\S]+?)```/.exec(readFileSync("docs/manifest.md", "utf8")) ?? [];
  expect(readManifest(example, "docs/manifest.md").findings).toEqual([]);
});

test("the command says the same and ends with 1 when something is to be mended", () => {
  const run = (...files: string[]) => {
    try {
      return {
        code: 0,
        out: execFileSync(process.execPath, ["--import", "tsx", "scripts/catalogue-lint.ts", ...files], { encoding: "utf8" }),
      };
    } catch (error) {
      const { status, stdout } = error as { status: number; stdout: string };
      return { code: status, out: stdout };
    }
  };
  expect(run()).toMatchObject({ code: 0, out: expect.stringMatching(/5 manifests: 0 to mend/) });
  expect(run("lib/catalogue/vendors/cirrus-connect.yaml", "lib/catalogue/vendors/cirrus-connect.yaml")).toMatchObject({
    code: 1,
    out: expect.stringContaining("is there already"),
  });
});
