import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PrismaClient } from "../../prisma/client/client";
import { anOnboarding, found, useDatabase } from "../../scripts/test-database";
import { databaseAdapter, db } from "../db";
import * as audit from "./audit";

let database: Awaited<ReturnType<typeof useDatabase>>;
beforeAll(async () => {
  database = await useDatabase("audit");
});
afterAll(async () => {
  await db().$disconnect();
  await database.close();
});

const now = new Date("2026-11-22T10:00:00.123Z");
const mailed = (to: string) => ({ type: "invitation.mailed", detail: { to } }) as const;

test("records of many writers at once form one chain without gaps", async () => {
  const id = await anOnboarding(db(), now, 'Ünïcode 😀 "quoted"');
  await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      db().$transaction((tx) =>
        audit.record(tx, id, { kind: "portal" }, now, mailed(`${n}@x.example`), { type: "invitation.opened", detail: {} }),
      ),
    ),
  );
  expect((await audit.list(found(id))).map(({ seq }) => seq)).toEqual(Array.from({ length: 81 }, (_, n) => n + 1));
  expect(await audit.verify()).toMatchObject({ ok: true });
});

test("writers that go on from the end that they wrote last form one chain with all others", async () => {
  const id = await anOnboarding(db(), now, "Side by side");
  const often = async (who: string) => {
    let end: Parameters<typeof audit.recordAfter>[0] = null;
    for (let n = 0; n < 15; n++)
      end = await audit.recordAfter(end, id, { kind: "portal" }, now, [mailed(`${who}${n}@x.example`), mailed("b@x.example")]);
    return end!;
  };
  const now1 = db().$transaction((tx) => audit.record(tx, id, { kind: "portal" }, now, mailed("other@x.example")));
  const ends = await Promise.all([often("a"), often("c"), often("d")]);
  await now1;
  const records = await audit.list(found(id));
  expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: 92 }, (_, n) => n + 1));
  expect(Math.max(...ends.map(({ headSeq }) => headSeq))).toBeGreaterThanOrEqual(90);
  for (const who of ["a", "c", "d"])
    expect(
      records.flatMap(({ detail }) => (String(detail.to).startsWith(who) ? [detail.to] : [])),
      "in the order in which they were written",
    ).toEqual(Array.from({ length: 15 }, (_, n) => `${who}${n}@x.example`));
  expect(await audit.verify()).toMatchObject({ ok: true });
});

test("a trail that is written to while it is proven is not called broken", async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, (_, n) => anOnboarding(db(), now, `Writer ${n}`)));
  let isOver = false;
  const writers = ids.map(async (id) => {
    for (let n = 0; !isOver; n++) await db().$transaction((tx) => audit.record(tx, id, { kind: "portal" }, now, mailed(`${n}@x.example`)));
  });
  const verdicts = [];
  for (let n = 0; n < 30; n++) verdicts.push(await audit.verify());
  isOver = true;
  await Promise.all(writers);
  expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
  expect(await audit.verify()).toMatchObject({ ok: true });
});

test("the database refuses to change, delete or truncate what was recorded", async () => {
  const id = await anOnboarding(db(), now, 'Ünïcode 😀 "quoted"');
  await db().$transaction((tx) => audit.record(tx, id, { kind: "portal" }, now, mailed("a@x.example")));
  for (const sql of [
    `UPDATE "AuditEvent" SET "type" = 'nothing'`,
    `DELETE FROM "AuditEvent"`,
    `TRUNCATE "AuditEvent" CASCADE`,
    `DELETE FROM "Onboarding" WHERE "id" = '${id}'`,
  ])
    await expect(database.query(sql), sql).rejects.toThrow(/append-only|foreign key/);
});

test("a changed, a removed and a missing last record are found and named", async () => {
  const id = await anOnboarding(db(), now, 'Ünïcode 😀 "quoted"');
  await db().$transaction((tx) =>
    audit.record(tx, id, { kind: "portal" }, now, mailed("a@x.example"), mailed("b@x.example"), mailed("c@x.example")),
  );
  const asOwner = async (sql: string) => {
    await database.query('ALTER TABLE "AuditEvent" DISABLE TRIGGER USER');
    await database.query(sql);
    await database.query('ALTER TABLE "AuditEvent" ENABLE TRIGGER USER');
  };
  await asOwner(`UPDATE "AuditEvent" SET "detail" = '{"to":"z@x.example"}' WHERE "onboardingId" = '${id}' AND "seq" = 3`);
  expect(await audit.verify()).toMatchObject({ ok: false, onboardingId: id, seq: 3, reason: expect.stringContaining("content") });
  await asOwner(`UPDATE "AuditEvent" SET "detail" = '{"to":"b@x.example"}' WHERE "onboardingId" = '${id}' AND "seq" = 3`);
  expect(await audit.verify()).toMatchObject({ ok: true });
  await asOwner(`DELETE FROM "AuditEvent" WHERE "onboardingId" = '${id}' AND "seq" = 4`);
  expect(await audit.verify()).toMatchObject({ ok: false, onboardingId: id, seq: 4 });
});

test("the same migrations and the same trail work on the embedded database", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "embedded-"));
  // Prisma's schema engine lives once in a process.
  const { stdout } = spawnSync(process.execPath, ["--import", "tsx", "scripts/migrate.ts"], {
    env: { ...process.env, DATABASE_URL: "", DATA_DIR: folder },
    encoding: "utf8",
  });
  expect(stdout).toContain("applied 0001_init");
  const client = new PrismaClient({ adapter: databaseAdapter({ folder }) });
  const id = await anOnboarding(client, now);
  await client.$transaction((tx) => audit.record(tx, id, { kind: "portal" }, now, mailed("a@x.example"), mailed("b@x.example")));
  expect(await audit.verify(client)).toEqual({ ok: true, onboardings: 1, records: 3, checkpoints: 0 });
  await expect(client.auditEvent.deleteMany()).rejects.toThrow(/append-only/);
  await client.$disconnect();
  rmSync(folder, { recursive: true, force: true });
});
