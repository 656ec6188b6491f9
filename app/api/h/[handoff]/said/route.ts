import { sayOfHandoff } from "@/lib/onboarding/contact";
import { refuse } from "@/lib/outcome";
import { answering } from "../../answer";

const WORDS = ["saved", "reported", "confirmed", "failing"] as const;

/** What the contact says after the reveal: stored, it works, it does not, "it was not me". For holders of an opened link. */
export const POST = answering(async (handoff, { proof, word, error }, visitor, now) => {
  const known = WORDS.find((each) => each === word);
  if (!known) return refuse({ code: "handoff.word", status: 422, message: "This cannot be said of a handoff." });
  return sayOfHandoff(handoff, proof, known, typeof error === "string" ? error : "", visitor, now);
});
