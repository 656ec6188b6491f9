/**
 * A colleague with a higher role: asked by link, for exactly the grants that are missing. The link only locates the
 * request; who decides has to sign in to the same tenant, and Microsoft decides whether the role is enough.
 */
import { randomUUID } from "node:crypto";
import * as audit from "../audit/audit.ts";
import type { ApprovalItem } from "../audit/events.ts";
import type { ApprovalProgress } from "../audit/status.ts";
import type * as auth from "../auth/auth.ts";
import { permissionsFor } from "../catalogue/selection.ts";
import { config } from "../config.ts";
import { db, isUuid } from "../db.ts";
import * as notify from "../notify/notify.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import * as provisioning from "../provisioning/provisioning.ts";
import { digestOf, newToken } from "../secret.ts";
import { availability, findForErrand, type Onboarding, requireOpen } from "./find.ts";
import * as runs from "./runs.ts";
import { actorOf, PORTAL, record } from "./store.ts";
import { subjectOf } from "./subject.ts";

const LINK_DAYS = 7;

const NOT_FOUND = {
  code: "approval.unknown",
  status: 404,
  message: "This request doesn't exist, or not for you. Check that you have the whole link, or ask the sender for a new one.",
} as const;
const NOTHING_TO_ASK = {
  code: "approval.nothing",
  status: 409,
  message: "Nothing is missing that a colleague would have to grant. Try again, or review the plan.",
} as const;
const WRONG_TENANT = {
  code: "approval.wrong-tenant",
  status: 403,
  message:
    "This request is for another tenant than the one you signed in to. Nothing was changed. Sign in with an account of the tenant that it names.",
} as const;
const NOT_APPROVED = {
  code: "approval.not-approved",
  status: 409,
  message: "You have not approved this request. Approve it first; its permissions are granted right after.",
} as const;
const OVER = (message: string) => ({ code: "approval.over", status: 410, message }) as const;

export const keyOf = ({ step, value }: ApprovalItem) => `${step}|${value}`;

// ---- Asking ------------------------------------------------------------------------------------------------------

export type Asked = { link: string; mailedTo: string | null; mailRefused: boolean };

/** Asks a colleague for the grants that this person may not make. The link is given out once; only its digest is kept. */
export async function ask(person: SignedIn, id: string, wish: { message: string; to: string | null }, now: Date): Promise<Outcome<Asked>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const onboarding = found.value;
  if (onboarding.progress.run?.outcome !== "awaiting-approval") return refuse(NOTHING_TO_ASK);
  if (wish.to !== null && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(wish.to))
    return refuse({
      code: "approval.address",
      status: 422,
      message: `"${wish.to}" is not an e-mail address. Correct it, or leave it empty and copy the link.`,
    });
  const subject = await subjectOf(person, onboarding);
  if (!subject) return refuse(NOTHING_TO_ASK);
  const review = await provisioning.review(person, subject, now);
  if (!review.ok) return review;
  const items = provisioning.needingApproval(review.value.operations);
  const isMade = Object.values(onboarding.progress.registrations).some(({ servicePrincipalId }) => servicePrincipalId);
  if (items.length === 0 || !isMade) return refuse(NOTHING_TO_ASK);
  const approvalId = randomUUID();
  const token = newToken();
  const expiresAt = new Date(now.getTime() + LINK_DAYS * 86_400_000);
  const actor = actorOf(person, "admin");
  const before = onboarding.progress.approval;
  await db().$transaction(async (tx) => {
    await tx.ticket.updateMany({ where: { onboardingId: id, purpose: "approver", endedAt: null }, data: { endedAt: now } });
    await tx.ticket.create({
      data: { digest: digestOf(token), onboardingId: id, purpose: "approver", subject: approvalId, createdAt: now, expiresAt },
      select: { digest: true },
    });
    if (before?.state === "open")
      await audit.record(tx, id, actor, now, {
        type: "approval.withdrawn",
        detail: { approvalId: before.id, reason: "Replaced by a newer request" },
      });
    await audit.record(tx, id, actor, now, {
      type: "approval.requested",
      detail: { approvalId, expiresAt: expiresAt.toISOString(), message: wish.message.trim().slice(0, 500), items, to: wish.to },
    });
  });
  const link = `${config().BASE_URL}/approve/${approvalId}#${token}`;
  if (wish.to === null) return accept({ link, mailedTo: null, mailRefused: false });
  const { customerName, manifest } = onboarding;
  const sent = await notify.send(
    notify.approvalMail({
      to: wish.to,
      by: person.name,
      customer: customerName,
      product: manifest.name,
      brand: manifest.vendor,
      message: wish.message,
      link,
      expiresAt,
    }),
  );
  await record(
    id,
    PORTAL,
    now,
    sent.ok
      ? { type: "approval.mailed", detail: { to: wish.to } }
      : { type: "approval.mail-failed", detail: { to: wish.to, reason: sent.refusal.message } },
  );
  return accept({ link, mailedTo: wish.to, mailRefused: !sent.ok });
}

export async function withdraw(person: SignedIn, id: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { approval } = found.value.progress;
  if (approval?.state !== "open") return refuse(NOTHING_TO_ASK);
  await record(id, actorOf(person, "admin"), now, {
    type: "approval.withdrawn",
    detail: { approvalId: approval.id, reason: "Withdrawn by whoever asked" },
  });
  return accept(null);
}

// ---- Deciding ----------------------------------------------------------------------------------------------------

type Located = { onboarding: Onboarding; approval: ApprovalProgress };

/** What a link in hand locates, whatever its state; null when it is not a link of ours. */
async function locate(approvalId: string, token: string | undefined, now: Date): Promise<(Located & { expiresAt: Date }) | null> {
  if (!isUuid(approvalId) || !token) return null;
  const ticket = await db().ticket.findUnique({
    where: { digest: digestOf(token) },
    select: { onboardingId: true, purpose: true, subject: true, expiresAt: true },
  });
  if (ticket?.purpose !== "approver" || ticket.subject !== approvalId) return null;
  const onboarding = await findForErrand(ticket.onboardingId, now);
  if (!onboarding) return null;
  const { approval } = onboarding.progress;
  // A newer request took its place: the link still says so.
  const replaced = {
    ...(approval as ApprovalProgress),
    id: approvalId,
    state: "withdrawn" as const,
    reason: "Replaced by a newer request",
  };
  return { onboarding, approval: approval?.id === approvalId ? approval : replaced, expiresAt: ticket.expiresAt };
}

/** Why nothing can be decided any more; null when it can. */
function whyOver({ onboarding, approval, expiresAt }: Located & { expiresAt: Date }, now: Date): string | null {
  const open = availability(onboarding, now);
  if (!open.ok) return open.refusal.message;
  const { progress } = onboarding;
  if (approval.state === "withdrawn")
    return approval.reason?.includes("features")
      ? `${approval.by} changed the plan after asking. This request is void; ask for a new link if it is still needed.`
      : `This request was withdrawn${approval.decidedBy ? ` by ${approval.decidedBy}` : ""}. ${approval.reason ?? ""}.`;
  if (approval.state === "rejected")
    return `${approval.decidedBy} rejected this request${approval.reason ? `: “${approval.reason}”` : "."}`;
  if (progress.undo) return `${progress.undo.by} is undoing everything that was made here. Nothing is to be approved any more.`;
  if (approval.state === "open" && progress.run?.outcome === "done") return "It is done already; nothing is missing any more.";
  if (approval.state === "open" && expiresAt <= now) return "This link has expired. Ask the sender for a new one.";
  return null;
}

export async function openLink(approvalId: string, token: string, now: Date): Promise<Outcome<null, typeof NOT_FOUND>> {
  const located = await locate(approvalId, token, now);
  if (!located) return refuse(NOT_FOUND);
  const { onboarding, approval } = located;
  if (approval.state === "open" && !approval.openedAt)
    await record(onboarding.id, { kind: "invited" }, now, { type: "approval.opened", detail: { approvalId } });
  return accept(null);
}

export type ApprovalPage = Located & { over: string | null; expiresAt: Date };
/** What a holder of the link may know before signing in. */
export async function findByLink(approvalId: string, token: string | undefined, now: Date): Promise<ApprovalPage | null> {
  const located = await locate(approvalId, token, now);
  return located && { ...located, over: whyOver(located, now) };
}

/** The request, for somebody who signed in to its tenant. */
async function requireApprover(
  person: SignedIn,
  approvalId: string,
  token: string | undefined,
  now: Date,
): Promise<Outcome<Located & { expiresAt: Date }>> {
  const located = await locate(approvalId, token, now);
  if (!located) return refuse(NOT_FOUND);
  if (located.onboarding.tenantId !== person.tenantId) return refuse(WRONG_TENANT);
  const over = whyOver(located, now);
  return over ? refuse(OVER(over)) : accept(located);
}

export type Wanted = ApprovalItem & {
  key: string;
  because: string;
  risk: "low" | "medium" | "high";
  features: string[];
  isGranted: boolean;
};
export type Asking = Located & {
  wanted: Wanted[];
  basis: "read" | "assumed-empty";
  /** Roles of which one is enough for everything that is missing, least privileged first. */
  roles: readonly string[];
  mayGrant: boolean;
  isRequester: boolean;
};

/** The request as it is now: what is still missing in the tenant, why it is asked for, and whether this person's roles allow it. */
export async function review(
  person: SignedIn,
  approvalId: string,
  token: string | undefined,
  now: Date,
): Promise<Outcome<Asking, Refusal | auth.StsRefusal>> {
  const found = await requireApprover(person, approvalId, token, now);
  if (!found.ok) return found;
  const { onboarding, approval } = found.value;
  const subject = await subjectOf(person, onboarding);
  if (!subject) return refuse(OVER("There is no plan any more. Ask for a new link."));
  const reviewed = await provisioning.reviewApproval(person, subject, approval.items);
  if (!reviewed.ok) return reviewed;
  const { operations, basis } = reviewed.value;
  const reasons = new Map(
    permissionsFor(onboarding.manifest, subject.choices).map((each) => [`${each.api}/${each.kind}/${each.value}`, each]),
  );
  const titles = new Map(onboarding.manifest.features.map(({ id, title }) => [id, title]));
  const wanted = approval.items.flatMap((item): Wanted[] => {
    const reason = reasons.get(`${item.api}/${item.kind}/${item.value}`);
    const granted = operations.find(({ id }) => id === item.step)?.permissions.find(({ value }) => value === item.value);
    if (!reason) return [];
    return [
      {
        ...item,
        key: keyOf(item),
        because: reason.because,
        risk: reason.risk,
        features: reason.features.map((feature) => titles.get(feature) ?? feature),
        isGranted: granted?.isGranted === true,
      },
    ];
  });
  const open = operations.filter(({ effect }) => effect !== "same");
  return accept({
    onboarding,
    approval,
    wanted,
    basis,
    roles: open.find(({ kind }) => kind === "grant-application")?.roles ?? open[0]?.roles ?? [],
    mayGrant: open.every(({ needsRole }) => needsRole === null),
    isRequester: approval.objectId === person.objectId,
  });
}

/** Records the decision; `grant` then carries it out. A second one who decides is told of the first. */
export async function approve(
  person: SignedIn,
  approvalId: string,
  token: string | undefined,
  decision: { keys: readonly string[]; reason: string },
  now: Date,
): Promise<Outcome<null>> {
  const found = await requireApprover(person, approvalId, token, now);
  if (!found.ok) return found;
  const { onboarding, approval } = found.value;
  const items = approval.items.filter((item) => decision.keys.includes(keyOf(item)));
  if (items.length === 0)
    return refuse({ code: "approval.none", status: 422, message: "Choose at least one permission, or reject the request." });
  const declined = approval.items.filter((item) => !decision.keys.includes(keyOf(item)));
  return decide(person, onboarding.id, approvalId, now, {
    type: "approval.approved",
    detail: { approvalId, items, declined, reason: decision.reason.trim().slice(0, 500) },
  });
}

export async function reject(
  person: SignedIn,
  approvalId: string,
  token: string | undefined,
  reason: string,
  now: Date,
): Promise<Outcome<null>> {
  const found = await requireApprover(person, approvalId, token, now);
  if (!found.ok) return found;
  if (!reason.trim())
    return refuse({ code: "approval.reason", status: 422, message: "Say why, so that your colleague knows what to change." });
  const { onboarding, approval } = found.value;
  const decided = await decide(person, onboarding.id, approvalId, now, {
    type: "approval.rejected",
    detail: { approvalId, reason: reason.trim().slice(0, 500) },
  });
  if (decided.ok) await tell(onboarding, approval, `${person.name} rejected the request`, `“${reason.trim()}”`);
  return decided;
}

/** Of two decisions at once one counts: both look under the lock of the onboarding's row. */
async function decide(
  person: SignedIn,
  id: string,
  approvalId: string,
  now: Date,
  event: Extract<Parameters<typeof audit.record>[4], { type: "approval.approved" | "approval.rejected" }>,
): Promise<Outcome<null>> {
  return db().$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM "Onboarding" WHERE "id" = ${id}::uuid FOR UPDATE`;
    const { state } = await tx.onboarding.findUniqueOrThrow({ where: { id }, select: { state: true } });
    const { approval } = state as { approval?: ApprovalProgress };
    const isRunning = approval?.run && !approval.run.finishedAt;
    const isFailed = approval?.state === "approved" && approval.run?.finishedAt && approval.run.outcome !== "done";
    if (approval?.id !== approvalId || isRunning || (approval.state !== "open" && !isFailed))
      return refuse(OVER(approval?.decidedBy ? `${approval.decidedBy} has decided this already.` : "This request is over."));
    await audit.record(tx, id, actorOf(person, "admin"), now, event);
    return accept(null);
  });
}

/** Makes the grants that this person approved, in their own name. */
export async function grant(person: SignedIn, approvalId: string, token: string | undefined, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireApprover(person, approvalId, token, now);
  if (!found.ok) return found;
  const { onboarding } = found.value;
  if (onboarding.progress.approval?.decidedByObjectId !== person.objectId) return refuse(NOT_APPROVED);
  return runs.grantApproved(person, onboarding.id, approvalId, async (outcome) => {
    const after = await findForErrand(onboarding.id, new Date());
    const approval = after?.progress.approval;
    if (!after || !approval || outcome !== "done") return;
    const part = approval.declined.length > 0;
    await tell(
      after,
      approval,
      part ? `${person.name} approved a part of the request` : `${person.name} approved the request`,
      part
        ? `Granted: ${approval.approved.map(({ value }) => value).join(", ")}. Declined: ${approval.declined.map(({ value }) => value).join(", ")}.${approval.reason ? ` “${approval.reason}”` : ""}`
        : `Granted: ${approval.approved.map(({ value }) => value).join(", ")}.`,
    );
  });
}

/** Whoever asked, and whoever invited, are told. Mail that is not accepted changes nothing: both see it on their page. */
async function tell({ id, manifest, customerName, progress }: Onboarding, { username }: ApprovalProgress, what: string, detail: string) {
  for (const [to, path] of [
    [username, `/o/${id}/run`],
    [progress.invitedBy, `/desk/${id}`],
  ] as const)
    if (to)
      await notify.send(
        notify.decisionMail({
          to,
          what,
          detail,
          customer: customerName,
          product: manifest.name,
          brand: manifest.vendor,
          link: `${config().BASE_URL}${path}`,
        }),
      );
}
