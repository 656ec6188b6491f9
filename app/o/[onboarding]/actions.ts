"use server";

import { refresh } from "next/cache";
import { redirect } from "next/navigation";
import type { ActionResult } from "@/components/ui/act";
import { findSignedIn } from "@/lib/auth/auth";
import { Choices } from "@/lib/catalogue/schema";
import * as onboarding from "@/lib/onboarding/onboarding";
import type { Outcome } from "@/lib/outcome";
import type { SignedIn } from "@/lib/proof";
import { linkToken } from "./admin";

const SIGNED_OUT: ActionResult = { refused: "Your session is over. Reload the page and sign in again; nothing is lost." };
const text = (form: FormData, name: string) => String(form.get(name) ?? "");

/** Every action below is for an admin of the onboarding's tenant: `onboarding` refuses anybody else's session. */
async function asAdmin<T>(
  form: FormData,
  act: (person: SignedIn, id: string, now: Date) => Promise<Outcome<T>>,
  then?: (value: T, id: string) => ActionResult | never,
): Promise<ActionResult> {
  const person = await findSignedIn();
  if (!person) return SIGNED_OUT;
  const id = text(form, "onboarding");
  const done = await act(person, id, new Date());
  if (!done.ok) return { refused: done.refusal.message };
  if (then) return then(done.value, id);
  refresh();
  return null;
}

export async function enter(_: ActionResult, form: FormData): Promise<ActionResult> {
  const token = await linkToken();
  return asAdmin(form, (person, id, now) => onboarding.enter(person, id, token, now));
}

export async function choose(_: ActionResult, form: FormData): Promise<ActionResult> {
  const pairs = (prefix: string) =>
    Object.fromEntries(
      [...form].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), String(value)]),
    );
  const choices = Choices.safeParse({
    features: form.getAll("feature").map(String),
    variants: pairs("variant."),
    answers: pairs("answer."),
    layout: text(form, "layout") || "single",
  });
  if (!choices.success) return { refused: "These choices cannot be read. Reload the page and choose again." };
  return asAdmin(
    form,
    (person, id, now) => onboarding.choose(person, id, choices.data, now),
    (_value, id) => redirect(`/o/${id}/plan`),
  );
}

/** Approves what was shown and starts; the page of the run asks for consent where that is still missing. */
export async function approve(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(
    form,
    (person, id, now) => onboarding.approve(person, id, text(form, "digest"), now),
    (_value, id) => redirect(`/o/${id}/run?go=1`),
  );
}

/** Starts or resumes the approved run, for the page that shows it. */
export async function start(id: string): Promise<{ result: onboarding.Started } | { refused: string; code: string }> {
  const person = await findSignedIn();
  if (!person) return { refused: "Your session is over. Reload the page and sign in again; nothing is lost.", code: "signed-out" };
  const started = await onboarding.run(person, id, new Date());
  return started.ok ? { result: started.value } : { refused: started.refusal.message, code: started.refusal.code };
}

export async function mailHandoff(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, onboarding.mailHandoff);
}

/** The link, once, to the admin who carries it. */
export async function copyHandoff(id: string): Promise<{ link: string } | { refused: string }> {
  const person = await findSignedIn();
  if (!person) return { refused: "Your session is over. Reload the page and sign in again; nothing is lost." };
  const copied = await onboarding.copyHandoff(person, id, new Date());
  return copied.ok ? copied.value : { refused: copied.refusal.message };
}

export async function reissue(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, onboarding.reissue, (started, id) => (started === "started" ? null : redirect(`/o/${id}/plan`)));
}

export async function tick(_: ActionResult, form: FormData): Promise<ActionResult> {
  const state = text(form, "state");
  if (state !== "done" && state !== "not-applicable" && state !== "todo") return { refused: "Choose what became of it." };
  return asAdmin(form, (person, id, now) => onboarding.tick(person, id, text(form, "step"), state, text(form, "note"), now));
}
