"use server";

import { refresh } from "next/cache";
import { redirect } from "next/navigation";
import { fieldsOf, text } from "@/app/form";
import { SIGNED_OUT } from "@/app/signed-out";
import type { StartAnswer } from "@/components/onboarding/start-run";
import type { ActionResult } from "@/components/ui/act";
import { findSignedIn, missingScopes } from "@/lib/auth/auth";
import { Choices } from "@/lib/catalogue/schema";
import * as approval from "@/lib/onboarding/approval";
import * as consentPage from "@/lib/onboarding/consent-page";
import { accessOf, findForAdmin } from "@/lib/onboarding/find";
import * as handOver from "@/lib/onboarding/hand-over";
import * as health from "@/lib/onboarding/health";
import { askForFreshLink as askFresh } from "@/lib/onboarding/invitation";
import * as onboarding from "@/lib/onboarding/onboarding";
import type { Started } from "@/lib/onboarding/runs";
import { accept, type Outcome } from "@/lib/outcome";
import type { SignedIn } from "@/lib/proof";
import type { Registered } from "@/lib/provisioning/provisioning";
import { linkToken } from "./admin";
import { choicesIn } from "./features/form";

/** Every action below is for an admin of the onboarding's tenant: `onboarding` refuses anybody else's session. */
async function asAdmin<T>(
  form: FormData,
  act: (person: SignedIn, id: string, now: Date) => Promise<Outcome<T>>,
  then?: (value: T, id: string) => ActionResult | never,
): Promise<ActionResult> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT };
  const id = text(form, "onboarding");
  const done = await act(person, id, new Date());
  if (!done.ok) {
    const claims = "claims" in done.refusal ? done.refusal.claims : null;
    return { refused: done.refusal.message, ...(typeof claims === "string" ? { claims } : {}) };
  }
  if (then) return then(done.value, id);
  refresh();
  return null;
}

export async function enter(_: ActionResult, form: FormData): Promise<ActionResult> {
  const token = await linkToken();
  return asAdmin(form, (person, id, now) => onboarding.enter(person, id, token, now));
}

/** `kept`: what was chosen, for a page that is drawn anew around a refusal. */
export async function choose(_: Refused, form: FormData): Promise<Refused> {
  const choices = Choices.safeParse(choicesIn(fieldsOf(form)));
  if (!choices.success) return { refused: "These choices cannot be read. Reload the page and choose again." };
  const refusal = await asAdmin(
    form,
    (person, id, now) => onboarding.choose(person, id, choices.data, now),
    (_value, id) => redirect(`/o/${id}/plan`),
  );
  return refusal && { ...refusal, kept: choices.data };
}
type Refused = (ActionResult & { kept?: Choices }) | null;

/** Goes over to the newest edition of the product's manifest; the choices stay where they still fit. */
export async function takeNewerEdition(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, onboarding.takeNewerEdition, (_value, id) => redirect(`/o/${id}/features`));
}

/** Uses a registration that is there already, or lets a new one be made when `appId` is empty. */
export async function adopt(_: ActionResult, form: FormData): Promise<ActionResult> {
  const appId = text(form, "appId").trim().toLowerCase();
  return asAdmin(
    form,
    (person, id, now) => onboarding.adopt(person, id, text(form, "registration"), appId || null, now),
    (_value, id) => redirect(`/o/${id}/plan`),
  );
}
export type SearchAnswer = { found: Registered[] } | { refused: string; isConsentNeeded: boolean };
/** Registrations of the tenant, by the start of their name or by application ID. */
export async function searchRegistrations(id: string, words: string): Promise<SearchAnswer> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT, isConsentNeeded: false };
  const found = await onboarding.searchRegistrations(person, id, words, new Date());
  return found.ok
    ? { found: found.value }
    : { refused: found.refusal.message, isConsentNeeded: found.refusal.code === "auth.consent-needed" };
}

/** Approves what was shown and starts; the page of the run asks for consent where that is still missing. */
export async function approve(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(
    form,
    (person, id, now) => onboarding.approve(person, id, text(form, "digest"), now),
    (_value, id) => redirect(`/o/${id}/run?go=1`),
  );
}

type Begin = (person: SignedIn, id: string, now: Date) => Promise<Outcome<Started>>;
async function begin(id: string, hasAsked: boolean, act: Begin): Promise<StartAnswer> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT, code: "signed-out" };
  const started = await act(person, id, new Date());
  if (!started.ok) return { refused: started.refusal.message, code: started.refusal.code };
  const { value: result } = started;
  const subject = result.is === "consent-needed" && hasAsked ? await findForAdmin(person, id, new Date()) : null;
  return subject ? { result, missing: await missingScopes(person, accessOf(subject)) } : { result };
}
/** Starts or resumes the approved run, for the page that shows it. */
export async function start(id: string, hasAsked: boolean): Promise<StartAnswer> {
  return begin(id, hasAsked, onboarding.run);
}
export async function undo(id: string, digest: string | null, hasAsked: boolean): Promise<StartAnswer> {
  return begin(id, hasAsked, (person, _, now) => onboarding.undo(person, id, digest, now));
}
export async function checkConsent(id: string, hasAsked: boolean): Promise<StartAnswer> {
  return begin(id, hasAsked, consentPage.checkConsentPage);
}

/** Takes the portal itself out of the tenant. */
export async function leave(id: string, digest: string | null, hasAsked: boolean): Promise<StartAnswer> {
  return begin(id, hasAsked, (person, _, now) => health.depart(person, id, digest, now));
}
/** Compares the tenant with what was handed over; changes nothing. */
export async function checkHealth(id: string, hasAsked: boolean): Promise<StartAnswer> {
  return begin(id, hasAsked, health.checkHealth);
}
export async function acceptFinding(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, (person, id, now) => health.acceptFinding(person, id, text(form, "key"), now));
}

/** Where a run that was started by a button goes on. */
const follow = ({ is }: Started, id: string): ActionResult | never =>
  is === "plan-changed" ? redirect(`/o/${id}/plan?changed=1`) : redirect(is === "started" ? `/o/${id}/run` : `/o/${id}/run?go=1`);

export async function shortenSecret(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, onboarding.shortenSecret, follow);
}

/** A fresh link in place of an expired one, to the invited address. Anybody who holds the expired one may ask. */
export async function askForFreshLink(_: ActionResult, form: FormData): Promise<ActionResult> {
  const token = await linkToken();
  if (!token) return { refused: "Open your link once more, then ask again." };
  const asked = await askFresh(text(form, "onboarding"), token, new Date());
  return asked.ok ? { said: `A fresh link is on its way to ${asked.value.to}` } : { refused: asked.refusal.message };
}

export type AskResult = { refused?: string; asked?: approval.Asked } | null;
/** Asks a colleague; the link comes back once. */
export async function ask(_: AskResult, form: FormData): Promise<AskResult> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT };
  const wish = { message: text(form, "message"), to: text(form, "to").trim() || null };
  const asked = await approval.ask(person, text(form, "onboarding"), wish, new Date());
  if (!asked.ok) return { refused: asked.refusal.message };
  refresh();
  return { asked: asked.value };
}
export async function withdrawRequest(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, approval.withdraw);
}
export async function leaveOut(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(
    form,
    (person, id, now) => onboarding.leaveOut(person, id, fieldsOf(form).getAll("feature").map(String), now),
    (_value, id) => redirect(`/o/${id}/plan`),
  );
}
export async function prepareConsentPage(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, consentPage.prepareConsentPage, follow);
}
/** The addresses of Microsoft's consent page, each good once, to the admin who passes them on. */
export async function consentPageLinks(id: string): Promise<{ links: { name: string; link: string }[] } | { refused: string }> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT };
  const links = await consentPage.consentPageLinks(person, id, new Date());
  return links.ok ? { links: links.value } : { refused: links.refusal.message };
}

/** Gives the sealed values out on the terms that the admin chose: `give` says by which way. */
async function giving<T>(
  terms: unknown,
  give: (person: SignedIn, wish: handOver.TermsInput, now: Date) => Promise<Outcome<T>>,
): Promise<T | { refused: string }> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT };
  const wish = handOver.TermsInput.safeParse(terms);
  if (!wish.success) return { refused: "These choices cannot be read. Reload the page and choose again." };
  const given = await give(person, wish.data, new Date());
  refresh();
  return given.ok ? given.value : { refused: given.refusal.message };
}
export async function mailHandoff(id: string, terms: unknown): Promise<{ to: string } | { refused: string }> {
  return giving(terms, (person, wish, now) => handOver.mailHandoff(person, id, wish, now));
}
/** The link, once, to the admin who carries it. */
export async function copyHandoff(id: string, terms: unknown): Promise<{ link: string } | { refused: string }> {
  return giving(terms, (person, wish, now) => handOver.copyHandoff(person, id, wish, now));
}
export async function releaseToMachine(id: string, terms: unknown): Promise<{ released: true } | { refused: string }> {
  return giving(terms, async (person, { hours }, now) => {
    const done = await handOver.releaseToMachine(person, id, hours, now);
    return done.ok ? accept({ released: true as const }) : done;
  });
}
export async function withdrawHandoff(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, handOver.withdrawHandoff);
}
export async function rotate(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, (person, id, now) => handOver.rotate(person, id, Number(text(form, "days")), now), follow);
}
export async function removeHandedOver(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, handOver.removeHandedOver, follow);
}
/** Removes secrets that are due, for the page that shows it. */
export async function removeDue(id: string, hasAsked: boolean): Promise<StartAnswer> {
  return begin(id, hasAsked, handOver.removeDue);
}

export async function nameRecipient(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, (person, id, now) => handOver.nameRecipient(person, id, text(form, "to"), now));
}

export async function reissue(_: ActionResult, form: FormData): Promise<ActionResult> {
  return asAdmin(form, handOver.reissue, follow);
}

export async function tick(_: ActionResult, form: FormData): Promise<ActionResult> {
  const state = text(form, "state");
  if (state !== "done" && state !== "not-applicable" && state !== "todo" && state !== "later")
    return { refused: "Choose what became of it." };
  return asAdmin(form, (person, id, now) => onboarding.tick(person, id, text(form, "step"), state, text(form, "note"), now));
}
