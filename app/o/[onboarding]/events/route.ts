import { findSignedIn } from "@/lib/auth/auth";
import { changes, json } from "@/lib/http";
import * as onboarding from "@/lib/onboarding/onboarding";

/** Tells an admin of the onboarding's tenant whenever it moves. */
export async function GET(request: Request, { params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const person = await findSignedIn();
  if (!person || !(await onboarding.findForAdmin(person, id, new Date()))) return json({ message: "There is nothing here for you." }, 404);
  return changes(request, () => onboarding.version(person, id));
}
