"use server";

import { refresh } from "next/cache";
import { fieldsOf, text } from "@/app/form";
import type { ActionResult } from "@/components/ui/act";
import { findSupport } from "@/lib/auth/auth";
import * as notes from "@/lib/desk/notes";
import * as invitation from "@/lib/onboarding/invitation";
import type { Outcome } from "@/lib/outcome";
import type { Support } from "@/lib/proof";

const SIGNED_OUT = { refused: "Your session is over. Reload the page and sign in again; what you typed stays here." };

export type InviteResult = { refused?: string; invited?: invitation.Invited } | null;
const listed = (form: FormData, name: string) =>
  text(form, name)
    .split(/[\s,;]+/)
    .filter(Boolean);

/** Every action here is for support with a role that may do it, of the vendor it belongs to; the rooms refuse others. */
export async function invite(_: InviteResult, form: FormData): Promise<InviteResult> {
  const support = await findSupport();
  if (!support) return SIGNED_OUT;
  const given = [...fieldsOf(form).keys()].flatMap((name) => {
    const id = /^given\.(.+)$/.exec(name)?.[1];
    return id && text(form, name) ? [[id, { value: text(form, name), shown: text(form, `shown.${id}`) || "locked" }]] : [];
  });
  const input = {
    productId: text(form, "productId"),
    customerName: text(form, "customerName"),
    expectedDomain: text(form, "expectedDomain"),
    adminEmail: text(form, "adminEmail"),
    contacts: [text(form, "contactEmail"), ...listed(form, "furtherContacts")],
    offered: fieldsOf(form).getAll("offered").map(String),
    locked: fieldsOf(form).getAll("locked").map(String),
    given: Object.fromEntries(given),
    reference: text(form, "reference"),
    ...(text(form, "language") ? { language: text(form, "language") } : {}),
    ...(text(form, "days") ? { days: text(form, "days") } : {}),
  };
  const invited = await invitation.invite(support, input, new Date());
  return invited.ok ? { invited: invited.value } : { refused: invited.refusal.message };
}

export async function renew(_: InviteResult, form: FormData): Promise<InviteResult> {
  const support = await findSupport();
  if (!support) return SIGNED_OUT;
  const change = { adminEmail: text(form, "adminEmail") || undefined, days: text(form, "days") };
  const renewed = await invitation.renew(support, text(form, "onboarding"), change, new Date());
  return renewed.ok ? { invited: renewed.value } : { refused: renewed.refusal.message };
}

async function change(act: (support: Support, id: string, now: Date) => Promise<Outcome<unknown>>, form: FormData): Promise<ActionResult> {
  const support = await findSupport();
  if (!support) return SIGNED_OUT;
  const done = await act(support, text(form, "onboarding"), new Date());
  if (!done.ok) return { refused: done.refusal.message };
  refresh();
  return null;
}
export async function revoke(_: ActionResult, form: FormData): Promise<ActionResult> {
  return change(invitation.revoke, form);
}
export async function extend(_: ActionResult, form: FormData): Promise<ActionResult> {
  return change((support, id, now) => invitation.extend(support, id, text(form, "text"), now), form);
}
export async function changeContact(_: ActionResult, form: FormData): Promise<ActionResult> {
  return change((support, id, now) => invitation.changeContact(support, id, text(form, "text"), now), form);
}
export async function addNote(_: ActionResult, form: FormData): Promise<ActionResult> {
  return change((support, id, now) => notes.addNote(support, id, text(form, "text"), now), form);
}
export async function assign(_: ActionResult, form: FormData): Promise<ActionResult> {
  return change((support, id, now) => notes.assign(support, id, text(form, "text"), now), form);
}
export async function setTags(_: ActionResult, form: FormData): Promise<ActionResult> {
  return change((support, id, now) => notes.setTags(support, id, text(form, "text"), now), form);
}
