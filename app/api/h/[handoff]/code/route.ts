import { sendCode } from "@/lib/onboarding/contact";
import { answering } from "../../answer";

/** Mails a code to the contact. For whoever proves to hold the link's key; three within an hour. */
export const POST = answering((handoff, { proof }, visitor, now) => sendCode(handoff, proof, visitor, now));
