"use server";

import * as auth from "@/lib/auth/auth";
import * as onboarding from "@/lib/onboarding/onboarding";

/** Puts Microsoft's refusal into words, and notes a declined consent in the onboarding it was for. Anybody may ask. */
export async function explain(text: string, to: string): Promise<{ text: string; who: string; code: string | null }> {
  const { code, message, action, who, aadsts } = auth.explainSignInFailure(String(text));
  const id = /^\/o\/([0-9a-f-]{36})\/run/.exec(String(to))?.[1];
  const person = await auth.findSignedIn();
  if (id && person) await onboarding.refusedConsent(person, id, code, new Date());
  return { text: `${message} ${action}`, who, code: aadsts ? `AADSTS${aadsts}` : null };
}
