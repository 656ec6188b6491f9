import { findSupport, isStillSignedIn } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";
import { changes, json } from "@/lib/http";

/** Tells support whenever any onboarding moves. */
export async function GET(request: Request) {
  const support = await findSupport();
  if (!support) return json({ message: "There is nothing here for you." }, 404);
  return changes(
    request,
    () => desk.version(support),
    () => isStillSignedIn(support),
  );
}
