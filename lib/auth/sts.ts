/** Refusals of Entra's sign-in service as values. Its text is not shown, since it can name people; the number is. */
import { AuthError, InteractionRequiredAuthError } from "@azure/msal-node";
import type { Refusal } from "../outcome.ts";
import { AADSTS_WORDS, type Words } from "../vocabulary.ts";

export type StsRefusal = Refusal & {
  readonly aadsts: number | null;
  readonly action: string;
  readonly who: string;
  /** What the next sign-in has to bring, as JSON; from Conditional Access. */
  readonly claims: string | null;
};

export const REFUSED_SIGN_IN = {
  code: "auth.sign-in-again",
  status: 403,
  message: "Your sign-in is over or was not accepted. Sign in again.",
} as const;
export const SIGN_IN_AGAIN: StsRefusal = {
  ...REFUSED_SIGN_IN,
  action: "Sign in again; everything goes on where it stopped.",
  who: "You",
  aadsts: null,
  claims: null,
};

/** The number in "AADSTS65001: …". */
export const aadstsOf = (text: string) => Number(/AADSTS(\d+)/.exec(text)?.[1]) || null;

export const wordsOfAadsts = (aadsts: number | null): Words =>
  (aadsts && AADSTS_WORDS[aadsts]) || {
    code: "auth.refused",
    message: `Microsoft's sign-in service refused${aadsts ? ` (AADSTS${aadsts})` : ""}.`,
    action: "Sign in again; if it stays, send this code to the vendor's support.",
    who: "You",
  };

/** @throws what is not an answer of the sign-in service */
export function stsRefusal(error: unknown): StsRefusal {
  if (!(error instanceof AuthError)) throw error;
  const aadsts = aadstsOf(error.errorMessage);
  const claims = error instanceof InteractionRequiredAuthError && error.claims ? error.claims : null;
  return { status: 403, aadsts, claims, ...wordsOfAadsts(aadsts) };
}
