"use server";

import { refresh } from "next/cache";
import { redirect } from "next/navigation";
import { fieldsOf, text } from "@/app/form";
import { SIGNED_OUT } from "@/app/signed-out";
import type { StartAnswer } from "@/components/onboarding/start-run";
import type { ActionResult } from "@/components/ui/act";
import { findSignedIn, missingScopes } from "@/lib/auth/auth";
import * as approval from "@/lib/onboarding/approval";
import { accessOf } from "@/lib/onboarding/find";
import { approvalToken } from "./link";

/** Every action here is for somebody who holds the link and signed in to the request's tenant: `approval` refuses others. */
export async function approve(_: ActionResult, form: FormData): Promise<ActionResult> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT };
  const id = text(form, "approval");
  const decision = { keys: fieldsOf(form).getAll("grant").map(String), reason: text(form, "reason") };
  const done = await approval.approve(person, id, await approvalToken(), decision, new Date());
  if (!done.ok) return { refused: done.refusal.message };
  redirect(`/approve/${id}?go=1`);
}

export async function reject(_: ActionResult, form: FormData): Promise<ActionResult> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT };
  const done = await approval.reject(person, text(form, "approval"), await approvalToken(), text(form, "reason"), new Date());
  if (!done.ok) return { refused: done.refusal.message };
  refresh();
  return null;
}

/** Makes the approved grants, in the approver's own name. */
export async function grant(id: string, hasAsked: boolean): Promise<StartAnswer> {
  const person = await findSignedIn();
  if (!person) return { refused: SIGNED_OUT, code: "signed-out" };
  const started = await approval.grant(person, id, await approvalToken(), new Date());
  if (!started.ok) return { refused: started.refusal.message, code: started.refusal.code };
  const { value: result } = started;
  const located = result.is === "consent-needed" && hasAsked ? await approval.findByLink(id, await approvalToken(), new Date()) : null;
  return located ? { result, missing: await missingScopes(person, accessOf(located.onboarding)) } : { result };
}
