/**
 * One customer and one product, from invitation to handed over. Every change is an event in the audit trail and the
 * state is folded from it. An invitation link only locates an onboarding; what may be done with it comes from the
 * sign-in: the admin of the tenant that the onboarding belongs to.
 */
import { randomUUID } from "node:crypto";
import * as audit from "../audit/audit.ts";
import type { Actor, AuditEvent } from "../audit/events.ts";
import { type Progress, type Standing, standing } from "../audit/status.ts";
import * as auth from "../auth/auth.ts";
import { findProduct, requireProduct } from "../catalogue/catalogue.ts";
import type { Choices, Manifest } from "../catalogue/schema.ts";
import { manualStepsFor, refusalOf } from "../catalogue/selection.ts";
import { config } from "../config.ts";
import { db } from "../db.ts";
import { connect } from "../graph/graph.ts";
import * as handoff from "../handoff/handoff.ts";
import * as notify from "../notify/notify.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn, Support } from "../proof.ts";
import * as provisioning from "../provisioning/provisioning.ts";
import { digestOf, newToken } from "../secret.ts";
import { Invitation } from "./schema.ts";

const INVITATION_DAYS = 14;
const HANDOFF_HOURS = 72;
const LEASE_MS = 15_000;
const PORTAL: Actor = { kind: "portal" };

const UNKNOWN = {
  code: "onboarding.unknown",
  status: 404,
  message: "This invitation doesn't exist, or not for you. Check that you have the whole link, or ask the sender for a new one.",
} as const;
const REVOKED = {
  code: "onboarding.revoked",
  status: 410,
  message: "The vendor withdrew this invitation. Ask the sender for a new one.",
} as const;
const EXPIRED = { code: "onboarding.expired", status: 410, message: "This invitation has expired. Ask the sender for a new one." } as const;
const BUSY = { code: "onboarding.busy", status: 409, message: "A run is going on already; this page shows it live." } as const;
const NO_PLAN = {
  code: "onboarding.no-plan",
  status: 409,
  message: "The plan has changed or was not approved. Review it and approve.",
} as const;
const MAY_NOT = {
  code: "onboarding.may-not",
  status: 403,
  message: "Your role at the desk only lets you watch. Ask an agent or a manager.",
} as const;

export type Onboarding = {
  id: string;
  manifest: Manifest;
  customerName: string;
  expectedDomain: string;
  adminEmail: string;
  contactEmail: string;
  offered: string[];
  invitedBy: string;
  createdAt: Date;
  expiresAt: Date;
  tenantId: string | null;
  progress: Progress;
  standing: Standing;
};

const FIELDS = {
  id: true,
  productId: true,
  customerName: true,
  expectedDomain: true,
  adminEmail: true,
  contactEmail: true,
  offered: true,
  invitedBy: true,
  createdAt: true,
  expiresAt: true,
  tenantId: true,
  state: true,
} as const;
type Row = Omit<Onboarding, "manifest" | "progress" | "standing"> & { productId: string; state: unknown };

function fromRow({ productId, state, ...row }: Row, now: Date): Onboarding {
  const progress = state as Progress;
  return { ...row, manifest: requireProduct(productId), progress, standing: standing(progress, now) };
}

const isUuid = (id: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
async function find(id: string, now: Date): Promise<Onboarding | null> {
  if (!isUuid(id)) return null;
  const row = await db().onboarding.findUnique({ where: { id }, select: FIELDS });
  return row && fromRow(row, now);
}

const actorOf = (person: SignedIn, kind: "admin" | "support"): Actor => ({
  kind,
  objectId: person.objectId,
  tenantId: person.tenantId,
  name: person.name,
  username: person.username,
});
const record = (id: string, actor: Actor, at: Date, ...events: AuditEvent[]) =>
  db().$transaction((tx) => audit.record(tx, id, actor, at, ...events));

// ---- The vendor's side -------------------------------------------------------------------------------------------

export type Invited = { id: string; link: string; mailed: boolean };

async function mailInvitation(
  row: { id: string; to: string; manifest: Manifest; customerName: string; invitedBy: string; link: string; expiresAt: Date },
  now: Date,
): Promise<boolean> {
  const sent = await notify.send(
    notify.invitationMail({
      to: row.to,
      product: row.manifest.name,
      vendor: row.manifest.vendor.name,
      customer: row.customerName,
      invitedBy: row.invitedBy,
      link: row.link,
      expiresAt: row.expiresAt,
    }),
  );
  await record(
    row.id,
    PORTAL,
    now,
    sent.ok
      ? { type: "invitation.mailed", detail: { to: row.to } }
      : { type: "invitation.mail-failed", detail: { to: row.to, reason: sent.refusal.message } },
  );
  return sent.ok;
}

const linkOf = (id: string, token: string) => `${config().BASE_URL}/o/${id}#${token}`;

/** Creates an onboarding and its invitation link. The link is returned once; only its digest is kept. */
export async function invite(support: Support, input: unknown, now: Date): Promise<Outcome<Invited>> {
  if (!support.mayChange) return refuse(MAY_NOT);
  const parsed = Invitation.safeParse(input);
  if (!parsed.success)
    return refuse({ code: "onboarding.invalid", status: 422, message: parsed.error.issues.map(({ message }) => message).join(" ") });
  const { productId, customerName, expectedDomain, adminEmail, contactEmail, offered } = parsed.data;
  const manifest = findProduct(productId);
  const unknown = offered.find((id) => !manifest?.features.some((feature) => feature.id === id));
  if (!manifest || unknown)
    return refuse({
      code: "onboarding.invalid",
      status: 422,
      message: manifest ? `${manifest.name} has no feature "${unknown}".` : "Choose a product.",
    });
  const id = randomUUID();
  const token = newToken();
  const expiresAt = new Date(now.getTime() + INVITATION_DAYS * 86_400_000);
  await db().$transaction(async (tx) => {
    await tx.onboarding.create({
      data: {
        id,
        vendorId: manifest.vendor.id,
        productId,
        customerName,
        expectedDomain,
        adminEmail,
        contactEmail,
        offered,
        inviteDigest: digestOf(token),
        invitedBy: support.name,
        createdAt: now,
        expiresAt,
        ...audit.beginning(id, now),
      },
      select: { id: true },
    });
    await audit.record(tx, id, actorOf(support, "support"), now, {
      type: "onboarding.created",
      detail: { productId, manifestVersion: manifest.version, customerName, expectedDomain, offered, expiresAt: expiresAt.toISOString() },
    });
  });
  const link = linkOf(id, token);
  const mailed = await mailInvitation({ id, to: adminEmail, manifest, customerName, invitedBy: support.name, link, expiresAt }, now);
  return accept({ id, link, mailed });
}

/** A fresh link in place of the old one, which stops working. */
export async function renew(support: Support, id: string, now: Date): Promise<Outcome<Invited>> {
  if (!support.mayChange) return refuse(MAY_NOT);
  const onboarding = await find(id, now);
  if (!onboarding) return refuse(UNKNOWN);
  if (onboarding.progress.revokedAt) return refuse(REVOKED);
  const token = newToken();
  const expiresAt = new Date(now.getTime() + INVITATION_DAYS * 86_400_000);
  await db().$transaction(async (tx) => {
    await tx.onboarding.update({ where: { id }, data: { inviteDigest: digestOf(token), expiresAt }, select: { id: true } });
    await audit.record(tx, id, actorOf(support, "support"), now, {
      type: "invitation.renewed",
      detail: { expiresAt: expiresAt.toISOString() },
    });
  });
  const link = linkOf(id, token);
  const { manifest, customerName, adminEmail } = onboarding;
  const mailed = await mailInvitation({ id, to: adminEmail, manifest, customerName, invitedBy: support.name, link, expiresAt }, now);
  return accept({ id, link, mailed });
}

/** Ends the onboarding for the customer, a pending handoff included. What is in the tenant stays. */
export async function revoke(support: Support, id: string, now: Date): Promise<Outcome<null>> {
  if (!support.mayChange) return refuse(MAY_NOT);
  const onboarding = await find(id, now);
  if (!onboarding) return refuse(UNKNOWN);
  if (onboarding.progress.revokedAt) return accept(null);
  await db().$transaction(async (tx) => {
    const pending = onboarding.progress.handoff;
    if (pending) await handoff.revoke(tx, actorOf(support, "support"), pending.id, "The onboarding was cancelled", now);
    await audit.record(tx, id, actorOf(support, "support"), now, { type: "invitation.revoked", detail: {} });
  });
  return accept(null);
}

// ---- Before sign-in ----------------------------------------------------------------------------------------------

/** Any onboarding, for support. */
export const findForSupport = (_: Support, id: string, now: Date) => find(id, now);

/** What a link in hand lets somebody see. Records the first opening. */
export async function openInvitation(id: string, token: string, now: Date): Promise<Outcome<null, typeof UNKNOWN>> {
  if (!isUuid(id)) return refuse(UNKNOWN);
  const row = await db().onboarding.findFirst({ where: { id, inviteDigest: digestOf(token) }, select: { status: true } });
  if (!row) return refuse(UNKNOWN);
  if (row.status === "invited") await record(id, { kind: "invited" }, now, { type: "invitation.opened", detail: {} });
  return accept(null);
}

/** The onboarding that this link locates, whatever its state. */
export async function findByLink(id: string, token: string, now: Date): Promise<Onboarding | null> {
  if (!isUuid(id)) return null;
  const row = await db().onboarding.findFirst({ where: { id, inviteDigest: digestOf(token) }, select: FIELDS });
  return row && fromRow(row, now);
}

export type Availability = Outcome<null, typeof REVOKED | typeof EXPIRED>;
/** Whether the customer can go on with it. An invitation that was taken up in time does not expire. */
export function availability({ progress }: Onboarding, now: Date): Availability {
  if (progress.revokedAt) return refuse(REVOKED);
  if (!progress.signedIn && new Date(progress.expiresAt) <= now) return refuse(EXPIRED);
  return accept(null);
}

// ---- The admin's side --------------------------------------------------------------------------------------------

/** The onboarding, for an admin of the tenant that it belongs to; everybody else learns nothing. */
export async function findForAdmin(person: SignedIn, id: string, now: Date): Promise<Onboarding | null> {
  const onboarding = await find(id, now);
  return onboarding?.tenantId === person.tenantId ? onboarding : null;
}

/**
 * Ties the onboarding to the tenant of the person who signed in, when that tenant owns the expected domain. Whoever
 * holds the link may try; only the right tenant gets in.
 */
export async function enter(person: SignedIn, id: string, linkToken: string | undefined, now: Date): Promise<Outcome<Onboarding>> {
  const bound = await findForAdmin(person, id, now);
  if (bound) {
    const open = availability(bound, now);
    return open.ok ? accept(bound) : open;
  }
  const onboarding = linkToken ? await findByLink(id, linkToken, now) : null;
  if (!onboarding) return refuse(UNKNOWN);
  const open = availability(onboarding, now);
  if (!open.ok) return open;
  const token = await auth.graphToken(person, ["User.Read"]);
  if (!token.ok) return token;
  const { body } = await connect({ token: async () => token.value }).call({
    method: "GET",
    path: "/organization?$select=id,displayName,verifiedDomains",
  });
  const [organization] = (body as { value: { displayName: string; verifiedDomains: { name: string; isDefault: boolean }[] }[] }).value;
  const tenantName = organization?.displayName ?? "";
  const domains = organization?.verifiedDomains.map(({ name }) => name.toLowerCase()) ?? [];
  const actor = actorOf(person, "admin");
  if (onboarding.tenantId || !domains.includes(onboarding.expectedDomain)) {
    await record(id, actor, now, {
      type: "tenant.refused",
      detail: { tenantId: person.tenantId, tenantName, expectedDomain: onboarding.expectedDomain },
    });
    return refuse({
      code: "onboarding.wrong-tenant",
      status: 403,
      message: `You signed in to ${tenantName || "a tenant"} (${domains[0] ?? person.tenantId}), but this invitation is for the tenant that owns ${onboarding.expectedDomain}. Nothing was changed. Sign in with an account of that tenant; if the domain is wrong, tell ${onboarding.manifest.vendor.name}.`,
    });
  }
  await record(id, actor, now, {
    type: "admin.signed-in",
    detail: {
      tenantId: person.tenantId,
      tenantName,
      domain: organization?.verifiedDomains.find(({ isDefault }) => isDefault)?.name ?? onboarding.expectedDomain,
      roles: provisioning.abilitiesOf(person.directoryRoles).roleNames,
    },
  });
  const entered = await findForAdmin(person, id, now);
  return entered ? accept(entered) : refuse(UNKNOWN);
}

/** What an admin may do with an onboarding: the same question before each action. */
async function requireOpen(
  person: SignedIn,
  id: string,
  now: Date,
): Promise<Outcome<Onboarding, typeof UNKNOWN | typeof REVOKED | typeof EXPIRED>> {
  const onboarding = await findForAdmin(person, id, now);
  if (!onboarding) return refuse(UNKNOWN);
  const open = availability(onboarding, now);
  return open.ok ? accept(onboarding) : open;
}

const isRunning = ({ progress }: Onboarding) => Boolean(progress.run && !progress.run.finishedAt);

export async function choose(person: SignedIn, id: string, choices: Choices, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (isRunning(found.value)) return refuse(BUSY);
  const reason = refusalOf(found.value.manifest, found.value.offered, choices);
  if (reason) return refuse({ code: "onboarding.choices", status: 422, message: reason });
  await record(id, actorOf(person, "admin"), now, { type: "features.chosen", detail: { choices } });
  return accept(null);
}

/** Whether the handoff under way can still take values, and whether this session may mail or show its link. */
export const canGiveLink = async (person: SignedIn, { handoff: sealed }: Progress): Promise<boolean> =>
  sealed?.state === "sealed" && handoff.isHeld(sealed.id, person.holdKey);

async function subjectOf(person: SignedIn, { id, manifest, progress }: Onboarding): Promise<provisioning.Subject | null> {
  if (!progress.choices) return null;
  const { handoff: sealed } = progress;
  // A credential that was sealed for another session, or whose handoff ended unread, is of use to nobody: issue another.
  const isLost =
    !sealed || ["expired", "revoked"].includes(sealed.state) || (sealed.state === "sealed" && !(await canGiveLink(person, progress)));
  const done = progress.steps.filter(({ state }) => state === "done" || state === "already-ok").map((step) => step.id);
  return { manifest, choices: progress.choices, known: isLost ? {} : progress.registrations, done, mark: `Vestibule ${id.slice(0, 8)}` };
}

export async function review(
  person: SignedIn,
  onboarding: Onboarding,
  now: Date,
): Promise<Outcome<provisioning.Review, auth.StsRefusal> | null> {
  const subject = await subjectOf(person, onboarding);
  return subject && provisioning.review(person, subject, now);
}

/** Approves exactly the plan that was shown. */
export async function approve(person: SignedIn, id: string, digest: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (isRunning(found.value)) return refuse(BUSY);
  const shown = await review(person, found.value, now);
  if (!shown) return refuse(NO_PLAN);
  if (!shown.ok) return shown;
  if (shown.value.digest !== digest) return refuse(NO_PLAN);
  const operations = shown.value.operations.map(({ id: operation, effect, title }) => ({ id: operation, effect, title }));
  await record(id, actorOf(person, "admin"), now, { type: "plan.approved", detail: { digest, basis: shown.value.basis, operations } });
  return accept(null);
}

export async function refusedConsent(person: SignedIn, id: string, code: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  await record(id, actorOf(person, "admin"), now, { type: "consent.refused", detail: { code: code.slice(0, 40) } });
  return accept(null);
}

async function takeLease(id: string, holder: string): Promise<boolean> {
  const taken = await db().$executeRaw`
    UPDATE "Onboarding" SET "leaseHolder" = ${holder}, "leaseUntil" = now() + ${LEASE_MS} * interval '1 millisecond'
    WHERE "id" = ${id}::uuid AND ("leaseUntil" IS NULL OR "leaseUntil" < now() OR "leaseHolder" = ${holder})`;
  return taken === 1;
}
const dropLease = (id: string, holder: string) =>
  db().onboarding.updateMany({ where: { id, leaseHolder: holder }, data: { leaseHolder: null, leaseUntil: null } });

/** Whether somebody is at work on it right now; a run without a lease was interrupted and can be resumed. */
export async function isAtWork(id: string): Promise<boolean> {
  const [row] = await db().$queryRaw<
    { busy: boolean }[]
  >`SELECT ("leaseUntil" IS NOT NULL AND "leaseUntil" > now()) AS busy FROM "Onboarding" WHERE "id" = ${id}::uuid`;
  return row?.busy === true;
}

/**
 * Changes whenever the onboarding moves. Whether somebody is at work counts too, since a run that was interrupted
 * records nothing. Asked twice a second by every open page, so it reads two columns and no state.
 */
export async function version(person: SignedIn, id: string): Promise<string> {
  const [row] = await db().$queryRaw<{ headSeq: number; busy: boolean }[]>`
    SELECT "headSeq", ("leaseUntil" IS NOT NULL AND "leaseUntil" > now()) AS busy FROM "Onboarding" WHERE "id" = ${id}::uuid AND "tenantId" = ${person.tenantId}`;
  return `${row?.headSeq}.${row?.busy}`;
}

export type Started = "started" | "plan-changed" | "consent-needed";

/**
 * Starts the approved run, or goes on with an interrupted one, and returns as soon as it is under way: it does not
 * need the browser any more. Two at once: one runs, the other is told.
 */
export async function run(person: SignedIn, id: string, now: Date): Promise<Outcome<Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const holder = randomUUID();
  if (!(await takeLease(id, holder))) return refuse(BUSY);
  let isUnderWay = false;
  try {
    // Read again under the lease: another tab may have just finished.
    const onboarding = (await findForAdmin(person, id, now))!;
    const { approved, handoff: sealed, run: before } = onboarding.progress;
    const subject = await subjectOf(person, onboarding);
    if (!approved || !subject) return refuse(NO_PLAN);
    if (before?.outcome === "done" && before.startedAt >= approved.at) return accept("started");
    const actor = actorOf(person, "admin");

    const runId = randomUUID();
    let handoffId = sealed && (await canGiveLink(person, onboarding.progress)) ? sealed.id : null;
    const prepared = await provisioning.prepare({
      ...subject,
      person,
      approved: approved.effects,
      tenantName: onboarding.progress.signedIn?.tenantName ?? "",
      journal: { record: async (...events) => void (await record(id, actor, new Date(), ...events)) },
      seal: (registration, payload) =>
        db().$transaction(async (tx) => {
          if (!handoffId) {
            // One that nobody was given is of no use any more; one that the contact holds still carries what it was made for.
            if (sealed?.state === "sealed") await handoff.revoke(tx, actor, sealed.id, "Replaced by a newer one", new Date());
            const expiresAt = new Date(Date.now() + HANDOFF_HOURS * 3_600_000);
            handoffId = await handoff.create(tx, actor, { onboardingId: id, holdKey: person.holdKey, expiresAt }, new Date());
          }
          await handoff.add(tx, handoffId, person.holdKey, registration, payload);
        }),
    });
    if (!prepared.ok) {
      if (prepared.refusal.code === "provisioning.plan-changed") {
        await record(id, actor, now, { type: "plan.changed", detail: { digest: approved.digest } });
        return accept("plan-changed");
      }
      return prepared.refusal.code === "auth.consent-needed" ? accept("consent-needed") : prepared;
    }
    await record(id, actor, now, { type: "run.started", detail: { runId, steps: prepared.value.steps } });
    isUnderWay = true;
    void carryOut(id, holder, runId, actor, prepared.value);
    return accept("started");
  } finally {
    if (!isUnderWay) await dropLease(id, holder);
  }
}

/** The run itself, detached from any request. Whatever happens, its end is recorded and the lease is given back. */
async function carryOut(id: string, holder: string, runId: string, actor: Actor, prepared: provisioning.Prepared): Promise<void> {
  const heartbeat = setInterval(() => void takeLease(id, holder), LEASE_MS / 3);
  try {
    const { outcome, failure } = await prepared.run();
    await record(id, actor, new Date(), { type: "run.finished", detail: { runId, outcome, ...(failure ? { failure } : {}) } });
  } catch (error) {
    const isSignIn = error instanceof provisioning.SignInNeeded;
    const failure = isSignIn
      ? { message: error.message, action: "Sign in again; the run goes on where it stopped.", who: "You" }
      : {
          message: "The portal itself failed. What is done in your tenant stays and is not done twice.",
          action: "Try again. If it stays, tell the vendor's support.",
          who: "The vendor's support",
        };
    await record(id, actor, new Date(), {
      type: "run.finished",
      detail: { runId, outcome: isSignIn ? "sign-in-needed" : "failed", failure },
    });
    // Nobody awaits the run, so the operator's log is the only place that this can go.
    if (!isSignIn) console.error(`The run ${runId} of onboarding ${id} failed:`, error);
  } finally {
    clearInterval(heartbeat);
    await dropLease(id, holder);
  }
}

/** Ticks off what Graph cannot do. */
export async function tick(
  person: SignedIn,
  id: string,
  stepId: string,
  state: "done" | "not-applicable" | "todo",
  note: string,
  now: Date,
): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { manifest, progress } = found.value;
  if (!progress.choices || !manualStepsFor(manifest, progress.choices).some((step) => step.id === stepId)) return refuse(UNKNOWN);
  await record(id, actorOf(person, "admin"), now, {
    type: "manual.changed",
    detail: { step: stepId, state, note: note.trim().slice(0, 500) },
  });
  return accept(null);
}

const NOT_READY = { code: "onboarding.not-ready", status: 409, message: "There is nothing to hand over. Finish the run first." } as const;

async function takeLink(person: SignedIn, id: string, now: Date): Promise<Outcome<{ link: string; onboarding: Onboarding }, Refusal>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { handoff: sealed, run: last } = found.value.progress;
  if (sealed?.state !== "sealed" || last?.outcome !== "done") return refuse(NOT_READY);
  const link = await handoff.takeLink(sealed.id, person.holdKey, now);
  return link.ok ? accept({ link: link.value, onboarding: found.value }) : link;
}

/** Mails the one-time link to the contact. The link is gone from here afterwards, sent or not: a failure means a new credential. */
export async function mailHandoff(person: SignedIn, id: string, now: Date): Promise<Outcome<{ to: string }>> {
  const taken = await takeLink(person, id, now);
  if (!taken.ok) return taken;
  const { onboarding, link } = taken.value;
  const { contactEmail: to, customerName, manifest, progress } = onboarding;
  const sent = await notify.send(
    notify.handoffMail({ to, customer: customerName, product: manifest.name, link, expiresAt: new Date(progress.handoff!.expiresAt) }),
  );
  const handoffId = progress.handoff!.id;
  if (sent.ok) {
    await record(id, actorOf(person, "admin"), now, { type: "handoff.sent", detail: { handoffId, how: "mailed", to } });
    return accept({ to });
  }
  await db().$transaction(async (tx) => {
    await audit.record(tx, id, PORTAL, now, { type: "handoff.mail-failed", detail: { handoffId, to, reason: sent.refusal.message } });
    await handoff.revoke(tx, PORTAL, handoffId, "The mail was not accepted, and links are never stored", now);
  });
  return refuse({
    code: "onboarding.mail-failed",
    status: 503,
    message: `The mail to ${to} was not accepted, so the link was thrown away: links are never stored. Issue a new credential below and send or copy its link.`,
  });
}

/** Shows the one-time link, once, to the admin who carries it to the contact. */
export async function copyHandoff(person: SignedIn, id: string, now: Date): Promise<Outcome<{ link: string }>> {
  const taken = await takeLink(person, id, now);
  if (!taken.ok) return taken;
  const { onboarding, link } = taken.value;
  await record(id, actorOf(person, "admin"), now, {
    type: "handoff.sent",
    detail: { handoffId: onboarding.progress.handoff!.id, how: "copied", to: onboarding.contactEmail },
  });
  return accept({ link });
}

/** Throws the credential away and approves a plan that issues another; the run removes the old one. */
export async function reissue(person: SignedIn, id: string, now: Date): Promise<Outcome<Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { progress } = found.value;
  if (isRunning(found.value) && (await isAtWork(id))) return refuse(BUSY);
  if (!progress.handoff || progress.handoff.state === "revealed") return refuse(NOT_READY);
  const actor = actorOf(person, "admin");
  await db().$transaction(async (tx) => {
    await handoff.revoke(tx, actor, progress.handoff!.id, "A new credential was asked for", now);
    await audit.record(tx, id, actor, now, { type: "credential.discarded", detail: { reason: "A new credential was asked for" } });
  });
  const shown = await review(person, (await findForAdmin(person, id, now))!, now);
  if (!shown) return refuse(NO_PLAN);
  if (!shown.ok) return shown;
  const approved = await approve(person, id, shown.value.digest, now);
  return approved.ok ? run(person, id, new Date(now.getTime() + 1)) : approved;
}

// ---- The contact's side ------------------------------------------------------------------------------------------

export type HandoffPage = {
  state: handoff.HandoffView["state"];
  expiresAt: string;
  revealedAt: string | null;
  customer: string;
  product: string;
  vendor: string;
  fields: Manifest["handover"]["fields"];
  note: string | null;
};

/** What the page of a handoff shows before anything is revealed, to a holder of its link. */
export async function lookAtHandoff(id: string, proof: unknown, now: Date): Promise<Outcome<HandoffPage>> {
  const view = await handoff.look(id, proof, now);
  if (!view.ok) return view;
  const { state, expiresAt, revealedAt, onboardingId } = view.value;
  const { customerName, manifest } = (await find(onboardingId, now))!;
  return accept({
    state,
    expiresAt: expiresAt.toISOString(),
    revealedAt: revealedAt?.toISOString() ?? null,
    customer: customerName,
    product: manifest.name,
    vendor: manifest.vendor.name,
    fields: manifest.handover.fields,
    note: manifest.handover.note ?? null,
  });
}

/** Reveals, once. The answer is sealed with the link's key: only the contact's browser can open it. */
export const revealHandoff = (id: string, proof: unknown, now: Date) => handoff.reveal(id, proof, now);
