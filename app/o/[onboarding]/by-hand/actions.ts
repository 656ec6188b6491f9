"use server";

import { z } from "zod";
import { SIGNED_OUT } from "@/app/signed-out";
import { findSignedIn } from "@/lib/auth/auth";
import * as byHand from "@/lib/onboarding/by-hand";
import { TermsInput } from "@/lib/onboarding/hand-over";

export type CheckAnswer = { is: "checked" } | { is: "consent-needed" } | { is: "refused"; words: string };

const AppIds = z.record(z.string().max(120), z.string().max(80));
/** Both actions are for an admin of the onboarding's tenant: `by-hand` refuses anybody else's session. */
export async function checkByHand(id: string, appIds: unknown): Promise<CheckAnswer> {
  const person = await findSignedIn();
  if (!person) return { is: "refused", words: SIGNED_OUT };
  const parsed = AppIds.safeParse(appIds);
  if (!parsed.success) return { is: "refused", words: "These application IDs cannot be read. Reload the page and type them again." };
  const checked = await byHand.check(person, id, parsed.data, new Date());
  if (checked.ok) return { is: "checked" };
  return checked.refusal.code === "auth.consent-needed" ? { is: "consent-needed" } : { is: "refused", words: checked.refusal.message };
}

const Sealed = z.strictObject({
  id: z.uuid(),
  proofHash: z.string().max(64),
  parts: z
    .array(z.strictObject({ part: z.string().max(120), boundTo: z.string().max(400), inner: z.string().max(70_000) }))
    .min(1)
    .max(64),
});
/** Takes ciphertext that only the link opens; the link never comes here. */
export async function sealByHand(id: string, sealed: unknown, terms: unknown): Promise<{ ok: true } | { refused: string }> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT };
  const parsed = Sealed.safeParse(sealed);
  if (!parsed.success) return { refused: "The sealed values did not arrive as they should. Reload the page and seal them again." };
  const wish = TermsInput.safeParse(terms);
  if (!wish.success) return { refused: "These choices cannot be read. Reload the page and choose again." };
  const done = await byHand.seal(person, id, parsed.data, wish.data, new Date());
  return done.ok ? { ok: true } : { refused: done.refusal.message };
}
