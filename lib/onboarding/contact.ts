/**
 * The contact's side of a handoff: what its page may know, the code by mail, the reveal, and what they say afterwards. A
 * contact has no account here; the link in their hands is what they prove.
 */

import type { Choices, Manifest } from "../catalogue/schema.ts";
import { CREDENTIAL_OF, registrationsFor } from "../catalogue/selection.ts";
import { config } from "../config.ts";
import * as handoff from "../handoff/holder.ts";
import type { SealedPart, State } from "../handoff/sealed.ts";
import type { Visitor } from "../http.ts";
import { log } from "../log.ts";
import * as notify from "../notify/notify.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import { type Errands, enqueue } from "../queue.ts";
import { findForErrand } from "./find.ts";

export type HandoffPage = {
  state: State;
  expiresAt: string;
  revealedAt: string | null;
  challenge: handoff.HandoffView["challenge"];
  /** Where a code goes, or who has to sign in; cut short, since a link can be in other hands. */
  recipient: string | null;
  /** Who is signed in in this browser. */
  signedInAs: string | null;
  customer: string;
  product: string;
  vendor: string;
  /** Whom to call. */
  admin: string;
  fields: Manifest["handover"]["fields"];
  note: string | null;
  saidOk: boolean;
  wasReported: boolean;
};

const cutShort = (address: string) => address.replace(/^(.)[^@]*/, "$1…");

/** What the page of a handoff shows before anything is revealed, to a holder of its link. */
export async function lookAtHandoff(
  id: string,
  proof: unknown,
  person: SignedIn | null,
  visitor: Visitor,
  now: Date,
): Promise<Outcome<HandoffPage>> {
  const view = await handoff.look(id, proof, visitor, now);
  if (!view.ok) return view;
  const { state, expiresAt, revealedAt, challenge, recipient, onboardingId } = view.value;
  const { customerName, manifest, progress, adminEmail } = (await findForErrand(onboardingId, now))!;
  const own = progress.handoff?.id === id ? progress.handoff : undefined;
  return accept({
    state,
    expiresAt: expiresAt.toISOString(),
    revealedAt: revealedAt?.toISOString() ?? null,
    challenge,
    recipient: recipient && cutShort(recipient),
    signedInAs: challenge === "sign-in" ? (person?.username ?? null) : null,
    customer: customerName,
    product: manifest.name,
    vendor: manifest.vendor.name,
    admin: adminEmail,
    fields: fieldsOf(manifest, progress.choices),
    note: manifest.handover.note ?? null,
    saidOk: Boolean(own?.worksAt),
    wasReported: Boolean(own?.reportedAt),
  });
}

/** The fields that there is something to show for. */
function fieldsOf(manifest: Manifest, choices: Choices | undefined): HandoffPage["fields"] {
  const kinds = new Set((choices ? registrationsFor(manifest, choices) : []).map(({ credential }) => credential?.kind));
  return manifest.handover.fields.filter((field) => !CREDENTIAL_OF[field] || kinds.has(CREDENTIAL_OF[field]));
}

/** Mails a code to the contact. It is on its way or it is not: a code is not queued. */
export async function sendCode(id: string, proof: unknown, visitor: Visitor, now: Date): Promise<Outcome<{ to: string }>> {
  const made = await handoff.newCode(id, proof, visitor);
  if (!made.ok) return made;
  const { code, to, onboardingId } = made.value;
  const { customerName, manifest } = (await findForErrand(onboardingId, now))!;
  const sent = await notify.send(
    notify.codeMail({ to, product: manifest.name, brand: manifest.vendor, customer: customerName, code: handoff.spelledCode(code) }),
  );
  await handoff.recordCode(onboardingId, id, to, sent.ok, visitor, now);
  return sent.ok
    ? accept({ to: cutShort(to) })
    : refuse({
        code: "handoff.code-failed",
        status: 503,
        message: `The code could not be mailed to ${cutShort(to)}. Nothing was used up. Try again in some minutes; if it stays, tell the sender.`,
      });
}

/** Reveals, once. The answer is sealed with the link's key: only the contact's browser can open it. */
export async function revealHandoff(
  id: string,
  proof: unknown,
  answer: handoff.Answer,
  visitor: Visitor,
  now: Date,
): Promise<Outcome<SealedPart[]>> {
  const revealed = await handoff.reveal(id, proof, answer, visitor, now);
  if (revealed.ok) {
    const { parts, onboardingId } = revealed.value;
    tellLater(
      onboardingId,
      "The values were revealed",
      `By a visitor from ${visitor.network}, with ${visitor.browser}, on ${now.toUTCString()}. If that was not the contact, withdraw the secret on this page:`,
    );
    return accept(parts);
  }
  if (revealed.refusal.code === "handoff.locked" && "onboardingId" in revealed.refusal)
    tellLater(
      String(revealed.refusal.onboardingId),
      "The one-time link is locked",
      "Ten wrong answers were given, so the values were deleted. Nobody has seen them. Issue a new credential on this page:",
    );
  return revealed;
}

/** A mail to the admin and to whoever invited, after what it is about was committed. Its failure changes nothing. */
export function tellLater(onboardingId: string, what: string, detail: string): void {
  void enqueue("notice", { onboardingId, what, detail }).catch((error: unknown) =>
    log().failed("A notice was not queued", error, { onboardingId }),
  );
}
/** Writes the mails that a notice comes to. */
export async function tell({ onboardingId, what, detail }: Errands["notice"]): Promise<void> {
  const onboarding = await findForErrand(onboardingId, new Date());
  if (!onboarding) return;
  const { adminEmail, progress, manifest, customerName } = onboarding;
  const about = { what, detail, product: manifest.name, brand: manifest.vendor, customer: customerName };
  const { BASE_URL } = config();
  await notify.sendLater(onboardingId, notify.handoffNotice({ ...about, to: adminEmail, page: `${BASE_URL}/o/${onboardingId}/run` }));
  if (progress.invitedBy)
    await notify.sendLater(
      onboardingId,
      notify.handoffNotice({ ...about, to: progress.invitedBy, page: `${BASE_URL}/desk/${onboardingId}` }),
    );
}

/** Long strings that are no GUID: whatever somebody pastes by mistake does not go into the record. */
const withoutSecrets = (text: string) =>
  text.replaceAll(/[^\s'"]{24,}/g, (word) => (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\W?$/i.test(word) ? word : "…"));
/** Of an error text only its number and Microsoft's sentence are kept, without anything that could be a secret. */
export function failureOf(text: string): { code: string | null; said: string } {
  const code = /AADSTS\d{4,7}/.exec(text)?.[0] ?? null;
  // Half a surrogate pair is replaced on the way through bytes; the database would refuse it.
  const sentence = code ? text.slice(text.indexOf(code)) : text;
  return {
    code,
    said: withoutSecrets(Buffer.from(sentence).toString())
      .replaceAll(/[\s\p{Cc}]+/gu, " ")
      .trim()
      .slice(0, 300),
  };
}

/** What a contact who opened the link says of it: stored, works, does not work, or "it was not me". */
export async function sayOfHandoff(
  id: string,
  proof: unknown,
  word: handoff.Word,
  errorText: string,
  visitor: Visitor,
  now: Date,
): Promise<Outcome<null>> {
  const failure = word === "failing" ? failureOf(errorText) : null;
  if (failure && !failure.said)
    return refuse({ code: "handoff.no-error", status: 422, message: "Paste the error that the product shows. Nothing was sent." });
  const said = await handoff.say(id, proof, word, failure, visitor, now);
  if (!said.ok) return said;
  const { onboardingId, isNews } = said.value;
  if (isNews && word === "reported")
    tellLater(
      onboardingId,
      "Somebody else may have the secret",
      "The contact says that it was not them who opened the one-time link. Withdraw the secret on this page, now:",
    );
  if (isNews && word === "confirmed")
    tellLater(onboardingId, "It works", "The contact says that the product works with the values. Nothing is left to do:");
  if (isNews && word === "failing")
    tellLater(onboardingId, "It does not work yet", `The contact reports: ${failure!.said} What to do is on this page:`);
  return accept(null);
}
