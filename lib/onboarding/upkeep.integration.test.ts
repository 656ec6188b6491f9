import { afterAll, beforeAll, expect, test } from "vitest";
import { anOnboarding, found, useDatabase } from "../../scripts/test-database";
import * as audit from "../audit/audit";
import type { AuditEvent } from "../audit/events";
import { db } from "../db";
import { failureOf } from "./contact";
import { calendarOf, REMIND_DAYS, remind, reminderDue } from "./upkeep";

let database: Awaited<ReturnType<typeof useDatabase>>;
beforeAll(async () => {
  database = await useDatabase("upkeep");
});
afterAll(async () => {
  await db().$disconnect();
  await database.close();
});

const now = new Date("2026-11-22T12:00:00Z");
const inDays = (days: number, from = now) => new Date(from.getTime() + days * 86_400_000);
const mails = async () =>
  (await database.query(`SELECT "data" FROM pgboss.job WHERE "name" = 'mail' ORDER BY "created_on", "id"`)).map(
    ({ data }) => (data as { mail: { to: string; subject: string; lines: string[]; ics: string } }).mail,
  );

async function live(endsAt: Date) {
  const id = await anOnboarding(db(), now, "Contoso", "cirrus-connect");
  const record = (...events: AuditEvent[]) => db().$transaction((tx) => audit.record(tx, id, { kind: "portal" }, now, ...events));
  await record(
    { type: "run.started", detail: { runId: "r", steps: [{ id: "s", title: "s" }] } },
    {
      type: "step.finished",
      detail: {
        step: "s",
        outcome: "done",
        registration: "server",
        facts: { displayName: "Cirrus Server", keyId: "k-1", secretEndsAt: endsAt.toISOString() },
      },
    },
    { type: "run.finished", detail: { runId: "r", outcome: "done" } },
    { type: "handoff.created", detail: { handoffId: "h", expiresAt: endsAt.toISOString() } },
    { type: "handoff.revealed", detail: { handoffId: "h" } },
  );
  return { id, record };
}

test("people are reminded 60, 30, 14, 7 and 1 days before the end, once each, whatever many processes look", async () => {
  const endsAt = inDays(90);
  const { id } = await live(endsAt);
  expect(await remind(inDays(29))).toBe(0);
  for (const days of REMIND_DAYS) {
    const day = inDays(-days, endsAt);
    const given = await Promise.all([remind(day), remind(day), remind(new Date(day.getTime() + 3_600_000))]);
    expect(
      given.reduce((sum, each) => sum + each, 0),
      `${days} days`,
    ).toBe(1);
  }
  expect(await remind(inDays(1, endsAt)), "after the end there is nothing to remind of").toBe(0);
  const reminded = (await audit.list(found(id))).filter(({ type }) => type === "credential.reminded");
  expect(reminded.map(({ detail }) => detail.days)).toEqual([60, 30, 14, 7, 1]);
  const sent = await mails();
  // The admin and the contact; whoever invited is known of onboardings that support made.
  expect(sent.filter(({ to }) => to === "a@c.example").map(({ subject }) => subject)).toEqual(
    ["60 days", "30 days", "14 days", "7 days", "One day"].map((left) => `${left} left: the secret of Cirrus Connect for Contoso`),
  );
  expect(sent.filter(({ to }) => to === "c@v.example")).toHaveLength(5);
  expect(sent[0]!.lines.join(" ")).toContain("20 Feb 2027, 12:00 UTC");
  expect(
    sent.every(({ lines }) => !lines.join(" ").includes("#")),
    "no bearer is in the queue",
  ).toBe(true);
});

test("a secret that was found late is reminded of once, for the narrowest of the days; a newer one starts anew", async () => {
  const { id, record } = await live(inDays(5));
  expect(await remind(now)).toBe(1);
  expect(await remind(now)).toBe(0);
  await record({
    type: "step.finished",
    detail: { step: "s", outcome: "done", registration: "server", facts: { keyId: "k-2", secretEndsAt: inDays(20).toISOString() } },
  });
  expect(await remind(now)).toBe(1);
  expect(
    (await audit.list(found(id))).filter(({ type }) => type === "credential.reminded").map(({ detail }) => [detail.keyId, detail.days]),
  ).toEqual([
    ["k-1", 7],
    ["k-2", 30],
  ]);
});

test.each([
  [61, null],
  [60, 60],
  [59.9, 60],
  [30, 30],
  [8, 14],
  [7, 7],
  [0.5, 1],
  [0, null],
  [-3, null],
])("with %s days left the reminder of %s days is due", (left, days) => {
  expect(reminderDue(inDays(left), now)).toBe(days);
});

test("the calendar file has the instant in UTC and a reminder of its own", () => {
  const text = calendarOf("k-1", new Date("2027-02-20T12:00:00Z"), 'Cirrus Connect for Contoso, Ltd; "north"');
  expect(text).toMatch(/^BEGIN:VCALENDAR\r\n/);
  expect(text).toContain("DTSTART:20270220T120000Z\r\n");
  expect(text).toContain("UID:k-1@vestibule\r\n");
  expect(text.replaceAll(/\r\n /g, "")).toContain('SUMMARY:Client secret ends: Cirrus Connect for Contoso\\, Ltd\\; "north"');
  expect(text).toContain("BEGIN:VALARM");
  expect(text.endsWith("END:VCALENDAR\r\n") || text.endsWith("END:VCALENDAR")).toBe(true);
});

test.each([
  [
    "Error: AADSTS7000215: Invalid client secret provided. Trace ID: 11111111-2222-4333-8444-555555555555",
    "AADSTS7000215",
    "AADSTS7000215: Invalid client secret provided. Trace ID: 11111111-2222-4333-8444-555555555555",
  ],
  ["it says abc8Q~abcdefghijklmnopqrstuvwxyz012345 is wrong", null, "it says … is wrong"],
  ["key=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789, AADSTS700016 not found", "AADSTS700016", "AADSTS700016 not found"],
  ["a zero \u0000 byte and half a \ud800 pair", null, "a zero byte and half a � pair"],
  ["   ", null, ""],
])("of what a contact reports only number and sentence are kept: %s", (text, code, said) => {
  expect(failureOf(text)).toEqual({ code, said });
});
