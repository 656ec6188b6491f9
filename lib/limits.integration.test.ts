import { afterAll, beforeAll, expect, test } from "vitest";
import { useDatabase } from "../scripts/test-database";
import { db } from "./db";
import { overLimit } from "./limits";

let database: Awaited<ReturnType<typeof useDatabase>>;
beforeAll(async () => {
  database = await useDatabase("limits");
});
afterAll(async () => {
  await db().$disconnect();
  await database.close();
});

const many = (count: number, method: string, path: string, address: string) =>
  Promise.all(Array.from({ length: count }, () => overLimit(method, path, address)));

test("sixty sign-ins a minute from one address, however many come at once; the next is told from when", async () => {
  const answers = await many(70, "POST", "/api/session", "203.0.113.7");
  expect(answers.filter((answer) => answer === null)).toHaveLength(60);
  const refused = answers.find((answer) => answer !== null)!;
  expect(refused).toMatchObject({ status: 429, code: "http.too-many" });
  expect(refused.retryAt!.getTime()).toBeGreaterThan(Date.now());
  expect(refused.retryAt!.getTime()).toBeLessThanOrEqual(Date.now() + 61_000);
});

test("another address, and other things from the same address, are counted by themselves", async () => {
  await many(60, "POST", "/o/11111111-1111-4111-8111-111111111111/open", "203.0.113.8");
  expect(await overLimit("POST", "/o/22222222-2222-4222-8222-222222222222/open", "203.0.113.8")).not.toBeNull();
  expect(await overLimit("POST", "/o/22222222-2222-4222-8222-222222222222/open", "203.0.113.9")).toBeNull();
  expect(await overLimit("POST", "/api/session", "203.0.113.8")).toBeNull();
});

test("addresses of one IPv6 network are counted together: a home has billions", async () => {
  await Promise.all(Array.from({ length: 60 }, (_, host) => overLimit("POST", "/api/session", `2001:db8:1:${host.toString(16)}::1`)));
  expect(await overLimit("POST", "/api/session", "2001:db8:1:ffff::2")).not.toBeNull();
  expect(await overLimit("POST", "/api/session", "2001:db8:2::1")).toBeNull();
});

test("pages and the calls that prove themselves are not counted here", async () => {
  await Promise.all(
    ["/", "/desk", "/o/x/run", "/_next/static/a.js"].flatMap((path) =>
      Array.from({ length: 3 }, () => overLimit("GET", path, "203.0.113.10")),
    ),
  );
  await many(3, "POST", "/api/h/x/reveal", "203.0.113.10");
  await many(3, "POST", "/api/v1/onboardings", "203.0.113.10");
  expect(await database.query(`SELECT "key" FROM "Allowance" WHERE "key" LIKE '%203.0.113.10'`)).toEqual([]);
});
