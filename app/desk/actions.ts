"use server";

import { refresh } from "next/cache";
import type { ActionResult } from "@/components/ui/act";
import { findSupport } from "@/lib/auth/auth";
import * as invitation from "@/lib/onboarding/invitation";

const SIGNED_OUT = { refused: "Your session is over. Reload the page and sign in again; what you typed stays here." };
const text = (form: FormData, name: string) => String(form.get(name) ?? "").trim();

export type InviteResult = { refused?: string; invited?: invitation.Invited; mailedTo?: string } | null;

/** Every action here is for support with a role that may change things; `onboarding` refuses viewers. */
export async function invite(_: InviteResult, form: FormData): Promise<InviteResult> {
  const support = await findSupport();
  if (!support) return SIGNED_OUT;
  const input = {
    productId: text(form, "productId"),
    customerName: text(form, "customerName"),
    expectedDomain: text(form, "expectedDomain"),
    adminEmail: text(form, "adminEmail"),
    contactEmail: text(form, "contactEmail"),
    offered: form.getAll("offered").map(String),
  };
  const invited = await invitation.invite(support, input, new Date());
  return invited.ok ? { invited: invited.value, mailedTo: input.adminEmail } : { refused: invited.refusal.message };
}

export async function renew(_: InviteResult, form: FormData): Promise<InviteResult> {
  const support = await findSupport();
  if (!support) return SIGNED_OUT;
  const renewed = await invitation.renew(support, text(form, "onboarding"), new Date());
  return renewed.ok ? { invited: renewed.value, mailedTo: text(form, "adminEmail") } : { refused: renewed.refusal.message };
}

export async function revoke(_: ActionResult, form: FormData): Promise<ActionResult> {
  const support = await findSupport();
  if (!support) return SIGNED_OUT;
  const revoked = await invitation.revoke(support, text(form, "onboarding"), new Date());
  if (!revoked.ok) return { refused: revoked.refusal.message };
  refresh();
  return null;
}
