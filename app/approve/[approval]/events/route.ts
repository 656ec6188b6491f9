import { findSignedIn, isStillSignedIn } from "@/lib/auth/auth";
import { changes } from "@/lib/changes";
import { json } from "@/lib/http";
import { findByLink } from "@/lib/onboarding/approval";
import { version } from "@/lib/onboarding/find";
import { approvalToken } from "../link";

/** Tells a holder of the link who signed in to the request's tenant whenever the onboarding moves. */
export async function GET(request: Request, { params }: { params: Promise<{ approval: string }> }) {
  const { approval: id } = await params;
  const person = await findSignedIn();
  const found = person && (await findByLink(id, await approvalToken(), new Date()));
  if (!found || found.onboarding.tenantId !== person.tenantId) return json({ message: "There is nothing here for you." }, 404);
  const { id: onboardingId } = found.onboarding;
  return changes(request, { topics: [onboardingId], version: () => version(person, onboardingId), isLet: () => isStillSignedIn(person) });
}
