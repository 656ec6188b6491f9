import { cookies } from "next/headers";
import { notFound, redirect } from "next/navigation";
import { findSignedIn } from "@/lib/auth/auth";
import { availability, findForAdmin, type Onboarding } from "@/lib/onboarding/find";
import type { SignedIn } from "@/lib/proof";

/** The link's token, when this browser opened the invitation. */
export const linkToken = async () => (await cookies()).get("invitation")?.value;

/** The admin of the tenant that the onboarding belongs to; signed out goes to the sign-in, everybody else finds nothing. */
export async function requireAdmin(id: string, to: string): Promise<{ person: SignedIn; subject: Onboarding }> {
  const person = await findSignedIn();
  if (!person) redirect((await linkToken()) ? `/o/${id}` : `/sign-in?to=${encodeURIComponent(to)}`);
  const subject = await findForAdmin(person, id, new Date());
  if (!subject) {
    if (await linkToken()) redirect(`/o/${id}/tenant`);
    notFound();
  }
  if (!availability(subject, new Date()).ok) redirect(`/o/${id}`);
  return { person, subject };
}

/** Where an onboarding goes on. */
export function nextPath({ id, progress }: Onboarding): string {
  if (progress.run) return `/o/${id}/run`;
  if (progress.byHand) return `/o/${id}/by-hand`;
  return progress.choices ? `/o/${id}/plan` : `/o/${id}/features`;
}
