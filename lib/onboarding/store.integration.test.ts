import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anOnboarding, useDatabase } from "../../scripts/test-database";
import { db } from "../db";
import { dropLease, LEASE_MS, takeLease } from "./store";

let database: Awaited<ReturnType<typeof useDatabase>>;
beforeAll(async () => {
  database = await useDatabase("leases");
});
afterAll(async () => {
  await db().$disconnect();
  await database.close();
});

test("of many who want to work on an onboarding at the same moment, one may", async () => {
  const id = await anOnboarding(db(), new Date());
  const holders = Array.from({ length: 20 }, () => randomUUID());
  const taken = await Promise.all(holders.map((holder) => takeLease(id, holder)));
  expect(taken.filter(Boolean)).toHaveLength(1);
  const winner = holders[taken.indexOf(true)]!;
  expect(await takeLease(id, winner), "whoever holds it may hold it on").toBe(true);
  expect(await takeLease(id, randomUUID())).toBe(false);
  await dropLease(id, randomUUID());
  expect(await takeLease(id, randomUUID()), "nobody can give back what is another's").toBe(false);
  await dropLease(id, winner);
  expect(await takeLease(id, randomUUID())).toBe(true);
});

test("after a crash the lease lapses by the database's clock, and another may go on", async () => {
  const id = await anOnboarding(db(), new Date());
  expect(await takeLease(id, "dead")).toBe(true);
  const [row] = await database.query(
    `SELECT extract(epoch FROM "leaseUntil" - now()) * 1000 AS left FROM "Onboarding" WHERE "id" = '${id}'`,
  );
  expect(Number(row!.left)).toBeLessThanOrEqual(LEASE_MS);
  await database.query(`UPDATE "Onboarding" SET "leaseUntil" = now() - interval '1 millisecond' WHERE "id" = '${id}'`);
  expect(await takeLease(id, "alive")).toBe(true);
  expect(await takeLease(id, "dead"), "who was thought dead may not go on").toBe(false);
});
