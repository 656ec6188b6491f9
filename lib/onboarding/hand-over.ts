/** From sealed values to the contact: who gets the link and on which terms, taking it back, issuing anew, rotating, removing. */
import { z } from "zod";
import * as audit from "../audit/audit.ts";
import type { HandoffTerms } from "../audit/events.ts";
import { supersededKeys } from "../audit/status.ts";
import { config } from "../config.ts";
import { db } from "../db.ts";
import * as handoff from "../handoff/handoff.ts";
import * as notify from "../notify/notify.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import { findForAdmin, isAtWork, type Onboarding, requireOpen } from "./find.ts";
import { approve, isRunning, review, run } from "./onboarding.ts";
import * as runs from "./runs.ts";
import { actorOf, PORTAL, record } from "./store.ts";

const NOT_READY = { code: "onboarding.not-ready", status: 409, message: "There is nothing to hand over. Finish the run first." } as const;

/** Who gets the link: whom the vendor named, or a person of the customer's own where the product allows one. Null: still to be named. */
export const recipientOf = ({ manifest, progress, contactEmail }: Onboarding): string | null =>
  progress.recipient ?? (manifest.handover.recipient === "customer" ? null : contactEmail);

/** Names a person of the customer's own as the one who gets the link; an empty address goes back to the vendor's contact. */
export async function nameRecipient(person: SignedIn, id: string, to: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { manifest, contactEmail } = found.value;
  const isNamed = found.value.contacts.includes(to.trim());
  if (manifest.handover.recipient === "contact" && !isNamed)
    return refuse({
      code: "onboarding.recipient",
      status: 409,
      message: `${manifest.vendor.name} named who gets the values: ${found.value.contacts.join(", ")}.`,
    });
  const address = to.trim() || (manifest.handover.recipient === "either" ? contactEmail : "");
  if (!/^[^\s@<>",;]+@[^\s@<>",;]+\.[^\s@<>",;]+$/.test(address))
    return refuse({ code: "onboarding.recipient", status: 422, message: `"${address}" is not an e-mail address.` });
  await record(id, actorOf(person, "admin"), now, { type: "contact.changed", detail: { to: address, by: "admin" } });
  return accept(null);
}

/** How the admin wants the link to be given out, as a form has it. */
export const TermsInput = z.object({
  challenge: z.enum(["code", "passphrase", "sign-in", "none"]),
  passphrase: z.string().max(200).default(""),
  hours: z.coerce.number(),
  removes: z.boolean(),
  /** That a mail scanner can use up a link which asks for nothing. */
  understands: z.boolean(),
});
export type TermsInput = z.infer<typeof TermsInput>;

/** The terms with whom they are about. Somebody of the customer's own signs in to the customer's tenant, anybody else to the vendor's. */
export function termsFor(onboarding: Onboarding, { understands, ...wish }: TermsInput): Outcome<handoff.Terms> {
  if (wish.challenge === "none" && !understands)
    return refuse({
      code: "handoff.terms",
      status: 422,
      message: "Say that you accept it: a link that asks for nothing can be used up by a mail scanner, and read by whoever gets it.",
    });
  const recipient = recipientOf(onboarding) ?? "";
  const isOwn = recipient !== onboarding.contactEmail && !onboarding.contacts.includes(recipient);
  return accept({ ...wish, recipient, signInTenantId: isOwn ? (onboarding.tenantId ?? "") : config().AZURE_TENANT_ID });
}

type Given = { link: string; terms: HandoffTerms; onboarding: Onboarding; handoffId: string };
async function takeLink(person: SignedIn, id: string, wish: TermsInput, now: Date, forMachine = false): Promise<Outcome<Given, Refusal>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const onboarding = found.value;
  const { handoff: sealed, run: last } = onboarding.progress;
  if (sealed?.state !== "sealed" || last?.outcome !== "done") return refuse(NOT_READY);
  const terms = termsFor(onboarding, wish);
  if (!terms.ok) return terms;
  const taken = await handoff.takeLink(sealed.id, person.holdKey, terms.value, now, forMachine);
  return taken.ok ? accept({ ...taken.value, onboarding, handoffId: sealed.id }) : taken;
}

/** Mails the one-time link to the contact. The link is gone from here afterwards, sent or not: a failure means a new credential. */
export async function mailHandoff(person: SignedIn, id: string, wish: TermsInput, now: Date): Promise<Outcome<{ to: string }>> {
  const onboarding = await findForAdmin(person, id, now);
  const to = onboarding && recipientOf(onboarding);
  if (onboarding && !to)
    return refuse({ code: "onboarding.recipient", status: 422, message: "Name the person of your own who enters the values first." });
  const taken = await takeLink(person, id, wish, now);
  if (!taken.ok) return taken;
  const { link, terms, handoffId } = taken.value;
  const { customerName, manifest } = taken.value.onboarding;
  const sent = await notify.send(
    notify.handoffMail({
      ...{ to: to!, customer: customerName, product: manifest.name, brand: manifest.vendor, link },
      challenge: terms.challenge,
      expiresAt: new Date(terms.expiresAt),
    }),
  );
  if (sent.ok) {
    await record(id, actorOf(person, "admin"), now, { type: "handoff.sent", detail: { handoffId, how: "mailed", to: to!, ...terms } });
    return accept({ to: to! });
  }
  await db().$transaction(async (tx) => {
    await audit.record(tx, id, PORTAL, now, {
      type: "handoff.mail-failed",
      detail: { handoffId, to: to!, reason: sent.refusal.message },
    });
    await handoff.revoke(tx, PORTAL, handoffId, "The mail was not accepted, and links are never stored", now);
  });
  return refuse({
    code: "onboarding.mail-failed",
    status: 503,
    message: `The mail to ${to} was not accepted, so the link was thrown away: links are never stored. Issue a new credential below and send or copy its link.`,
  });
}

/** Shows the one-time link, once, to the admin who carries it to the contact. */
export async function copyHandoff(person: SignedIn, id: string, wish: TermsInput, now: Date): Promise<Outcome<{ link: string }>> {
  const taken = await takeLink(person, id, wish, now);
  if (!taken.ok) return taken;
  const { link, terms, handoffId, onboarding } = taken.value;
  await record(id, actorOf(person, "admin"), now, {
    type: "handoff.sent",
    detail: { handoffId, how: "copied", to: recipientOf(onboarding) ?? onboarding.adminEmail, ...terms },
  });
  return accept({ link });
}

/** Lets the vendor's own system fetch the values, sealed to its key; no link exists, and no person sees the secret. */
export async function releaseToMachine(person: SignedIn, id: string, hours: number, now: Date): Promise<Outcome<null>> {
  const onboarding = await findForAdmin(person, id, now);
  if (onboarding && !onboarding.manifest.handover.machineKey) return refuse(NOT_READY);
  const wish: TermsInput = { challenge: "none", passphrase: "", hours, removes: true, understands: true };
  const taken = await takeLink(person, id, wish, now, true);
  if (!taken.ok) return taken;
  const { handoffId, terms } = taken.value;
  const to = `${taken.value.onboarding.manifest.vendor.name}’s system`;
  await record(id, actorOf(person, "admin"), now, { type: "handoff.sent", detail: { handoffId, how: "machine", to, ...terms } });
  return accept(null);
}

/** Takes a link back that nobody has opened. The secret in it stays in the tenant until a new one is issued, or it is removed. */
export async function withdrawHandoff(person: SignedIn, id: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { handoff: given } = found.value.progress;
  const actor = actorOf(person, "admin");
  const isOver = given && (await db().$transaction((tx) => handoff.revoke(tx, actor, given.id, "Withdrawn by the admin", now)));
  return isOver
    ? accept(null)
    : refuse({ code: "handoff.not-pending", status: 409, message: "It is not open any more: look at what became of it below." });
}

/** Throws the credential away and approves a plan that issues another; the run removes the old one. */
export async function reissue(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { progress } = found.value;
  if (isRunning(found.value) && (await isAtWork(found.value))) return refuse(runs.BUSY);
  const given = progress.handoff;
  if (!given) return refuse(NOT_READY);
  const actor = actorOf(person, "admin");
  await db().$transaction(async (tx) => {
    await handoff.revoke(tx, actor, given.id, "A new credential was asked for", now);
    await audit.record(tx, id, actor, now, { type: "credential.discarded", detail: { reason: "A new credential was asked for" } });
  });
  return issueAnother(person, id, now);
}

const OVERLAPS = [1, 7, 14, 30] as const;
/**
 * Issues another secret beside the one in use, with a link of its own. The older one stays valid until the contact says
 * that everything works with the newer, or until the days are over; then it is removed.
 */
export async function rotate(person: SignedIn, id: string, days: number, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { progress } = found.value;
  if (isRunning(found.value) && (await isAtWork(found.value))) return refuse(runs.BUSY);
  if (progress.handoff?.state !== "revealed" || !Object.values(progress.registrations).some(({ keyId }) => keyId)) return refuse(NOT_READY);
  if (!OVERLAPS.some((each) => each === days))
    return refuse({ code: "onboarding.overlap", status: 422, message: "Both secrets can be valid for 1, 7, 14 or 30 days. Choose one." });
  const overlapEndsAt = new Date(now.getTime() + days * 86_400_000).toISOString();
  await record(id, actorOf(person, "admin"), now, { type: "credential.rotated", detail: { overlapEndsAt } });
  return issueAnother(person, id, now);
}

async function issueAnother(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const shown = await review(person, (await findForAdmin(person, id, now))!, now);
  if (!shown) return refuse(runs.NO_PLAN);
  if (!shown.ok) return shown;
  const approved = await approve(person, id, shown.value.digest, now);
  return approved.ok ? run(person, id, new Date(now.getTime() + 1)) : approved;
}

/** Why secrets of this onboarding are to go now, and which: nobody opened their link in time, or newer ones took their place. */
export function removalDue({ progress }: Onboarding, now: Date): { keys: Record<string, string[]>; reason: string } | null {
  const { handoff: given, registrations, removal } = progress;
  if (removal) return { keys: removal.keys, reason: removal.reason };
  const superseded = supersededKeys(progress, now);
  if (Object.keys(superseded).length > 0) return { keys: superseded, reason: "A newer secret is in use" };
  if (given?.state === "expired" && given.removes) return currentKeys(registrations, "Nobody opened the link in time");
  return null;
}
function currentKeys(registrations: Onboarding["progress"]["registrations"], reason: string) {
  const keys = Object.fromEntries(Object.entries(registrations).flatMap(([id, { keyId }]) => (keyId ? [[id, [keyId]]] : [])));
  return Object.keys(keys).length > 0 ? { keys, reason } : null;
}

/** Removes what is due. */
export async function removeDue(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const due = removalDue(found.value, now);
  return due ? remove(person, id, due, found.value, now) : refuse(NOT_READY);
}

/** Removes the secret that was handed over, at once: whoever has it is locked out. */
export async function removeHandedOver(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const due = currentKeys(found.value.progress.registrations, "The admin withdrew it");
  return due ? remove(person, id, due, found.value, now) : refuse(NOT_READY);
}

async function remove(
  person: SignedIn,
  id: string,
  due: { keys: Record<string, string[]>; reason: string },
  onboarding: Onboarding,
  now: Date,
): Promise<Outcome<runs.Started>> {
  if (isRunning(onboarding) && (await isAtWork(onboarding))) return refuse(runs.BUSY);
  if (!onboarding.progress.removal) await record(id, actorOf(person, "admin"), now, { type: "credential.removal-due", detail: due });
  return runs.removeSecrets(person, id);
}
