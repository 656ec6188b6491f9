/** On which terms a link is given out, and what the database keeps of them. */
import type { Challenge, HandoffTerms } from "../audit/events.ts";
import { accept, type Refusal, refuse } from "../outcome.ts";
import * as challenges from "./challenge.ts";

/** How long a link can work, in hours. */
const LIFETIMES = [1, 24, 72, 168] as const;
/** On which terms the admin gives a link out. */
export type Terms = {
  challenge: Challenge;
  /** Told to the contact by another way than the link; for the challenge of that name only. */
  passphrase?: string;
  /** Who gets the link: codes go there, and this is who has to sign in. */
  recipient: string;
  /** The tenant in which that person signs in. */
  signInTenantId: string;
  hours: number;
  /** Take the credential out of the application again when nobody opens the link in time. */
  removes: boolean;
};
const BAD_TERMS = {
  hours: "A link works for 1, 24, 72 or 168 hours. Choose one of them.",
  passphrase: `A passphrase needs at least ${challenges.PASSPHRASE_AT_LEAST} characters. Nothing was sent.`,
  recipient: "Name the person who gets the link first.",
};
export type BadTerms = Refusal<"handoff.terms">;
const badTerms = (what: keyof typeof BAD_TERMS): { ok: false; refusal: BadTerms } =>
  refuse({ code: "handoff.terms", status: 422, message: BAD_TERMS[what] });

/** What the database keeps of the terms. */
export async function settle({ challenge, passphrase = "", recipient, signInTenantId, hours, removes }: Terms, now: Date) {
  if (!LIFETIMES.some((each) => each === hours)) return badTerms("hours");
  if (challenge === "passphrase" && passphrase.normalize("NFKC").trim().length < challenges.PASSPHRASE_AT_LEAST)
    return badTerms("passphrase");
  if ((challenge === "code" || challenge === "sign-in") && !recipient) return badTerms("recipient");
  const verifier =
    challenge === "passphrase"
      ? await challenges.passphraseVerifier(passphrase)
      : challenge === "sign-in"
        ? Buffer.from(personOf(signInTenantId, recipient))
        : null;
  const expiresAt = new Date(now.getTime() + hours * 3_600_000);
  return accept({ challenge, recipient, removes, expiresAt, verifier: verifier && Uint8Array.from(verifier) });
}
/** Somebody of a tenant, as the challenge of a sign-in is kept and compared. */
export const personOf = (tenantId: string, username: string) => `${tenantId.toLowerCase()}|${username.trim().toLowerCase()}`;
/** For the record: nothing of it is secret. */
export const termsOf = ({ challenge, expiresAt, removes }: { challenge: Challenge; expiresAt: Date; removes: boolean }): HandoffTerms => ({
  challenge,
  expiresAt: expiresAt.toISOString(),
  removes,
});
