/**
 * The vendor's side: inviting, renewing, extending, withdrawing, and what a link in hand lets somebody see before signing
 * in. A link only locates an onboarding; what may be done with it comes from the sign-in. Of links only digests are kept,
 * so a mail that has to be sent again carries a link of its own.
 */
import { randomUUID } from "node:crypto";
import { spend } from "../allowance.ts";
import * as audit from "../audit/audit.ts";
import { findProduct } from "../catalogue/catalogue.ts";
import type { Manifest } from "../catalogue/schema.ts";
import { checkVariable } from "../catalogue/selection.ts";
import { config } from "../config.ts";
import { db, isUuid, type Transaction } from "../db.ts";
import * as handoff from "../handoff/handoff.ts";
import * as notify from "../notify/notify.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import { type AtDesk, isOwn } from "../proof.ts";
import { enqueue } from "../queue.ts";
import { searchWords } from "../search.ts";
import { digestOf, newToken } from "../secret.ts";
import { findByLink, findForErrand, findForSupport, type Onboarding, REVOKED, UNKNOWN } from "./find.ts";
import { keep } from "./manifests.ts";
import { AdminEmail, ContactEmail, Days, INVITATION_DAYS, Invitation, type Wishes } from "./schema.ts";
import { deskActor, PORTAL, record } from "./store.ts";

const DAY_MS = 86_400_000;
const MAY_NOT = {
  code: "onboarding.may-not",
  status: 403,
  message: "Your role at the desk only lets you watch. Ask an agent or a manager.",
} as const;
const invalid = (message: string) => refuse({ code: "onboarding.invalid", status: 422, message });
const TAKEN_UP = {
  code: "onboarding.taken-up",
  status: 409,
  message: "An admin of the tenant has taken the invitation up: it does not end any more, and needs no more days.",
} as const;

/** `mailed`: accepted by the mail server; `waiting`: it could not be reached, and is asked again for two hours; `refused`: the address does not exist. */
export type Invited = { id: string; link: string; mail: "mailed" | "waiting" | "refused"; mailedTo: string };

const linkOf = (id: string, token: string) => `${config().BASE_URL}/o/${id}#${token}`;
const mailOf = ({ manifest, customerName, language, adminEmail, invitedBy, expiresAt }: Onboarding, link: string) =>
  notify.invitationMail({
    ...{ to: adminEmail, product: manifest.name, brand: manifest.vendor, language, customer: customerName, invitedBy, link, expiresAt },
  });

/** Mails a link. */
async function mailLink(onboarding: Onboarding, token: string, now: Date): Promise<Outcome<null, Refusal>> {
  const { id, adminEmail: to } = onboarding;
  const sent = await notify.send(mailOf(onboarding, linkOf(id, token)));
  const again = !sent.ok && sent.refusal.code === "notify.not-sent";
  await record(
    id,
    PORTAL,
    now,
    sent.ok
      ? { type: "invitation.mailed", detail: { to } }
      : { type: "invitation.mail-failed", detail: { to, reason: sent.refusal.message, again } },
  );
  return sent;
}

/** Mails the link, and gives it to whoever invites in any case. */
async function giveLink(id: string, token: string, now: Date): Promise<Outcome<Invited>> {
  const onboarding = (await findForErrand(id, now))!;
  const sent = await mailLink(onboarding, token, now);
  const isLater = !sent.ok && sent.refusal.code === "notify.not-sent";
  if (isLater) await enqueue("invite", { onboardingId: id });
  return accept({
    id,
    link: linkOf(id, token),
    mail: sent.ok ? "mailed" : isLater ? "waiting" : "refused",
    mailedTo: onboarding.adminEmail,
  });
}

/** A further link beside those given out; it ends with them when the invitation is renewed. */
async function furtherLink({ id, expiresAt }: Onboarding, now: Date): Promise<string> {
  const token = newToken();
  await db().ticket.create({
    data: { digest: digestOf(token), onboardingId: id, purpose: "invitation", subject: "mail", createdAt: now, expiresAt },
    select: { digest: true },
  });
  return token;
}

/** Tries again to mail an invitation that nobody has opened meanwhile. @throws when the mail server still does not take it */
export async function mailAgain(id: string, now: Date): Promise<void> {
  const onboarding = await findForErrand(id, now);
  if (onboarding?.standing.status !== "invited") return;
  const token = await furtherLink(onboarding, now);
  const sent = await notify.send(mailOf(onboarding, linkOf(id, token)));
  if (sent.ok) return void (await record(id, PORTAL, now, { type: "invitation.mailed", detail: { to: onboarding.adminEmail } }));
  await db().ticket.deleteMany({ where: { digest: digestOf(token) } });
  if (sent.refusal.code === "notify.not-sent") throw new Error(sent.refusal.message);
  await mailGivenUp(id, sent.refusal.message, now);
}
/** Puts into the timeline that an invitation will not be mailed any more. */
export const mailGivenUp = async (id: string, reason: string, now: Date) => {
  const onboarding = await findForErrand(id, now);
  if (onboarding)
    await record(id, PORTAL, now, { type: "invitation.mail-failed", detail: { to: onboarding.adminEmail, reason, again: false } });
};

/** Why the vendor's own wishes do not fit the product; null when they do. */
function misfit(manifest: Manifest, { offered, locked, given }: Wishes): string | null {
  const unknown = offered.find((id) => !manifest.features.some((feature) => feature.id === id));
  if (unknown) return `${manifest.name} has no feature "${unknown}".`;
  const notOffered = locked.find((id) => !offered.includes(id));
  if (notOffered) return `"${notOffered}" cannot be locked: it is not offered.`;
  for (const [id, { value }] of Object.entries(given)) {
    const variable = manifest.variables.find((each) => each.id === id);
    if (!variable) return `${manifest.name} asks for no value "${id}".`;
    const checked = checkVariable({ ...variable, required: true }, value);
    if (checked.reason !== undefined) return `${variable.title}: ${checked.reason}`;
  }
  return null;
}

/** A request that is to count once however often it is made: `token` is the link's, the same for each try. */
export type Once = { apiKeyId: string; key: string; requestDigest: string; token: string };

/** Creates an onboarding and its invitation link. The link is returned once; only its digest is kept. */
export async function invite(desk: AtDesk, input: unknown, now: Date, once?: Once): Promise<Outcome<Invited>> {
  if (!desk.mayChange) return refuse(MAY_NOT);
  const parsed = Invitation.safeParse(input);
  if (!parsed.success)
    return invalid(
      parsed.error.issues
        .map(({ message, code, path }) => (code === "unrecognized_keys" ? `${message}.` : message || path.join(".")))
        .join(" "),
    );
  const { productId, customerName, expectedDomain, adminEmail, contacts, offered, locked, given, language, days, reference } = parsed.data;
  const product = findProduct(productId);
  const manifest = product && isOwn(desk, product.vendor.id) ? product : undefined;
  if (!manifest) return invalid("Choose a product.");
  const reason = misfit(manifest, parsed.data);
  if (reason) return invalid(reason);
  const id = randomUUID();
  const token = once?.token ?? newToken();
  const expiresAt = new Date(now.getTime() + days * DAY_MS);
  await db().$transaction(async (tx) => {
    if (once) await claim(tx, once, id, now);
    const manifestDigest = await keep(tx, manifest, now);
    await tx.onboarding.create({
      data: {
        ...{ id, productId, customerName, expectedDomain, adminEmail, contacts, offered, locked, given, language, expiresAt },
        vendorId: manifest.vendor.id,
        contactEmail: contacts[0]!,
        reference: reference || null,
        inviteDigest: digestOf(token),
        invitedBy: desk.name,
        words: searchWords(customerName, expectedDomain, adminEmail, ...contacts, manifest.name, reference),
        createdAt: now,
        ...audit.beginning(id, now),
      },
      select: { id: true },
    });
    await audit.record(tx, id, deskActor(desk), now, {
      type: "onboarding.created",
      detail: {
        ...{ productId, manifestVersion: manifest.version, manifestDigest, customerName, expectedDomain, offered },
        expiresAt: expiresAt.toISOString(),
      },
    });
  });
  return giveLink(id, token, now);
}

/** @throws (unique violation) when somebody else has created something under this key */
const claim = (tx: Transaction, { apiKeyId, key, requestDigest }: Once, onboardingId: string, now: Date) =>
  tx.apiCall.create({ data: { apiKeyId, key, requestDigest, onboardingId, createdAt: now }, select: { key: true } });

/** What was created under a key before, with its link as long as that works. */
export async function invitedBefore(desk: AtDesk, { apiKeyId, key, requestDigest, token }: Once, now: Date) {
  const call = await db().apiCall.findUnique({
    where: { apiKeyId_key: { apiKeyId, key } },
    select: { requestDigest: true, onboardingId: true },
  });
  if (!call) return null;
  if (call.requestDigest !== requestDigest)
    return refuse({
      code: "api.idempotency-key",
      status: 422,
      message: "This Idempotency-Key was used for a request that said something else. Use a new key for a new request.",
    });
  const onboarding = await findForSupport(desk, call.onboardingId, now);
  if (!onboarding) return refuse(UNKNOWN);
  const works = await findByLink(onboarding.id, token, now);
  return accept({ onboarding, link: works ? linkOf(onboarding.id, token) : null });
}

type Change = { adminEmail?: string | undefined; days?: unknown };
/** A fresh link in place of all older ones, which stop working; to another address, when one is named. */
export async function renew(desk: AtDesk, id: string, change: Change, now: Date): Promise<Outcome<Invited>> {
  if (!desk.mayChange) return refuse(MAY_NOT);
  const onboarding = await findForSupport(desk, id, now);
  if (!onboarding) return refuse(UNKNOWN);
  if (onboarding.progress.revokedAt) return refuse(REVOKED);
  const to = AdminEmail.safeParse(change.adminEmail ?? onboarding.adminEmail);
  const days = Days.safeParse(change.days || undefined);
  if (!to.success || !days.success) return invalid((to.error ?? days.error)!.issues[0]!.message);
  const token = newToken();
  const expiresAt = new Date(now.getTime() + days.data * DAY_MS);
  await db().$transaction(async (tx) => {
    await replaceLink(tx, onboarding, token, expiresAt, now, to.data);
    await audit.record(tx, id, deskActor(desk), now, {
      type: "invitation.renewed",
      detail: { expiresAt: expiresAt.toISOString(), ...(to.data === onboarding.adminEmail ? {} : { to: to.data }) },
    });
  });
  return giveLink(id, token, now);
}

async function replaceLink(tx: Transaction, { id, adminEmail }: Onboarding, token: string, expiresAt: Date, now: Date, to = adminEmail) {
  await tx.ticket.updateMany({ where: { onboardingId: id, purpose: "invitation", endedAt: null }, data: { endedAt: now } });
  await tx.onboarding.update({ where: { id }, data: { inviteDigest: digestOf(token), expiresAt, adminEmail: to }, select: { id: true } });
  if (to !== adminEmail) await addWords(tx, id, to);
}
const addWords = async (tx: Transaction, id: string, ...texts: string[]) => {
  const words = searchWords(...texts);
  await tx.$executeRaw`UPDATE "Onboarding" SET "words" = "words" || ${words}::text[] WHERE "id" = ${id}::uuid AND NOT "words" @> ${words}::text[]`;
};

/** More days for the links that are out, from now on. */
export async function extend(desk: AtDesk, id: string, wanted: unknown, now: Date): Promise<Outcome<{ expiresAt: Date }>> {
  if (!desk.mayChange) return refuse(MAY_NOT);
  const onboarding = await findForSupport(desk, id, now);
  if (!onboarding) return refuse(UNKNOWN);
  if (onboarding.progress.revokedAt) return refuse(REVOKED);
  if (onboarding.progress.signedIn) return refuse(TAKEN_UP);
  const days = Days.safeParse(wanted || undefined);
  if (!days.success) return invalid(days.error.issues[0]!.message);
  const expiresAt = new Date(now.getTime() + days.data * DAY_MS);
  await db().$transaction(async (tx) => {
    await tx.onboarding.update({ where: { id }, data: { expiresAt }, select: { id: true } });
    await tx.ticket.updateMany({ where: { onboardingId: id, purpose: "invitation", endedAt: null }, data: { expiresAt } });
    await audit.record(tx, id, deskActor(desk), now, { type: "invitation.extended", detail: { expiresAt: expiresAt.toISOString() } });
  });
  return accept({ expiresAt });
}

/** Ends the onboarding for the customer, a pending handoff included. What is in the tenant stays. */
export async function revoke(desk: AtDesk, id: string, now: Date): Promise<Outcome<null>> {
  if (!desk.mayChange) return refuse(MAY_NOT);
  const onboarding = await findForSupport(desk, id, now);
  if (!onboarding) return refuse(UNKNOWN);
  if (onboarding.progress.revokedAt) return accept(null);
  await db().$transaction(async (tx) => {
    const pending = onboarding.progress.handoff;
    if (pending) await handoff.revoke(tx, deskActor(desk), pending.id, "The onboarding was cancelled", now);
    await audit.record(tx, id, deskActor(desk), now, { type: "invitation.revoked", detail: {} });
  });
  return accept(null);
}

/**
 * Another contact of the vendor's. A link that is out to the former one stops working in the same moment, and the admin is
 * asked to issue a new credential: what was sealed for one person is not opened for another.
 */
export async function changeContact(desk: AtDesk, id: string, address: string, now: Date): Promise<Outcome<{ isLinkEnded: boolean }>> {
  if (!desk.mayChange) return refuse(MAY_NOT);
  const onboarding = await findForSupport(desk, id, now);
  if (!onboarding) return refuse(UNKNOWN);
  if (onboarding.progress.revokedAt) return refuse(REVOKED);
  const to = ContactEmail.safeParse(address);
  if (!to.success) return invalid(to.error.issues[0]!.message);
  if (to.data === onboarding.contactEmail) return invalid(`${to.data} is the contact already.`);
  const given = onboarding.progress.handoff;
  const actor = deskActor(desk);
  const isLinkEnded = await db().$transaction(async (tx) => {
    const contacts = [to.data, ...onboarding.contacts.filter((each) => each !== to.data && each !== onboarding.contactEmail)].slice(0, 5);
    await tx.onboarding.update({ where: { id }, data: { contactEmail: to.data, contacts }, select: { id: true } });
    await addWords(tx, id, to.data);
    const isOut = given && (given.state === "sent" || given.state === "opened") && given.how !== "machine";
    const ended = isOut ? await handoff.revoke(tx, actor, given.id, "The contact was changed", now) : false;
    await audit.record(tx, id, actor, now, { type: "contact.changed", detail: { to: to.data, by: "support" } });
    return Boolean(ended);
  });
  return accept({ isLinkEnded });
}

/** What a link in hand lets somebody see. Records the first opening. */
export async function openInvitation(id: string, token: string, now: Date): Promise<Outcome<null, typeof UNKNOWN>> {
  const onboarding = await findByLink(id, token, now);
  if (!onboarding) return refuse(UNKNOWN);
  if (onboarding.standing.status === "invited") await record(id, { kind: "invited" }, now, { type: "invitation.opened", detail: {} });
  return accept(null);
}

const FRESH_LINKS = 3;
/** Mails a fresh link to the invited address, for whoever holds an expired one; thrice a day. */
export async function askForFreshLink(id: string, token: string, now: Date): Promise<Outcome<{ to: string }>> {
  const onboarding = isUuid(id) ? await findByLink(id, token, now) : null;
  if (!onboarding) return refuse(UNKNOWN);
  if (onboarding.progress.revokedAt) return refuse(REVOKED);
  if (onboarding.standing.status !== "expired")
    return refuse({ code: "onboarding.not-expired", status: 409, message: "Your link works. Reload the page and go on." });
  const retryAt = await spend(db(), `fresh-link|${id}`, FRESH_LINKS, DAY_MS);
  if (retryAt)
    return refuse({
      code: "onboarding.asked-often",
      status: 429,
      message: `A fresh link was mailed ${FRESH_LINKS} times today. Look into the junk folder, or ask ${onboarding.invitedBy} for one.`,
      retryAt,
    });
  const fresh = newToken();
  const expiresAt = new Date(now.getTime() + INVITATION_DAYS * DAY_MS);
  const renewed = { ...onboarding, expiresAt };
  const sent = await notify.send(mailOf(renewed, linkOf(id, fresh)));
  if (!sent.ok)
    return refuse({
      code: "onboarding.mail-failed",
      status: 503,
      message: `The mail could not be sent. Try again later, or ask ${onboarding.invitedBy} for a fresh link.`,
    });
  await db().$transaction(async (tx) => {
    await replaceLink(tx, onboarding, fresh, expiresAt, now);
    await audit.record(tx, id, { kind: "invited" }, now, {
      type: "invitation.asked-for",
      detail: { to: onboarding.adminEmail, expiresAt: expiresAt.toISOString() },
    });
  });
  return accept({ to: onboarding.adminEmail.replace(/^(.)[^@]*/, "$1…") });
}

const NUDGE_AFTER_DAYS = 3;
const NUDGES = 3;
const WAITING_ON_ADMIN = ["invited", "opened", "choosing", "planned", "blocked", "attention", "awaiting_approval", "ready_for_handoff"];
/** Reminds admins for whom something has been waiting for days: every three days, three times at most. Returns how many. */
export async function nudge(now: Date): Promise<number> {
  const before = new Date(now.getTime() - NUDGE_AFTER_DAYS * DAY_MS);
  const rows = await db().$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "Onboarding" WHERE "waitingSince" <= ${before} AND "waitingFor" IN ('admin', 'approver')
      AND "status" = ANY(${WAITING_ON_ADMIN}) AND coalesce(("state"->'nudged'->>'count')::int, 0) < ${NUDGES}
      AND coalesce(("state"->'nudged'->>'at')::timestamptz, '-infinity') <= ${before}
    ORDER BY "waitingSince" DESC LIMIT 500`;
  let given = 0;
  for (const { id } of rows) {
    const onboarding = await findForErrand(id, now);
    if (onboarding && WAITING_ON_ADMIN.includes(onboarding.standing.status) && (await nudgeOne(onboarding, now))) given += 1;
  }
  return given;
}

async function nudgeOne(onboarding: Onboarding, now: Date): Promise<boolean> {
  const { id, adminEmail: to, manifest, customerName, language, standing, progress, expiresAt } = onboarding;
  // Recorded first, under the row's lock: another process that nudges at the same time finds it and stays silent.
  const isFirst = await db().$transaction(async (tx) => {
    const [row] = await tx.$queryRaw<{ count: number }[]>`
      SELECT coalesce(("state"->'nudged'->>'count')::int, 0) AS count FROM "Onboarding" WHERE "id" = ${id}::uuid FOR UPDATE`;
    if (row?.count !== (progress.nudged?.count ?? 0)) return false;
    await audit.record(tx, id, PORTAL, now, { type: "admin.nudged", detail: { to, status: standing.status } });
    return true;
  });
  if (!isFirst) return false;
  const page = progress.signedIn ? `${config().BASE_URL}/o/${id}/tenant` : linkOf(id, await furtherLink(onboarding, now));
  const days = Math.floor((now.getTime() - new Date(standing.since).getTime()) / DAY_MS);
  const sent = await notify.send(
    notify.nudgeMail({
      ...{ to, product: manifest.name, brand: manifest.vendor, language, customer: customerName, days, page },
      endsAt: progress.signedIn ? null : expiresAt,
    }),
  );
  if (!sent.ok)
    await record(id, PORTAL, now, {
      type: "mail.failed",
      detail: { to, about: "Reminder that something waits", reason: sent.refusal.message },
    });
  return sent.ok;
}
