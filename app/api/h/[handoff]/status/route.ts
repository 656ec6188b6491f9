import { findSignedIn } from "@/lib/auth/auth";
import { lookAtHandoff } from "@/lib/onboarding/contact";
import { answering } from "../../answer";

/** What the handoff's page shows before anything is revealed. For whoever proves to hold the link's key. */
export const POST = answering(async (handoff, { proof }, visitor, now) =>
  lookAtHandoff(handoff, proof, await findSignedIn(), visitor, now),
);
