import { findSignedIn, isStillSignedIn } from "@/lib/auth/auth";
import { changes } from "@/lib/changes";
import { json } from "@/lib/http";
import { findForAdmin, version } from "@/lib/onboarding/find";

/** Tells an admin of the onboarding's tenant whenever it moves. */
export async function GET(request: Request, { params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const person = await findSignedIn();
  if (!person || !(await findForAdmin(person, id, new Date()))) return json({ message: "There is nothing here for you." }, 404);
  return changes(request, { topics: [id], version: () => version(person, id), isLet: () => isStillSignedIn(person) });
}
