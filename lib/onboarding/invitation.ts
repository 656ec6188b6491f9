/**
 * The vendor's side: inviting, renewing, withdrawing, and what a link in hand lets somebody see before signing in. A link
 * only locates an onboarding; what may be done with it comes from the sign-in.
 */
import { randomUUID } from "node:crypto";
import * as audit from "../audit/audit.ts";
import { findProduct } from "../catalogue/catalogue.ts";
import type { Manifest } from "../catalogue/schema.ts";
import { config } from "../config.ts";
import { db, isUuid } from "../db.ts";
import * as handoff from "../handoff/handoff.ts";
import * as notify from "../notify/notify.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import { isOwn, type Support } from "../proof.ts";
import { searchWords } from "../search.ts";
import { digestOf, newToken } from "../secret.ts";
import { findForSupport, REVOKED, UNKNOWN } from "./find.ts";
import { keep } from "./manifests.ts";
import { Invitation } from "./schema.ts";
import { actorOf, PORTAL, record } from "./store.ts";

const INVITATION_DAYS = 14;

const MAY_NOT = {
  code: "onboarding.may-not",
  status: 403,
  message: "Your role at the desk only lets you watch. Ask an agent or a manager.",
} as const;

export type Invited = { id: string; link: string; mailed: boolean };

/** Mails the link, and gives it to whoever invites in any case. */
async function giveLink(
  row: { id: string; to: string; manifest: Manifest; customerName: string; invitedBy: string; token: string; expiresAt: Date },
  now: Date,
): Promise<Outcome<Invited>> {
  const link = `${config().BASE_URL}/o/${row.id}#${row.token}`;
  const sent = await notify.send(
    notify.invitationMail({
      to: row.to,
      product: row.manifest.name,
      vendor: row.manifest.vendor.name,
      customer: row.customerName,
      invitedBy: row.invitedBy,
      link,
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
  return accept({ id: row.id, link, mailed: sent.ok });
}

/** Creates an onboarding and its invitation link. The link is returned once; only its digest is kept. */
export async function invite(support: Support, input: unknown, now: Date): Promise<Outcome<Invited>> {
  if (!support.mayChange) return refuse(MAY_NOT);
  const parsed = Invitation.safeParse(input);
  if (!parsed.success)
    return refuse({ code: "onboarding.invalid", status: 422, message: parsed.error.issues.map(({ message }) => message).join(" ") });
  const { productId, customerName, expectedDomain, adminEmail, contactEmail, offered } = parsed.data;
  const product = findProduct(productId);
  const manifest = product && isOwn(support, product.vendor.id) ? product : undefined;
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
    const manifestDigest = await keep(tx, manifest, now);
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
        words: searchWords(customerName, expectedDomain, adminEmail, contactEmail, manifest.name),
        createdAt: now,
        expiresAt,
        ...audit.beginning(id, now),
      },
      select: { id: true },
    });
    await audit.record(tx, id, actorOf(support, "support"), now, {
      type: "onboarding.created",
      detail: {
        productId,
        manifestVersion: manifest.version,
        manifestDigest,
        customerName,
        expectedDomain,
        offered,
        expiresAt: expiresAt.toISOString(),
      },
    });
  });
  return giveLink({ id, to: adminEmail, manifest, customerName, invitedBy: support.name, token, expiresAt }, now);
}

/** A fresh link in place of the old one, which stops working. */
export async function renew(support: Support, id: string, now: Date): Promise<Outcome<Invited>> {
  if (!support.mayChange) return refuse(MAY_NOT);
  const onboarding = await findForSupport(support, id, now);
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
  const { manifest, customerName, adminEmail } = onboarding;
  return giveLink({ id, to: adminEmail, manifest, customerName, invitedBy: support.name, token, expiresAt }, now);
}

/** Ends the onboarding for the customer, a pending handoff included. What is in the tenant stays. */
export async function revoke(support: Support, id: string, now: Date): Promise<Outcome<null>> {
  if (!support.mayChange) return refuse(MAY_NOT);
  const onboarding = await findForSupport(support, id, now);
  if (!onboarding) return refuse(UNKNOWN);
  if (onboarding.progress.revokedAt) return accept(null);
  await db().$transaction(async (tx) => {
    const pending = onboarding.progress.handoff;
    if (pending) await handoff.revoke(tx, actorOf(support, "support"), pending.id, "The onboarding was cancelled", now);
    await audit.record(tx, id, actorOf(support, "support"), now, { type: "invitation.revoked", detail: {} });
  });
  return accept(null);
}

/** What a link in hand lets somebody see. Records the first opening. */
export async function openInvitation(id: string, token: string, now: Date): Promise<Outcome<null, typeof UNKNOWN>> {
  if (!isUuid(id)) return refuse(UNKNOWN);
  const row = await db().onboarding.findFirst({ where: { id, inviteDigest: digestOf(token) }, select: { status: true } });
  if (!row) return refuse(UNKNOWN);
  if (row.status === "invited") await record(id, { kind: "invited" }, now, { type: "invitation.opened", detail: {} });
  return accept(null);
}
