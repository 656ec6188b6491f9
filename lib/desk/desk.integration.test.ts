import { afterAll, beforeAll, expect, test } from "vitest";
import { anOnboarding, useDatabase } from "../../scripts/test-database";
import * as audit from "../audit/audit";
import type { AuditEvent } from "../audit/events";
import { db } from "../db";
import type { Support } from "../proof";
import { all, list } from "./desk";
import { SORTS, type View, viewFrom } from "./view";

let database: Awaited<ReturnType<typeof useDatabase>>;
beforeAll(async () => {
  database = await useDatabase("desk");
});
afterAll(async () => {
  await db().$disconnect();
  await database.close();
});

const now = new Date("2026-11-22T12:00:00Z");
const later = (ms: number) => new Date(now.getTime() + ms);
const DAY = 86_400_000;
const support = { vendors: "all" } as unknown as Support;
const view = (change: Partial<View> = {}) => ({ ...viewFrom({}), ...change });
const namesOf = async (change: Partial<View>, at = now) =>
  (await list(support, view(change), at)).items.map(({ customerName }) => customerName);
const record = (id: string, at: Date, ...events: AuditEvent[]) =>
  db().$transaction((tx) => audit.record(tx, id, { kind: "portal" }, at, ...events));
const signedIn = (tenantId: string): AuditEvent => ({
  type: "admin.signed-in",
  detail: { tenantId, tenantName: "Tenant", domain: "c.example" } as never,
});

test("page after page shows each onboarding once, in every order, whatever many are alike", async () => {
  const ids = new Set<string>();
  for (let index = 0; index < 120; index++) ids.add(await anOnboarding(db(), later((index % 7) * 1000), `Alike ${index % 3}`));
  for (const sort of SORTS) {
    const seen: string[] = [];
    let after: View["after"] = null;
    do {
      const page = await list(support, view({ sort, after }), now);
      seen.push(...page.items.map(({ id }) => id));
      after = page.next;
    } while (after);
    expect(seen, sort).toHaveLength(120);
    expect(new Set(seen), sort).toEqual(ids);
  }
  let rows = 0;
  for await (const part of all(support, view(), now)) rows += part.length;
  expect(rows).toBe(120);
  expect(await list(support, view(), now)).toMatchObject({ matches: 120, isMore: false });
});

test("a place in the list that is nonsense shows nothing, and no error", async () => {
  expect(await list(support, view({ after: ["not a time", "6f1c7f0e-8f4a-4c89-9b1e-0d0c8a1f2b3c"] }), now)).toMatchObject({
    items: [],
    next: null,
  });
});

test("an onboarding is found by its name, in any script, by the beginnings of words, and by every id of it", async () => {
  const tenantId = "9d2c4ad4-7c58-4f11-8a0b-3a1f0c9e7d21";
  const appId = "0c9e7d21-1111-4f11-8a0b-9d2c4ad47c58";
  const requestId = "5b3e0a7c-2222-4f11-8a0b-9d2c4ad47c58";
  const id = await anOnboarding(db(), now, `Müller "& Söhne" 100% شركة`);
  await record(
    id,
    now,
    signedIn(tenantId),
    { type: "step.finished", detail: { step: "s", outcome: "done", registration: "server", facts: { displayName: "Server", appId } } },
    {
      type: "graph.called",
      detail: { method: "GET", path: "/x", status: 403, attempt: 1, durationMs: 1, requestId, clientRequestId: appId } as never,
    },
  );
  for (const q of ["muller", "Mül sö", "100%", `"& Söhne"`, "شرك", tenantId, appId.toUpperCase(), requestId, id])
    expect(await namesOf({ q }), q).toEqual([`Müller "& Söhne" 100% شركة`]);
  for (const q of ["üller", "%", "_", "'; --", "🏢", "6f1c7f0e-8f4a-4c89-9b1e-0d0c8a1f2b3c"]) expect(await namesOf({ q }), q).toEqual([]);
});

test("filters say what the list shows: an invitation that ended is expired, and waits for the vendor", async () => {
  const id = await anOnboarding(db(), later(-5 * DAY), "Filtered");
  await record(id, later(-5 * DAY), { type: "invitation.renewed", detail: { expiresAt: later(DAY).toISOString() } });
  await database.query(`UPDATE "Onboarding" SET "expiresAt" = '${later(DAY).toISOString()}' WHERE "id" = '${id}'`);
  const q = "filtered";
  expect(await namesOf({ q, status: "invited" })).toEqual(["Filtered"]);
  expect(await namesOf({ q, waiting: "admin" })).toEqual(["Filtered"]);
  expect(await namesOf({ q, stuck: 5 })).toEqual(["Filtered"]);
  expect(await namesOf({ q, stuck: 6 })).toEqual([]);
  expect(await namesOf({ q, expiring: 1 })).toEqual(["Filtered"]);
  expect(await namesOf({ q, product: "another" })).toEqual([]);
  const afterwards = later(2 * DAY);
  expect(await namesOf({ q, status: "invited" }, afterwards)).toEqual([]);
  expect(await namesOf({ q, status: "expired", waiting: "vendor", stuck: 1 }, afterwards)).toEqual(["Filtered"]);
  expect(await namesOf({ q, expiring: 30 }, afterwards), "what has ended does not end").toEqual([]);
});
