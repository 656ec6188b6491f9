/** Entra's sign-in errors in words: what it means, what to do, who can (docs: reference-error-codes). */
import { AuthError } from "@azure/msal-node";
import type { Refusal } from "../outcome.ts";

export type StsRefusal = Refusal & { readonly aadsts: number | null };

export const REFUSED_SIGN_IN = {
  code: "auth.sign-in-again",
  status: 403,
  message: "Your sign-in is over or was not accepted. Sign in again.",
} as const;

type Meaning = { code: string; message: string };
const CONSENT: Meaning = { code: "auth.consent-needed", message: "This portal has not been given these permissions in your tenant yet." };
const MEANINGS: Record<number, Meaning> = {
  65001: CONSENT,
  65004: {
    code: "auth.declined",
    message: "You declined. Nothing was changed. Read what is asked for and why, then try again, or forward the invitation to a colleague.",
  },
  90094: {
    code: "auth.admin-needed",
    message:
      "Only an administrator can grant what this portal asks for. Forward the invitation to a Cloud Application Administrator, Application Administrator or Global Administrator.",
  },
  90095: {
    code: "auth.admin-needed",
    message:
      "Your organization reviews such requests. Send the request on Microsoft's page, or forward the invitation to an administrator.",
  },
  50020: {
    code: "auth.wrong-account",
    message: "This account does not belong to the tenant. Sign in with an account of the tenant you want to connect.",
  },
  50105: {
    code: "auth.assignment-needed",
    message:
      "Your tenant lets only assigned people use this portal. An administrator can assign you under Enterprise applications, Users and groups.",
  },
  50076: { code: "auth.step-up", message: "Your tenant asks for multi-factor authentication. Sign in again and complete it." },
  50079: { code: "auth.step-up", message: "Your tenant asks you to set up multi-factor authentication. Sign in again and set it up." },
  53000: {
    code: "auth.device",
    message: "A Conditional Access policy asks for a compliant device. Sign in from one, or ask the policy's owner to exclude this portal.",
  },
  53003: {
    code: "auth.blocked",
    message: "A Conditional Access policy blocks this sign-in. Trying again won't help; the policy's owner can exclude this portal.",
  },
  500133: REFUSED_SIGN_IN,
  50013: REFUSED_SIGN_IN,
  700016: { code: "sts.application-unknown", message: "Microsoft's sign-in service does not know the application yet." },
  7000215: { code: "sts.secret-unknown", message: "Microsoft's sign-in service does not know the new secret yet." },
  7000222: { code: "sts.secret-expired", message: "Microsoft's sign-in service says that the secret is expired." },
  7000229: { code: "sts.service-principal-unknown", message: "Microsoft's sign-in service does not know the service principal yet." },
};

/** The number in "AADSTS65001: …"; Entra's text is not shown, since it can name people. */
export const aadstsOf = (text: string) => Number(/AADSTS(\d+)/.exec(text)?.[1]) || null;

export const meaningOfAadsts = (aadsts: number | null): Meaning =>
  (aadsts && MEANINGS[aadsts]) || {
    code: "auth.refused",
    message: `Microsoft's sign-in service refused${aadsts ? ` (AADSTS${aadsts})` : ""}. Sign in again; if it stays, send this code to support.`,
  };

/** @throws what is not an answer of the sign-in service */
export function stsRefusal(error: unknown): StsRefusal {
  if (!(error instanceof AuthError)) throw error;
  const aadsts = aadstsOf(error.errorMessage);
  return { status: 403, aadsts, ...meaningOfAadsts(aadsts) };
}
