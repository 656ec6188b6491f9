/** From sealed values to the contact: who gets the link, mailing or showing it once, issuing anew, and what the contact's page may know. */
import * as audit from "../audit/audit.ts";
import type { Choices, Manifest } from "../catalogue/schema.ts";
import { CREDENTIAL_OF, registrationsFor } from "../catalogue/selection.ts";
import { db } from "../db.ts";
import * as handoff from "../handoff/handoff.ts";
import * as notify from "../notify/notify.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import { find, findForAdmin, isAtWork, type Onboarding, requireOpen } from "./find.ts";
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
  if (manifest.handover.recipient === "contact")
    return refuse({
      code: "onboarding.recipient",
      status: 409,
      message: `${manifest.vendor.name} named who gets the values: ${contactEmail}.`,
    });
  const address = to.trim() || (manifest.handover.recipient === "either" ? contactEmail : "");
  if (!/^[^\s@<>",;]+@[^\s@<>",;]+\.[^\s@<>",;]+$/.test(address))
    return refuse({ code: "onboarding.recipient", status: 422, message: `"${address}" is not an e-mail address.` });
  await record(id, actorOf(person, "admin"), now, { type: "contact.changed", detail: { to: address, by: "admin" } });
  return accept(null);
}

async function takeLink(person: SignedIn, { progress }: Onboarding, now: Date): Promise<Outcome<string, Refusal>> {
  const { handoff: sealed, run: last } = progress;
  if (sealed?.state !== "sealed" || last?.outcome !== "done") return refuse(NOT_READY);
  return handoff.takeLink(sealed.id, person.holdKey, now);
}

/** Mails the one-time link to the contact. The link is gone from here afterwards, sent or not: a failure means a new credential. */
export async function mailHandoff(person: SignedIn, id: string, now: Date): Promise<Outcome<{ to: string }>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const to = recipientOf(found.value);
  if (!to)
    return refuse({ code: "onboarding.recipient", status: 422, message: "Name the person of your own who enters the values first." });
  const taken = await takeLink(person, found.value, now);
  if (!taken.ok) return taken;
  const link = taken.value;
  const { customerName, manifest, progress } = found.value;
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
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const onboarding = found.value;
  const taken = await takeLink(person, onboarding, now);
  if (!taken.ok) return taken;
  await record(id, actorOf(person, "admin"), now, {
    type: "handoff.sent",
    detail: { handoffId: onboarding.progress.handoff!.id, how: "copied", to: recipientOf(onboarding) ?? onboarding.adminEmail },
  });
  return accept({ link: taken.value });
}

/** Throws the credential away and approves a plan that issues another; the run removes the old one. */
export async function reissue(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { progress } = found.value;
  if (isRunning(found.value) && (await isAtWork(id))) return refuse(runs.BUSY);
  if (!progress.handoff || progress.handoff.state === "revealed") return refuse(NOT_READY);
  const actor = actorOf(person, "admin");
  await db().$transaction(async (tx) => {
    await handoff.revoke(tx, actor, progress.handoff!.id, "A new credential was asked for", now);
    await audit.record(tx, id, actor, now, { type: "credential.discarded", detail: { reason: "A new credential was asked for" } });
  });
  const shown = await review(person, (await findForAdmin(person, id, now))!, now);
  if (!shown) return refuse(runs.NO_PLAN);
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
  const { customerName, manifest, progress } = (await find(onboardingId, now))!;
  return accept({
    state,
    expiresAt: expiresAt.toISOString(),
    revealedAt: revealedAt?.toISOString() ?? null,
    customer: customerName,
    product: manifest.name,
    vendor: manifest.vendor.name,
    fields: fieldsOf(manifest, progress.choices),
    note: manifest.handover.note ?? null,
  });
}

/** The fields that there is something to show for. */
function fieldsOf(manifest: Manifest, choices: Choices | undefined): HandoffPage["fields"] {
  const kinds = new Set((choices ? registrationsFor(manifest, choices) : []).map(({ credential }) => credential?.kind));
  return manifest.handover.fields.filter((field) => !CREDENTIAL_OF[field] || kinds.has(CREDENTIAL_OF[field]));
}

/** Reveals, once. The answer is sealed with the link's key: only the contact's browser can open it. */
export const revealHandoff = (id: string, proof: unknown, now: Date) => handoff.reveal(id, proof, now);
