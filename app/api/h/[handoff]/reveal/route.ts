import { findSignedIn } from "@/lib/auth/auth";
import { revealHandoff } from "@/lib/onboarding/contact";
import { answering } from "../../answer";

/** Reveals the values, once. For whoever proves to hold the link's key and meets the challenge that the admin chose. */
export const POST = answering(async (handoff, { proof, code, passphrase }, visitor, now) =>
  revealHandoff(handoff, proof, { code, passphrase, person: await findSignedIn() }, visitor, now),
);
