/** What happens by itself: links that end unopened, and reminders before a secret does. Any process may do it. */
import ical, { ICalAlarmType } from "ical-generator";
import { sweepAllowances } from "../allowance.ts";
import * as audit from "../audit/audit.ts";
import type { Progress } from "../audit/status.ts";
import { config } from "../config.ts";
import { db } from "../db.ts";
import * as handoff from "../handoff/handoff.ts";
import * as notify from "../notify/notify.ts";
import { type Errands, enqueue } from "../queue.ts";
import { findForErrand, type Onboarding } from "./find.ts";
import { recipientOf } from "./hand-over.ts";
import { PORTAL, record } from "./store.ts";

/** Ends links that nobody opened in time and tells the admin; clears away allowances that are over. */
export async function sweep(now: Date): Promise<void> {
  for (const { onboardingId, removes } of await handoff.sweep(now))
    await enqueue("notice", {
      onboardingId,
      what: "Nobody opened the one-time link in time",
      detail: `The values in it were deleted.${removes ? " As you asked, the secret is removed from the application as soon as an administrator opens this page:" : " Issue a new credential on this page when it is needed:"}`,
    });
  await sweepAllowances(db());
  await endInvitations(now);
}

/** Puts the end of invitations that nobody took up into their trails, so that the vendor's systems hear of it. */
export async function endInvitations(now: Date): Promise<void> {
  const over = await db().onboarding.findMany({
    where: { status: { in: ["invited", "opened"] }, expiresAt: { lte: now } },
    select: { id: true, expiresAt: true },
    take: 200,
  });
  for (const { id, expiresAt } of over)
    await db().$transaction(async (tx) => {
      const [row] = await tx.$queryRaw<{ isOver: boolean }[]>`
        SELECT ("status" IN ('invited', 'opened') AND "expiresAt" <= ${now}) AS "isOver" FROM "Onboarding" WHERE "id" = ${id}::uuid FOR UPDATE`;
      if (row?.isOver)
        await audit.record(tx, id, PORTAL, now, { type: "invitation.expired", detail: { expiresAt: expiresAt.toISOString() } });
    });
}

/** Sends a mail that waited in the queue, and puts into the timeline what became of it. @throws when it is to be tried again */
export async function deliverMail({ onboardingId, mail }: Errands["mail"]): Promise<void> {
  const sent = await notify.send(mail);
  if (sent.ok)
    return void (await record(onboardingId, PORTAL, new Date(), { type: "mail.sent", detail: { to: mail.to, about: mail.subject } }));
  if (sent.refusal.code === "notify.not-sent") throw new Error(sent.refusal.message);
  await mailLost(onboardingId, mail, sent.refusal.message);
}
export const mailLost = (onboardingId: string, { to, subject }: Errands["mail"]["mail"], reason: string) =>
  record(onboardingId, PORTAL, new Date(), { type: "mail.failed", detail: { to, about: subject, reason } });

/**
 * Deletes what nothing needs any more: sessions, links that ended, keys of repeated requests, messages to webhooks, changes
 * that were told. The audit trail, and what is folded from it, is never deleted.
 */
export async function tidy(now: Date): Promise<void> {
  const before = new Date(now.getTime() - config().KEEP_LOGS_DAYS * DAY_MS);
  const old = { lt: before };
  await db().session.deleteMany({ where: { OR: [{ expiresAt: { lt: now } }, { lastSeenAt: { lt: new Date(now.getTime() - DAY_MS) } }] } });
  await db().ticket.deleteMany({ where: { OR: [{ endedAt: old }, { expiresAt: old }] } });
  await db().apiCall.deleteMany({ where: { createdAt: old } });
  await db().webhookDelivery.deleteMany({ where: { createdAt: old } });
  await db().webhook.deleteMany({ where: { removedAt: old } });
  await db().statusChange.deleteMany({ where: { at: old, toldAt: { not: null } } });
}

/** Days before the end of a secret on which people are reminded. */
export const REMIND_DAYS = [60, 30, 14, 7, 1] as const;
const DAY_MS = 86_400_000;

/** The narrowest of the reminder's days that a secret has come into; null when there is more time. */
export function reminderDue(endsAt: Date, now: Date): number | null {
  const left = (endsAt.getTime() - now.getTime()) / DAY_MS;
  if (left <= 0) return null;
  return REMIND_DAYS.findLast((days) => left <= days) ?? null;
}

/** Reminds admin, contact and support of secrets that end soon, once for each of the days. */
export async function remind(now: Date): Promise<number> {
  const soon = await db().onboarding.findMany({
    where: {
      credentialEndsAt: { gt: now, lte: new Date(now.getTime() + REMIND_DAYS[0] * DAY_MS) },
      status: { in: ["live", "attention", "handed_off"] },
    },
    select: { id: true },
  });
  let given = 0;
  for (const { id } of soon) {
    const onboarding = await findForErrand(id, now);
    for (const [registration, { keyId, secretEndsAt, displayName = registration }] of Object.entries(
      onboarding?.progress.registrations ?? {},
    )) {
      const days = secretEndsAt && keyId ? reminderDue(new Date(secretEndsAt), now) : null;
      if (!onboarding || !keyId || !secretEndsAt || days === null) continue;
      const to = [
        ...new Set([onboarding.adminEmail, recipientOf(onboarding), onboarding.progress.invitedBy].filter((each) => each != null)),
      ];
      if (!(await isFirst(id, keyId, registration, days, to, now))) continue;
      given += 1;
      for (const address of to)
        await notify.sendLater(id, noticeTo(address, onboarding, { days, endsAt: new Date(secretEndsAt), keyId, name: displayName }));
    }
  }
  return given;
}

/** Records the reminder unless another process did: what the onboarding was reminded of is read under its lock. */
async function isFirst(id: string, keyId: string, registration: string, days: number, to: string[], now: Date): Promise<boolean> {
  return db().$transaction(async (tx) => {
    const [row] = await tx.$queryRaw<{ state: Progress }[]>`SELECT "state" FROM "Onboarding" WHERE "id" = ${id}::uuid FOR UPDATE`;
    const last = row?.state.reminded?.[keyId];
    if (last !== undefined && last <= days) return false;
    await audit.record(tx, id, PORTAL, now, { type: "credential.reminded", detail: { registration, keyId, days, to } });
    return true;
  });
}

function noticeTo(
  to: string,
  { id, adminEmail, manifest, customerName, progress }: Onboarding,
  { days, endsAt, keyId, name }: { days: number; endsAt: Date; keyId: string; name: string },
): notify.Notice {
  const { BASE_URL } = config();
  const page = to === adminEmail ? `${BASE_URL}/o/${id}/run` : to === progress.invitedBy ? `${BASE_URL}/desk/${id}` : null;
  return notify.expiryNotice({
    ...{ to, days, endsAt, name, page },
    product: manifest.name,
    brand: manifest.vendor,
    customer: customerName,
    ics: calendarOf(keyId, endsAt, `${manifest.name} for ${customerName}`),
  });
}

/** A calendar file (RFC 5545) with the end of a secret, and a reminder of its own two weeks before. */
export function calendarOf(keyId: string, endsAt: Date, what: string): string {
  const calendar = ical({ prodId: { company: "Vestibule", product: "Onboarding" } });
  calendar.createEvent({
    id: `${keyId}@vestibule`,
    start: endsAt,
    end: endsAt,
    stamp: endsAt,
    summary: `Client secret ends: ${what}`,
    alarms: [{ type: ICalAlarmType.display, trigger: 14 * 86_400 }],
  });
  return calendar.toString();
}
