import { findSupport, isStillSignedIn } from "@/lib/auth/auth";
import { ANY, changes } from "@/lib/changes";
import * as desk from "@/lib/desk/desk";
import { json } from "@/lib/http";

/** Tells support whenever any onboarding moves. */
export async function GET(request: Request) {
  const support = await findSupport();
  if (!support) return json({ message: "There is nothing here for you." }, 404);
  return changes(request, {
    topics: support.vendors === "all" ? [ANY] : support.vendors,
    version: (since) => desk.version(support, since),
    isLet: () => isStillSignedIn(support),
  });
}
