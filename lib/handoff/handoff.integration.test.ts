import { createDecipheriv, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { compactDecrypt, exportJWK, generateKeyPair } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anOnboarding, found, useDatabase } from "../../scripts/test-database";
import * as audit from "../audit/audit";
import { config } from "../config";
import { db } from "../db";
import type { Visitor } from "../http";
import type { SignedIn } from "../proof";
import { seal, sha256 } from "../secret";
import * as handoff from "./handoff";
import * as holder from "./holder";
import type { MachineKey } from "./machine";

let database: Awaited<ReturnType<typeof useDatabase>>;
beforeAll(async () => {
  database = await useDatabase("handoff");
});
afterAll(async () => {
  await db().$disconnect();
  await database.close();
});

const now = new Date();
const payload = {
  displayName: "Cirrus Server",
  applicationId: randomUUID(),
  secretValue: "abc8Q~canary-secret-value",
  secretEndsAt: now.toISOString(),
  tenantName: "Contoso",
  tenantId: randomUUID(),
};

const TENANT = "11111111-1111-4111-8111-111111111111";
const terms = (more: Partial<handoff.Terms> = {}): handoff.Terms => ({
  challenge: "none",
  recipient: "maria@cirrus.example",
  signInTenantId: TENANT,
  hours: 72,
  removes: false,
  ...more,
});
/** A visitor of a network of its own, unless one is asked for. */
const visitor = (network = `net-${randomUUID()}`): Visitor => ({ address: `${network}|${randomUUID()}`, network, browser: "Firefox" });
const somebody = visitor("203.0.113.0/24");

async function aLink(more: Partial<handoff.Terms> = {}) {
  const onboardingId = await anOnboarding(db(), now);
  const holdKey = randomBytes(32);
  const id = await db().$transaction(async (tx) => {
    const expiresAt = new Date(now.getTime() + 3_600_000);
    const created = await handoff.create(tx, { kind: "portal" }, { onboardingId, holdKey, expiresAt }, now);
    await handoff.add(tx, created, holdKey, "server", payload);
    return created;
  });
  const taken = await handoff.takeLink(id, holdKey, terms(more), now);
  if (!taken.ok) throw new Error(taken.refusal.message);
  const key = Buffer.from(new URL(taken.value.link).hash.slice(1), "base64url");
  const derive = (use: string) => Buffer.from(hkdfSync("sha256", key, id, use, 32));
  return { id, onboardingId, holdKey, key, proof: derive("handoff/v1/proof").toString("base64url"), encryption: derive("handoff/v1/enc") };
}
const reveal = (id: string, proof: unknown, answer: holder.Answer = {}, by = somebody) => holder.reveal(id, proof, answer, by, new Date());
/** The link's time is over, on the database's clock. */
const outlive = (id: string, by = "1 second") =>
  database.query(`UPDATE "Handoff" SET "expiresAt" = now() - interval '${by}' WHERE "id" = '${id}'`);
const typesOf = async (onboardingId: string) => (await audit.list(found(onboardingId))).map(({ type }) => type);
const ciphersOf = (id: string) => database.query(`SELECT 1 FROM "HandoffCipher" WHERE "handoffId" = '${id}'`);

function openInner(encryption: Buffer, { inner, boundTo }: handoff.SealedPart) {
  const bytes = Buffer.from(inner, "base64url");
  const cipher = createDecipheriv("aes-256-gcm", encryption, bytes.subarray(0, 12)).setAAD(Buffer.from(boundTo));
  cipher.setAuthTag(bytes.subarray(-16));
  return JSON.parse(Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]).toString());
}

test("of 200 people who reveal at the same moment exactly one reads the values", async () => {
  const { id, proof, encryption, onboardingId } = await aLink();
  const answers = await Promise.all(Array.from({ length: 200 }, () => reveal(id, proof)));
  const winners = answers.flatMap((answer) => (answer.ok ? [answer.value] : []));
  expect(winners).toHaveLength(1);
  expect(openInner(encryption, winners[0]!.parts[0]!)).toEqual(payload);
  expect(answers.filter((answer) => !answer.ok).every((answer) => !answer.ok && answer.refusal.code === "handoff.gone")).toBe(true);
  expect((await audit.list(found(onboardingId))).filter(({ type }) => type === "handoff.revealed")).toHaveLength(1);
  expect(await ciphersOf(id)).toEqual([]);
});

test("that race is lost by a build that reads first and deletes afterwards", async () => {
  const { id } = await aLink();
  const naive = async () => {
    const row = await db().handoffCipher.findFirst({ where: { handoffId: id } });
    if (!row) return false;
    await db().handoffCipher.deleteMany({ where: { handoffId: id } });
    return true;
  };
  const winners = (await Promise.all(Array.from({ length: 200 }, naive))).filter(Boolean);
  expect(winners.length, "or the test above proves nothing").toBeGreaterThan(1);
});

test("a reveal and a revocation at once: one of them happens, never both", async () => {
  for (let round = 0; round < 200; round++) {
    const { id, proof, onboardingId } = await aLink();
    const [revealed, revoked] = await Promise.all([
      reveal(id, proof),
      db().$transaction((tx) => handoff.revoke(tx, { kind: "portal" }, id, "test", now)),
    ]);
    expect([revealed.ok, revoked].filter(Boolean)).toHaveLength(1);
    const types = (await audit.list(found(onboardingId))).map(({ type }) => type);
    expect(types.includes("handoff.revealed")).toBe(revealed.ok);
    expect(types.includes("handoff.revoked")).toBe(revoked);
  }
});

test("a wrong proof, an unknown id and nonsense look alike and use nothing up", async () => {
  const { id, proof } = await aLink();
  const wrong = randomBytes(32).toString("base64url");
  const answers = [
    await reveal(id, wrong),
    await reveal(randomUUID(), proof),
    await reveal("../..", proof),
    await reveal(id, { $ne: "" }),
    await holder.look(id, wrong, somebody, now),
  ];
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(answers[0]).toMatchObject({ ok: false, refusal: { status: 404 } });
  expect((await reveal(id, proof)).ok).toBe(true);
});

test("looking uses nothing up, and an expired link is refused and swept", async () => {
  const { id, proof, onboardingId } = await aLink({ removes: true });
  expect(await holder.look(id, proof, somebody, now)).toMatchObject({ ok: true, value: { state: "pending" } });
  await outlive(id);
  expect(await holder.look(id, proof, somebody, now)).toMatchObject({ ok: true, value: { state: "expired" } });
  expect(await reveal(id, proof)).toMatchObject({ ok: false, refusal: { status: 410 } });
  const swept = await Promise.all([handoff.sweep(now), handoff.sweep(now), handoff.sweep(now)]);
  expect(
    swept.flat().filter((each) => each.id === id),
    "told once, however many processes sweep",
  ).toEqual([{ id, onboardingId, removes: true }]);
  expect(await ciphersOf(id)).toEqual([]);
  expect((await typesOf(onboardingId)).at(-1)).toBe("handoff.expired");
});

test("the link is given out once, and only to the session that it was sealed for", async () => {
  const onboardingId = await anOnboarding(db(), now);
  const holdKey = randomBytes(32);
  const id = await db().$transaction((tx) =>
    handoff.create(tx, { kind: "portal" }, { onboardingId, holdKey, expiresAt: new Date(now.getTime() + 60_000) }, now),
  );
  expect(await handoff.takeLink(id, randomBytes(32), terms(), now)).toMatchObject({ ok: false, refusal: { code: "handoff.not-held" } });
  const taken = await Promise.all([handoff.takeLink(id, holdKey, terms(), now), handoff.takeLink(id, holdKey, terms(), now)]);
  expect(taken.filter(({ ok }) => ok)).toHaveLength(1);
});

/** What the admin's browser does when it seals by hand. */
async function sealedInABrowser(
  onboardingId: string,
  tamper: (sealed: handoff.SealedElsewhere) => handoff.SealedElsewhere = (sealed) => sealed,
) {
  const id = randomUUID();
  const key = randomBytes(32);
  const derive = (use: string) => Buffer.from(hkdfSync("sha256", key, id, use, 32));
  const bound = handoff.boundTo(id, payload.tenantId, payload.applicationId, "server");
  const inner = seal(derive("handoff/v1/enc"), JSON.stringify(payload), bound).toString("base64url");
  const proof = derive("handoff/v1/proof");
  const sealed = tamper({ id, proofHash: sha256(proof).toString("base64url"), parts: [{ part: "server", boundTo: bound, inner }] });
  const about = { onboardingId, boundTo: { server: bound }, terms: terms() };
  const outcome = await db().$transaction((tx) => handoff.createSealed(tx, { kind: "portal" }, sealed, about, now));
  return { id, proof: proof.toString("base64url"), encryption: derive("handoff/v1/enc"), outcome };
}

test("what a browser sealed is revealed once, and the server never had what opens it", async () => {
  const { id, proof, encryption, outcome } = await sealedInABrowser(await anOnboarding(db(), now));
  expect(outcome.ok).toBe(true);
  expect(await database.query(`SELECT "heldKey" FROM "Handoff" WHERE "id" = '${id}'`), "no key is kept").toEqual([{ heldKey: null }]);
  const first = await reveal(id, proof);
  expect(first.ok && openInner(encryption, first.value.parts[0]!)).toEqual(payload);
  expect((await reveal(id, proof)).ok).toBe(false);
});

test("what was sealed for another application, a part too many or too few, or under an id that is taken, is refused and leaves nothing", async () => {
  const onboardingId = await anOnboarding(db(), now);
  const taken = await sealedInABrowser(onboardingId);
  const other = handoff.boundTo(randomUUID(), payload.tenantId, randomUUID(), "server");
  for (const tamper of [
    (sealed: handoff.SealedElsewhere) => ({ ...sealed, parts: sealed.parts.map((part) => ({ ...part, boundTo: other })) }),
    (sealed: handoff.SealedElsewhere) => ({ ...sealed, parts: [...sealed.parts, ...sealed.parts] }),
    (sealed: handoff.SealedElsewhere) => ({ ...sealed, parts: [] }),
    (sealed: handoff.SealedElsewhere) => ({ ...sealed, parts: sealed.parts.map((part) => ({ ...part, inner: "not base64url !" })) }),
    (sealed: handoff.SealedElsewhere) => ({ ...sealed, proofHash: "short" }),
    (sealed: handoff.SealedElsewhere) => ({ ...sealed, id: taken.id }),
    (sealed: handoff.SealedElsewhere) => ({ ...sealed, id: "../../etc" }),
  ]) {
    const before = await database.query(`SELECT count(*) AS n FROM "HandoffCipher"`);
    const { outcome } = await sealedInABrowser(onboardingId, tamper);
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "handoff.bad-seal" } });
    expect(await database.query(`SELECT count(*) AS n FROM "HandoffCipher"`)).toEqual(before);
  }
  expect((await reveal(taken.id, taken.proof)).ok, "the first one is untouched").toBe(true);
});

test("the database alone opens nothing: neither value, key nor proof is in any row", async () => {
  const { key, proof } = await aLink();
  const tables = ["Onboarding", "AuditEvent", "Session", "Handoff", "HandoffCipher"];
  let dump = "";
  for (const table of tables)
    for (const { row } of await database.query(`SELECT t::text AS row FROM "${table}" t`)) dump += `${String(row)}\n`;
  const secret = payload.secretValue;
  for (const canary of [
    secret,
    Buffer.from(secret).toString("hex"),
    Buffer.from(secret).toString("base64"),
    key.toString("hex"),
    key.toString("base64url"),
    proof,
    Buffer.from(proof, "base64url").toString("hex"),
  ])
    expect(dump).not.toContain(canary);
});

test("a reveal and the sweep at the moment of expiry: one of them happens, never both", async () => {
  for (let round = 0; round < 200; round++) {
    const { id, proof, onboardingId } = await aLink();
    // Its end falls between the two, or right before.
    await database.query(
      `UPDATE "Handoff" SET "expiresAt" = clock_timestamp() + ${round % 8} * interval '1 millisecond' WHERE "id" = '${id}'`,
    );
    const [revealed] = await Promise.all([reveal(id, proof), handoff.sweep(now)]);
    if (!revealed.ok) {
      await outlive(id);
      await handoff.sweep(now);
    }
    const types = await typesOf(onboardingId);
    expect([types.includes("handoff.revealed"), types.includes("handoff.expired")]).toEqual([revealed.ok, !revealed.ok]);
    expect(await ciphersOf(id)).toEqual([]);
  }
});

test("a reveal while the credential is issued anew: the old link opens or is ended, never both, and the new one opens", async () => {
  for (let round = 0; round < 200; round++) {
    const { id, proof, onboardingId } = await aLink();
    const holdKey = randomBytes(32);
    const anew = db().$transaction(async (tx) => {
      const isEnded = await handoff.revoke(tx, { kind: "portal" }, id, "A new credential was asked for", now);
      const expiresAt = new Date(now.getTime() + 3_600_000);
      return { isEnded, id: await handoff.create(tx, { kind: "portal" }, { onboardingId, holdKey, expiresAt }, now) };
    });
    const [revealed, issued] = await Promise.all([reveal(id, proof), anew]);
    expect([revealed.ok, issued.isEnded].filter(Boolean)).toHaveLength(1);
    expect(await ciphersOf(id)).toEqual([]);
  }
});

test("the database's clock decides about the end, whatever the server's says", async () => {
  const early = await aLink();
  await database.query(`UPDATE "Handoff" SET "expiresAt" = now() + interval '1 second' WHERE "id" = '${early.id}'`);
  const tenMinutes = 600_000;
  for (const skew of [-tenMinutes, tenMinutes])
    expect(await holder.look(early.id, early.proof, somebody, new Date(Date.now() + skew))).toMatchObject({ value: { state: "pending" } });
  expect((await holder.reveal(early.id, early.proof, {}, somebody, new Date(Date.now() + tenMinutes))).ok, "a second before the end").toBe(
    true,
  );
  const late = await aLink();
  await outlive(late.id);
  const answer = await holder.reveal(late.id, late.proof, {}, somebody, new Date(Date.now() - tenMinutes));
  expect(answer, "a second after the end").toMatchObject({ ok: false, refusal: { code: "handoff.gone" } });
});

test("a key that cannot be reached burns nothing: the second try works", async () => {
  const { id, proof, encryption, onboardingId } = await aLink();
  // What a key service that is down looks like from here: the data key cannot be unwrapped.
  await database.query(
    `UPDATE "HandoffCipher" SET "wrappedKey" = convert_to('gone:', 'UTF8') || substr("wrappedKey", position(':'::bytea in "wrappedKey") + 1) WHERE "handoffId" = '${id}'`,
  );
  await expect(reveal(id, proof)).rejects.toThrow("VESTIBULE_KEYS");
  expect(await database.query(`SELECT "state" FROM "Handoff" WHERE "id" = '${id}'`)).toEqual([{ state: "pending" }]);
  expect(await typesOf(onboardingId)).not.toContain("handoff.revealed");
  const [current] = config().VESTIBULE_KEYS;
  await database.query(
    `UPDATE "HandoffCipher" SET "wrappedKey" = convert_to('${current!.id}:', 'UTF8') || substr("wrappedKey", 6) WHERE "handoffId" = '${id}'`,
  );
  const again = await reveal(id, proof);
  expect(again.ok && openInner(encryption, again.value.parts[0]!)).toEqual(payload);
});

async function aCode(id: string, proof: string): Promise<string> {
  const made = await holder.newCode(id, proof, somebody);
  if (!made.ok) throw new Error(made.refusal.message);
  expect(made.value.to).toBe("maria@cirrus.example");
  return holder.spelledCode(made.value.code);
}

test("the code of the newest mail opens, as it is typed; an older one and none do not", async () => {
  const { id, proof, onboardingId } = await aLink({ challenge: "code" });
  expect(await reveal(id, proof)).toMatchObject({ refusal: { code: "handoff.code-wanted" } });
  const older = await aCode(id, proof);
  const newer = await aCode(id, proof);
  expect(newer).toMatch(/^[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}$/);
  expect(await reveal(id, proof, { code: older })).toMatchObject({ refusal: { code: "handoff.wrong-answer" } });
  expect((await reveal(id, proof, { code: ` ${newer.toLowerCase().replace("-", " ")} ` })).ok).toBe(true);
  expect(await typesOf(onboardingId)).toContain("handoff.challenge-failed");
});

test("a code is over after ten minutes, and the fourth within an hour is not sent", async () => {
  const { id, proof } = await aLink({ challenge: "code" });
  const code = await aCode(id, proof);
  await database.query(`UPDATE "Handoff" SET "verifierEnds" = now() - interval '1 second' WHERE "id" = '${id}'`);
  expect(await reveal(id, proof, { code })).toMatchObject({ refusal: { code: "handoff.code-over" } });
  await aCode(id, proof);
  const third = await aCode(id, proof);
  expect(await holder.newCode(id, proof, somebody)).toMatchObject({ refusal: { code: "handoff.slow-down", status: 429 } });
  expect((await reveal(id, proof, { code: third })).ok, "the newest one still works").toBe(true);
});

test("of 500 wrong codes at once five are looked at, of two networks ten in all; then the values are gone and it is told once", async () => {
  const { id, proof, onboardingId } = await aLink({ challenge: "code" });
  let code = await aCode(id, proof);
  const first = visitor();
  const flood = (by: Visitor) => Promise.all(Array.from({ length: 500 }, (_, index) => reveal(id, proof, { code: `WRONG${index}` }, by)));
  const looked = (answers: Awaited<ReturnType<typeof flood>>) =>
    answers.filter((answer) => !answer.ok && ["handoff.wrong-answer", "handoff.locked"].includes(answer.refusal.code)).length;
  expect(looked(await flood(first))).toBe(5);
  expect(await reveal(id, proof, { code }, first), "the right code is refused while the network is shut out").toMatchObject({
    refusal: { code: "handoff.slow-down" },
  });
  expect(await reveal(id, proof, { code }, visitor()), "five tries end a code").toMatchObject({ refusal: { code: "handoff.code-over" } });
  code = await aCode(id, proof);
  const second = await flood(visitor());
  expect(looked(second)).toBe(5);
  expect(
    second.filter((answer) => !answer.ok && answer.refusal.code === "handoff.locked"),
    "told once",
  ).toHaveLength(1);
  expect(await reveal(id, proof, { code }, visitor())).toMatchObject({ refusal: { code: "handoff.gone" } });
  expect(await ciphersOf(id)).toEqual([]);
  const types = await typesOf(onboardingId);
  expect([
    types.filter((type) => type === "handoff.challenge-failed").length,
    types.filter((type) => type === "handoff.locked").length,
  ]).toEqual([10, 1]);
});

test("of 500 wrong passphrases at once at most five are hashed; the right one opens from elsewhere", async () => {
  const { id, proof } = await aLink({ challenge: "passphrase", passphrase: "correct horse battery" });
  const by = visitor();
  const answers = await Promise.all(Array.from({ length: 500 }, (_, index) => reveal(id, proof, { passphrase: `wrong ${index}` }, by)));
  const codes = answers.map((answer) => (answer.ok ? "" : answer.refusal.code));
  expect(codes.filter((code) => code === "handoff.wrong-answer").length).toBeLessThanOrEqual(5);
  expect(codes.every((code) => ["handoff.wrong-answer", "handoff.busy", "handoff.slow-down"].includes(code))).toBe(true);
  expect((await reveal(id, proof, { passphrase: " correct horse battery " }, visitor())).ok).toBe(true);
});

test("a passphrase that is too short, a lifetime that is not offered and a code for nobody are refused before anything is given out", async () => {
  for (const [wish, words] of [
    [{ challenge: "passphrase", passphrase: "short" }, /12 characters/],
    [{ hours: 5 }, /1, 24, 72 or 168 hours/],
    [{ challenge: "code", recipient: "" }, /Name the person/],
  ] as const)
    await expect(aLink(wish)).rejects.toThrow(words);
});

test("a link for a person who signs in opens for them alone, in their tenant", async () => {
  const { id, proof } = await aLink({ challenge: "sign-in" });
  const person = (tenantId: string, username: string) => ({ person: { tenantId, username } as unknown as SignedIn });
  expect(await reveal(id, proof)).toMatchObject({ refusal: { code: "handoff.wrong-person" } });
  expect(await reveal(id, proof, person(TENANT, "sam@cirrus.example"))).toMatchObject({
    refusal: { message: "You are signed in as sam@cirrus.example. This is for maria@cirrus.example." },
  });
  expect((await reveal(id, proof, person(randomUUID(), "maria@cirrus.example"))).ok, "of the same name in another tenant").toBe(false);
  expect((await reveal(id, proof, person(TENANT, "Maria@Cirrus.example"))).ok).toBe(true);
});

test("a thousand wrong proofs from one address cost the handoff nothing, and are slowed down after sixty", async () => {
  const { id, proof } = await aLink({ challenge: "passphrase", passphrase: "correct horse battery" });
  const by = visitor();
  const wrong = () => reveal(id, randomBytes(32).toString("base64url"), { passphrase: "x" }, by);
  const codes: string[] = [];
  for (let batch = 0; batch < 20; batch++)
    for (const answer of await Promise.all(Array.from({ length: 50 }, wrong))) codes.push(answer.ok ? "" : answer.refusal.code);
  expect(codes.filter((code) => code === "handoff.not-found")).toHaveLength(60);
  expect(codes.filter((code) => code === "handoff.slow-down")).toHaveLength(940);
  expect(await database.query(`SELECT "tries" FROM "Handoff" WHERE "id" = '${id}'`)).toEqual([{ tries: 0 }]);
  expect((await reveal(id, proof, { passphrase: "correct horse battery" }, visitor())).ok).toBe(true);
});

test("what the contact says afterwards is recorded, each once; before the reveal nothing can be said", async () => {
  const { id, proof, onboardingId } = await aLink();
  const say = (word: holder.Word, failure: { code: string | null; said: string } | null = null) =>
    holder.say(id, proof, word, failure, somebody, now);
  expect(await say("reported")).toMatchObject({ refusal: { code: "handoff.gone" } });
  await reveal(id, proof);
  expect(await say("saved")).toMatchObject({ value: { isNews: true } });
  expect(
    await Promise.all([say("reported"), say("reported")]).then((all) => all.filter((each) => each.ok && each.value.isNews)),
  ).toHaveLength(1);
  await say("failing", { code: "AADSTS7000215", said: "AADSTS7000215: Invalid client secret provided." });
  expect(await typesOf(onboardingId)).toEqual([
    "onboarding.created",
    "handoff.created",
    "handoff.revealed",
    "handoff.saved",
    "handoff.reported",
    "handoff.failing",
  ]);
  const wrongProof = await holder.say(id, randomBytes(32).toString("base64url"), "reported", null, somebody, now);
  expect(wrongProof).toMatchObject({ refusal: { status: 404 } });
});

test("a restored database would open links a second time, so the runbook ends all that are pending first", async () => {
  const links = [await aLink(), await aLink()];
  expect(await handoff.revokeAll("Restored from a backup", now)).toBeGreaterThanOrEqual(2);
  for (const { id, proof } of links) {
    expect(await reveal(id, proof)).toMatchObject({ refusal: { code: "handoff.gone" } });
    expect(await ciphersOf(id)).toEqual([]);
  }
});

test("after a rotation of the ring pending links open with the new key alone, and only what needed it was wrapped anew", async () => {
  const before = await aLink();
  const ring = config().VESTIBULE_KEYS;
  const fresh = { id: "k2", key: randomBytes(32) };
  ring.unshift(fresh);
  const after = await aLink();
  expect(await handoff.rewrap()).toBeGreaterThanOrEqual(1);
  expect(await handoff.rewrap()).toBe(0);
  const [old] = ring.splice(1, 1);
  try {
    for (const { id, proof, encryption } of [before, after]) {
      const revealed = await reveal(id, proof);
      expect(revealed.ok && openInner(encryption, revealed.value.parts[0]!)).toEqual(payload);
    }
  } finally {
    ring.push(old!);
  }
});

test("the vendor's own system gets the values once, sealed to its key; a link and it cannot both have them", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ECDH-ES+A256KW", { crv: "P-256", extractable: true });
  const machineKey = { ...(await exportJWK(publicKey)), kid: "cirrus-2026" } as MachineKey;
  for (const way of ["machine first", "link first", "both at once"]) {
    const onboardingId = await anOnboarding(db(), now);
    const holdKey = randomBytes(32);
    const id = await db().$transaction(async (tx) => {
      const created = await handoff.create(
        tx,
        { kind: "portal" },
        { onboardingId, holdKey, expiresAt: new Date(now.getTime() + 3_600_000) },
        now,
      );
      await handoff.add(tx, created, holdKey, "server", payload, machineKey);
      return created;
    });
    expect(await handoff.collect(onboardingId, now), "nothing before the admin gave it out").toBeNull();
    const taken = await handoff.takeLink(id, holdKey, terms(), now);
    const key = Buffer.from(new URL(taken.ok ? taken.value.link : "").hash.slice(1), "base64url");
    const proof = Buffer.from(hkdfSync("sha256", key, id, "handoff/v1/proof", 32)).toString("base64url");
    const byLink = () => reveal(id, proof).then(({ ok }) => ok);
    const byMachine = async () => {
      const collected = await handoff.collect(onboardingId, now);
      if (!collected) return false;
      const [jwe = ""] = collected.jwes;
      const { plaintext, protectedHeader } = await compactDecrypt(jwe, privateKey);
      expect(protectedHeader).toMatchObject({ kid: "cirrus-2026", enc: "A256GCM" });
      expect(JSON.parse(Buffer.from(plaintext).toString())).toEqual({ part: "server", ...payload });
      return true;
    };
    const opened =
      way === "machine first"
        ? [await byMachine(), await byLink(), await byMachine()]
        : way === "link first"
          ? [await byLink(), await byMachine()]
          : await Promise.all([byLink(), byMachine(), byMachine()]);
    expect(opened.filter(Boolean), way).toHaveLength(1);
    expect(await ciphersOf(id)).toEqual([]);
  }
});

test("a sealed part moved to another row, and any flipped bit, is refused", async () => {
  const source = await aLink();
  const spoiled = async (change: string) => {
    const { id, proof } = await aLink();
    await database.query(`UPDATE "HandoffCipher" SET ${change} WHERE "handoffId" = '${id}'`);
    return reveal(id, proof);
  };
  const of = (column: string) => `"${column}" = (SELECT "${column}" FROM "HandoffCipher" WHERE "handoffId" = '${source.id}')`;
  for (const change of [
    of("outer"),
    of("wrappedKey"),
    `${of("outer")}, ${of("wrappedKey")}`,
    `"boundTo" = "boundTo" || 'x'`,
    ...[0, 97, 300].map((bit) => `"outer" = set_bit("outer", ${bit}, 1 - get_bit("outer", ${bit}))`),
  ])
    await expect(spoiled(change), change).rejects.toThrow();
  const wholeRow = await aLink();
  await database.query(
    `UPDATE "HandoffCipher" SET ${of("outer")}, ${of("wrappedKey")}, ${of("boundTo")} WHERE "handoffId" = '${wholeRow.id}'`,
  );
  const foreign = await reveal(wholeRow.id, wholeRow.proof);
  expect(
    () => openInner(wholeRow.encryption, foreign.ok ? foreign.value.parts[0]! : { part: "", boundTo: "", inner: "" }),
    "the link's own lock",
  ).toThrow();
});
