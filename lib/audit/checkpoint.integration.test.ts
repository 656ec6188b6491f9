import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { anOnboarding, found, useDatabase } from "../../scripts/test-database";
import { db } from "../db";
import * as audit from "./audit";
import { makeCheckpoint, newestCheckpoints, publicKeys } from "./checkpoint";

let database: Awaited<ReturnType<typeof useDatabase>>;
beforeAll(async () => {
  database = await useDatabase("checkpoints");
});
afterAll(async () => {
  await db().$disconnect();
  await database.close();
});

const DAY_MS = 86_400_000;
let now = new Date("2026-11-22T10:00:00.123Z");
const asOwner = async (...statements: string[]) => {
  for (const table of ["AuditEvent", "AuditCheckpoint", "AuditHead"]) await database.query(`ALTER TABLE "${table}" DISABLE TRIGGER USER`);
  for (const statement of statements) await database.query(statement);
  for (const table of ["AuditEvent", "AuditCheckpoint", "AuditHead"]) await database.query(`ALTER TABLE "${table}" ENABLE TRIGGER USER`);
};
const grow = (id: string, times = 1) =>
  db().$transaction((tx) =>
    audit.record(
      tx,
      id,
      { kind: "portal" },
      now,
      ...Array.from({ length: times }, () => ({ type: "invitation.opened", detail: {} }) as const),
    ),
  );
const verdict = () => audit.verify(db(), publicKeys());
let ids: string[];
beforeEach(async () => {
  await asOwner(
    ...["AuditHead", "AuditCheckpoint", "AuditEvent", "Journey", "StatusChange", "Onboarding"].map((table) => `DELETE FROM "${table}"`),
  );
  ids = await Promise.all(Array.from({ length: 5 }, (_, n) => anOnboarding(db(), now, `Customer ${n}`)));
  for (const id of ids) await grow(id, 3);
  await makeCheckpoint(now);
  now = new Date(now.getTime() + DAY_MS);
  await grow(ids[0]!, 2);
  await makeCheckpoint(now);
  expect(await verdict()).toMatchObject({ ok: true, checkpoints: 2 });
});

test("a checkpoint is made once a day, over what has grown, and not over nothing", async () => {
  expect(await newestCheckpoints()).toMatchObject([
    { number: 2, heads: 1 },
    { number: 1, heads: 5 },
  ]);
  await grow(ids[1]!);
  expect(await makeCheckpoint(new Date(now.getTime() + 3_600_000), true), "not yet a day old").toBeNull();
  expect(await makeCheckpoint(new Date(now.getTime() + DAY_MS), true)).toMatchObject({ number: 3, heads: 1 });
  expect(await makeCheckpoint(new Date(now.getTime() + 2 * DAY_MS), true), "nothing has grown").toBeNull();
});

test("a trail whose end was cut off is found, although its chain is whole", async () => {
  const [victim = ""] = ids;
  const [last] = await database.query(`SELECT "hash" FROM "AuditEvent" WHERE "onboardingId" = '${victim}' AND "seq" = 5`);
  await asOwner(
    `DELETE FROM "AuditEvent" WHERE "onboardingId" = '${victim}' AND "seq" > 5`,
    `UPDATE "Onboarding" SET "headSeq" = 5, "headHash" = '${String(last!.hash)}' WHERE "id" = '${victim}'`,
  );
  expect(await verdict()).toMatchObject({ ok: false, checkpoint: 2, onboardingId: victim, seq: 6 });
});

test("an onboarding that was taken away with its whole trail is found", async () => {
  const victim = ids[3]!;
  await asOwner(
    ...["AuditEvent", "Journey", "StatusChange"].map((table) => `DELETE FROM "${table}" WHERE "onboardingId" = '${victim}'`),
    `DELETE FROM "Onboarding" WHERE "id" = '${victim}'`,
  );
  expect(await verdict()).toMatchObject({ ok: false, checkpoint: 1, onboardingId: victim });
});

test("a checkpoint that was changed, removed, or signed by somebody else is found", async () => {
  await asOwner(`DELETE FROM "AuditHead" WHERE "checkpoint" = 1 AND "onboardingId" = '${ids[2]}'`);
  expect(await verdict()).toMatchObject({ ok: false, checkpoint: 1, reason: expect.stringContaining("list of chains") });
  await asOwner(`DELETE FROM "AuditCheckpoint" WHERE "number" = 1`);
  expect(await verdict()).toMatchObject({ ok: false, checkpoint: 2, reason: "checkpoint 1 is missing" });
  expect(await audit.verify(db(), ["another key"])).toMatchObject({ ok: false });
});

test("a checkpoint of a foreign key counts for nothing where the portal's keys are known", async () => {
  expect(await audit.verify(db(), ["another key"])).toMatchObject({
    ok: false,
    checkpoint: 1,
    reason: expect.stringContaining("not the portal's"),
  });
});

test("the database refuses to change checkpoints", async () => {
  for (const sql of [
    `UPDATE "AuditCheckpoint" SET "heads" = 0`,
    `DELETE FROM "AuditCheckpoint"`,
    `TRUNCATE "AuditCheckpoint"`,
    `UPDATE "AuditHead" SET "seq" = 1`,
    `DELETE FROM "AuditHead"`,
    `TRUNCATE "AuditHead"`,
  ])
    await expect(database.query(sql), sql).rejects.toThrow(/append-only/);
});

test("a customer proves the exported record without the portal, and sees what was changed in it", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "vestibule-record-"));
  const prove = (record: unknown, key?: string) => {
    const file = path.join(folder, "record.json");
    writeFileSync(file, JSON.stringify(record));
    const { status, stdout } = spawnSync(process.execPath, ["public/verify-record.mjs", file, ...(key ? [key] : [])], { encoding: "utf8" });
    return `${status} ${stdout}`;
  };
  for (const id of ids) {
    const record = JSON.parse(JSON.stringify(await audit.exported(found(id), { product: "p", customer: "Contoso" })));
    expect(prove(record, publicKeys()[0])).toMatch(/^0 .*each follows the one before it\.\nUp to record \d it is signed/);
    expect(JSON.stringify(record), "nobody else's is shown").not.toMatch(new RegExp(ids.filter((other) => other !== id).join("|")));
    expect(prove({ ...record, records: record.records.slice(0, -1) })).toMatch(/^1 .*BROKEN: record \d is missing, which checkpoint/s);
    expect(prove({ ...record, records: record.records.toSpliced(1, 1) })).toMatch(/^1 BROKEN: record 2 is missing/);
    const changed = structuredClone(record);
    changed.records[1].at = "2020-01-01T00:00:00.000Z";
    expect(prove(changed)).toMatch(/^1 BROKEN: record 2 is not what was written/);
    const other = structuredClone(record);
    other.inclusion.checkpoint.at = "2020-01-01T00:00:00.000Z";
    expect(prove(other)).toMatch(/^1 .*BROKEN: checkpoint \d was not signed/s);
  }
  const early = JSON.parse(JSON.stringify(await audit.exported(found(await anOnboarding(db(), now)), { product: "p", customer: "New" })));
  expect(prove(early)).toMatch(/^0 .*No checkpoint covers it yet/s);
});
