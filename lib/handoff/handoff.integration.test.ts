import { createDecipheriv, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anOnboarding, useDatabase } from "../../scripts/test-database";
import * as audit from "../audit/audit";
import { db } from "../db";
import { seal, sha256 } from "../secret";
import * as handoff from "./handoff";

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

async function aLink({ expiresAt = new Date(now.getTime() + 3_600_000) } = {}) {
  const onboardingId = await anOnboarding(db(), now);
  const holdKey = randomBytes(32);
  const id = await db().$transaction(async (tx) => {
    const created = await handoff.create(tx, { kind: "portal" }, { onboardingId, holdKey, expiresAt }, now);
    await handoff.add(tx, created, holdKey, "server", payload);
    return created;
  });
  const link = await handoff.takeLink(id, holdKey, now);
  const key = link.ok ? Buffer.from(new URL(link.value).hash.slice(1), "base64url") : Buffer.alloc(32);
  const derive = (use: string) => Buffer.from(hkdfSync("sha256", key, id, use, 32));
  return { id, onboardingId, holdKey, key, proof: derive("handoff/v1/proof").toString("base64url"), encryption: derive("handoff/v1/enc") };
}

function openInner(encryption: Buffer, { inner, boundTo }: handoff.SealedPart) {
  const bytes = Buffer.from(inner, "base64url");
  const cipher = createDecipheriv("aes-256-gcm", encryption, bytes.subarray(0, 12)).setAAD(Buffer.from(boundTo));
  cipher.setAuthTag(bytes.subarray(-16));
  return JSON.parse(Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]).toString());
}

test("of 200 people who reveal at the same moment exactly one reads the values", async () => {
  const { id, proof, encryption, onboardingId } = await aLink();
  const answers = await Promise.all(Array.from({ length: 200 }, () => handoff.reveal(id, proof, now)));
  const winners = answers.flatMap((answer) => (answer.ok ? [answer.value] : []));
  expect(winners).toHaveLength(1);
  expect(openInner(encryption, winners[0]![0]!)).toEqual(payload);
  expect(answers.filter((answer) => !answer.ok).every((answer) => !answer.ok && answer.refusal.code === "handoff.gone")).toBe(true);
  expect((await audit.list(onboardingId)).filter(({ type }) => type === "handoff.revealed")).toHaveLength(1);
  expect(await database.query(`SELECT 1 FROM "HandoffCipher" WHERE "handoffId" = '${id}'`)).toEqual([]);
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
  for (let round = 0; round < 30; round++) {
    const { id, proof, onboardingId } = await aLink();
    const [revealed, revoked] = await Promise.all([
      handoff.reveal(id, proof, now),
      db().$transaction((tx) => handoff.revoke(tx, { kind: "portal" }, id, "test", now)),
    ]);
    expect([revealed.ok, revoked].filter(Boolean)).toHaveLength(1);
    const types = (await audit.list(onboardingId)).map(({ type }) => type);
    expect(types.includes("handoff.revealed")).toBe(revealed.ok);
    expect(types.includes("handoff.revoked")).toBe(revoked);
  }
});

test("a wrong proof, an unknown id and nonsense look alike and use nothing up", async () => {
  const { id, proof } = await aLink();
  const wrong = randomBytes(32).toString("base64url");
  const answers = [
    await handoff.reveal(id, wrong, now),
    await handoff.reveal(randomUUID(), proof, now),
    await handoff.reveal("../..", proof, now),
    await handoff.reveal(id, { $ne: "" }, now),
    await handoff.look(id, wrong, now),
  ];
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(answers[0]).toMatchObject({ ok: false, refusal: { status: 404 } });
  expect((await handoff.reveal(id, proof, now)).ok).toBe(true);
});

test("looking uses nothing up, and an expired link is refused and swept", async () => {
  const { id, proof, onboardingId } = await aLink({ expiresAt: new Date(now.getTime() + 1500) });
  expect(await handoff.look(id, proof, now)).toMatchObject({ ok: true, value: { state: "pending" } });
  await expect.poll(() => handoff.sweep(new Date()), { timeout: 10_000 }).toBeGreaterThan(0);
  expect(await handoff.reveal(id, proof, new Date())).toMatchObject({ ok: false, refusal: { status: 410 } });
  expect(await database.query(`SELECT 1 FROM "HandoffCipher" WHERE "handoffId" = '${id}'`)).toEqual([]);
  expect((await audit.list(onboardingId)).at(-1)?.type).toBe("handoff.expired");
});

test("the link is given out once, and only to the session that it was sealed for", async () => {
  const onboardingId = await anOnboarding(db(), now);
  const holdKey = randomBytes(32);
  const id = await db().$transaction((tx) =>
    handoff.create(tx, { kind: "portal" }, { onboardingId, holdKey, expiresAt: new Date(now.getTime() + 60_000) }, now),
  );
  expect(await handoff.takeLink(id, randomBytes(32), now)).toMatchObject({ ok: false, refusal: { code: "handoff.not-held" } });
  const taken = await Promise.all([handoff.takeLink(id, holdKey, now), handoff.takeLink(id, holdKey, now)]);
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
  const about = { onboardingId, boundTo: { server: bound }, expiresAt: new Date(now.getTime() + 3_600_000) };
  const outcome = await db().$transaction((tx) => handoff.createSealed(tx, { kind: "portal" }, sealed, about, now));
  return { id, proof: proof.toString("base64url"), encryption: derive("handoff/v1/enc"), outcome };
}

test("what a browser sealed is revealed once, and the server never had what opens it", async () => {
  const { id, proof, encryption, outcome } = await sealedInABrowser(await anOnboarding(db(), now));
  expect(outcome.ok).toBe(true);
  expect(await database.query(`SELECT "heldKey" FROM "Handoff" WHERE "id" = '${id}'`), "no key is kept").toEqual([{ heldKey: null }]);
  const first = await handoff.reveal(id, proof, now);
  expect(first.ok && openInner(encryption, first.value[0]!)).toEqual(payload);
  expect((await handoff.reveal(id, proof, now)).ok).toBe(false);
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
  expect((await handoff.reveal(taken.id, taken.proof, now)).ok, "the first one is untouched").toBe(true);
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
