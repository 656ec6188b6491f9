"use server";

import { consentPageReturned } from "@/lib/onboarding/consent-page";

/** Anybody may bring Microsoft's answer; its `state` is good once, and what it says is only a hint. */
export async function returned(state: string, error: string | null): Promise<{ title: string; text: string; isFine: boolean }> {
  const done = await consentPageReturned({ state: String(state), error: error === null ? null : String(error) }, new Date());
  if (!done.ok) return { title: "This address was used already", text: done.refusal.message, isFine: false };
  const { error: refused, product } = done.value;
  return refused
    ? {
        title: "Microsoft did not grant it",
        text: `Microsoft answered “${refused}”. Nothing was granted for ${product}. Your colleague sees this, and can send you the page again.`,
        isFine: false,
      }
    : {
        title: "Thank you",
        text: `Microsoft says that it is granted. Your colleague’s page for ${product} now reads your tenant and believes only what it finds there. You can close this page.`,
        isFine: true,
      };
}
