import { afterAll, beforeAll, expect, test } from "vitest";
import { found, useDatabase } from "../../scripts/test-database";
import * as audit from "../audit/audit";
import { db } from "../db";
import type { Support } from "../proof";
import { findByLink } from "./find";
import * as invitation from "./invitation";
import { endInvitations, tidy } from "./upkeep";

let database: Awaited<ReturnType<typeof useDatabase>>;
beforeAll(async () => {
  database = await useDatabase("invitation");
});
afterAll(async () => {
  await db().$disconnect();
  await database.close();
});

const now = new Date("2026-11-22T12:00:00Z");
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000);
const support = {
  ...{ vendors: "all", mayChange: true, mayManage: true, mayOperate: false, name: "Sam", username: "sam@cirrus.example" },
  ...{ objectId: "o", tenantId: "t" },
} as unknown as Support;
const wish = (change: object = {}) => ({
  productId: "cirrus-connect",
  customerName: "Contoso",
  expectedDomain: "contoso.com",
  adminEmail: "adele@contoso.com",
  contacts: ["maria@cirrus.example"],
  offered: ["outlook-calendar"],
  ...change,
});
const invited = async (change: object = {}) => {
  const done = await invitation.invite(support, wish(change), now);
  if (!done.ok) throw new Error(done.refusal.message);
  return { ...done.value, token: done.value.link.split("#")[1]! };
};
const typesOf = async (id: string) => (await audit.list(found(id))).map(({ type }) => type);

test.each<[string, object, RegExp]>([
  ["a feature that is not offered cannot be locked", { locked: ["active-directory"] }, /cannot be locked/],
  ["an unknown feature", { offered: ["nonsense"] }, /no feature "nonsense"/],
  ["an unknown value", { given: { nonsense: { value: "x" } } }, /no value "nonsense"/],
  ["a value that does not fit", { given: { "service-account": { value: "not an account" } } }, /./],
  ["a name of 10,000 characters", { customerName: "x".repeat(10_000) }, /at most 200/],
  ["half a surrogate pair", { customerName: "a\ud83d" }, /cannot be shown/],
  ["a line break in the name", { customerName: "Contoso\nBcc: x" }, /cannot be shown/],
  ["six contacts", { contacts: [1, 2, 3, 4, 5, 6].map((n) => `c${n}@v.example`) }, /At most five/],
  ["the same contact twice", { contacts: ["a@v.example", "a@v.example"] }, /only once/],
  ["no days", { days: 0 }, /at least one day/],
  ["91 days", { days: 91 }, /at most 90/],
  ["something else", { colour: "red" }, /colour/],
])("%s is refused with a reason, and nothing is created", async (_, change, reason) => {
  const before = await db().onboarding.count();
  const done = await invitation.invite(support, wish(change), now);
  expect(done).toMatchObject({ ok: false, refusal: { status: 422, message: expect.stringMatching(reason) } });
  expect(await db().onboarding.count()).toBe(before);
});

test("names in other scripts, with emoji and from right to left are fine", async () => {
  for (const customerName of ["شركة كونتوسو", "Contoso 🏢👩‍💻", "日本コントソ", `O'Neill "& Söhne" <b>`]) await invited({ customerName });
});

test("no link is ever stored: neither the one given out nor those that mails carry later", async () => {
  const { id, token } = await invited();
  await invitation.mailAgain(id, now).catch(() => undefined);
  const dump = JSON.stringify(
    await database.query(`SELECT o::text, (SELECT string_agg(t::text, ' ') FROM "Ticket" t) FROM "Onboarding" o`),
  );
  expect(dump).not.toContain(token);
  expect((await findByLink(id, token, now))?.id).toBe(id);
});

test("the mail server is down: the invitation waits in the queue and says so; an address that does not exist does not wait", async () => {
  const { id, mail } = await invited();
  expect(mail).toBe("waiting");
  expect(await typesOf(id)).toEqual(["onboarding.created", "invitation.mail-failed"]);
  const jobs = await database.query(`SELECT "data" FROM pgboss.job WHERE "name" = 'invite'`);
  expect(jobs.map(({ data }) => (data as { onboardingId: string }).onboardingId)).toContain(id);
  await expect(invitation.mailAgain(id, now), "tried again by the queue").rejects.toThrow();
  expect(await db().ticket.count({ where: { onboardingId: id } }), "a link that was not mailed is not kept").toBe(0);
});

test("asked ten times at once under one key, one onboarding is created, and everybody gets the same link", async () => {
  const once = { apiKeyId: "0b6f1b0e-9a51-4a1c-9d3e-0f7c1c1d2e3f", key: "k-1", requestDigest: "d", token: "t".repeat(43) };
  const answers = await Promise.allSettled(
    Array.from({ length: 10 }, () => invitation.invite(support, wish({ reference: "once" }), now, once)),
  );
  expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await db().onboarding.count({ where: { reference: "once" } })).toBe(1);
  const before = await invitation.invitedBefore(support, once, now);
  expect(before).toMatchObject({ ok: true, value: { link: expect.stringContaining(once.token) } });
  expect(await invitation.invitedBefore(support, { ...once, requestDigest: "other" }, now)).toMatchObject({
    ok: false,
    refusal: { status: 422 },
  });
  const id = before?.ok ? before.value.onboarding.id : "";
  await invitation.renew(support, id, {}, now);
  expect(await invitation.invitedBefore(support, once, now), "a link that was replaced is not given out again").toMatchObject({
    value: { link: null },
  });
});

test("the first invitations of a product, sent at the same moment, all go out", async () => {
  await db().manifestVersion.deleteMany();
  const done = await Promise.all(Array.from({ length: 20 }, () => invitation.invite(support, wish(), now)));
  expect(done.filter(({ ok }) => ok)).toHaveLength(20);
});

test("extended, the same link goes on working; renewed, it stops", async () => {
  const { id, token } = await invited({ days: 1 });
  expect((await findByLink(id, token, inDays(2)))?.standing.status).toBe("expired");
  await invitation.extend(support, id, 30, now);
  expect((await findByLink(id, token, inDays(2)))?.standing.status).toBe("invited");
  const renewed = await invitation.renew(support, id, { adminEmail: "grace@contoso.com" }, now);
  expect(renewed).toMatchObject({ ok: true, value: { mailedTo: "grace@contoso.com" } });
  expect(await findByLink(id, token, now)).toBeNull();
});

test("an invitation that nobody took up ends in its trail, once, and takes a renewal up again", async () => {
  const { id } = await invited({ days: 1 });
  await Promise.all([endInvitations(inDays(2)), endInvitations(inDays(2))]);
  await endInvitations(inDays(3));
  expect((await typesOf(id)).filter((type) => type === "invitation.expired")).toHaveLength(1);
  const changes = await db().statusChange.findMany({ where: { onboardingId: id }, orderBy: { id: "asc" } });
  expect(
    changes.map(({ status }) => status),
    "what webhooks tell",
  ).toEqual(["invited", "expired"]);
  await invitation.renew(support, id, {}, inDays(3));
  expect((await db().onboarding.findUniqueOrThrow({ where: { id } })).status).toBe("invited");
});

test("an admin who lets it lie is reminded every three days, three times, once each whatever many processes look", async () => {
  const { id } = await invited({ days: 60, customerName: "Lies still" });
  await db().onboarding.updateMany({ where: { id: { not: id } }, data: { waitingFor: "nobody" } });
  expect(await invitation.nudge(inDays(2))).toBe(0);
  for (const day of [3, 4, 6, 9, 12, 15]) await Promise.all([invitation.nudge(inDays(day)), invitation.nudge(inDays(day))]);
  expect((await typesOf(id)).filter((type) => type === "admin.nudged")).toHaveLength(3);
});

test("the vendor's own lists are cleared away after their time; the trail stays", async () => {
  const { id } = await invited();
  await db().statusChange.updateMany({ where: { onboardingId: { not: id } }, data: { toldAt: now } });
  const before = (await audit.list(found(id))).length;
  expect(await db().apiCall.count()).toBe(1);
  await tidy(inDays(400));
  expect(
    (await db().statusChange.findMany()).map(({ onboardingId }) => onboardingId),
    "what is still to be told stays",
  ).toEqual([id]);
  expect(await db().apiCall.count()).toBe(0);
  expect((await audit.list(found(id))).length).toBe(before);
});
