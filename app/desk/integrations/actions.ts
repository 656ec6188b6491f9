"use server";

import { refresh } from "next/cache";
import { fieldsOf, text } from "@/app/form";
import { SIGNED_OUT } from "@/app/signed-out";
import type { ActionResult } from "@/components/ui/act";
import * as apiKeys from "@/lib/auth/api-keys";
import { findSupport } from "@/lib/auth/auth";
import * as webhooks from "@/lib/desk/webhooks";
import type { Outcome } from "@/lib/outcome";
import type { Support } from "@/lib/proof";

/** Something that is shown once: a key, or a signing secret. */
export type OnceResult = { refused?: string; shown?: string } | null;

/** Every action here is for managers, of the vendor that a key or webhook belongs to; the rooms refuse others. */
async function managing<T>(act: (support: Support, now: Date) => Promise<Outcome<T>>): Promise<Outcome<T> | null> {
  const support = await findSupport();
  const done = support && (await act(support, new Date()));
  if (done?.ok) refresh();
  return done;
}
const once = <T>(done: Outcome<T> | null, shown: (value: T) => string): OnceResult =>
  !done ? { refused: SIGNED_OUT } : done.ok ? { shown: shown(done.value) } : { refused: done.refusal.message };
const plain = (done: Outcome<unknown> | null, said?: string): ActionResult =>
  !done ? { refused: SIGNED_OUT } : done.ok ? (said ? { said } : null) : { refused: done.refusal.message };

export async function createKey(_: OnceResult, form: FormData): Promise<OnceResult> {
  const input = {
    ...{ vendorId: text(form, "vendor"), name: text(form, "name"), scopes: fieldsOf(form).getAll("scope").map(String) },
    days: text(form, "days") === "never" ? null : text(form, "days"),
  };
  return once(await managing((support, now) => apiKeys.create(support, input, now)), ({ key }) => key);
}
export async function revokeKey(_: ActionResult, form: FormData): Promise<ActionResult> {
  return plain(await managing((support, now) => apiKeys.revoke(support, text(form, "id"), now)));
}
export async function createWebhook(_: OnceResult, form: FormData): Promise<OnceResult> {
  return once(
    await managing((support, now) => webhooks.create(support, text(form, "vendor"), text(form, "url"), now)),
    ({ secret }) => secret,
  );
}
export async function rotateWebhook(_: OnceResult, form: FormData): Promise<OnceResult> {
  return once(await managing((support, now) => webhooks.rotate(support, text(form, "id"), now)), ({ secret }) => secret);
}
export async function removeWebhook(_: ActionResult, form: FormData): Promise<ActionResult> {
  return plain(await managing((support, now) => webhooks.remove(support, text(form, "id"), now)));
}
export async function testWebhook(_: ActionResult, form: FormData): Promise<ActionResult> {
  return plain(
    await managing((support, now) => webhooks.test(support, text(form, "id"), now)),
    "A test is on its way; the log says what became of it",
  );
}
export async function replayDelivery(_: ActionResult, form: FormData): Promise<ActionResult> {
  return plain(await managing((support, now) => webhooks.replay(support, text(form, "id"), now)), "On its way once more");
}
