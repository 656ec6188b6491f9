/** What is done without anybody waiting for it: mail, webhooks, expiry, reminders, checkpoints. By one process or several. */
import { makeCheckpoint } from "../lib/audit/checkpoint.ts";
import * as webhooks from "../lib/desk/webhooks.ts";
import { log } from "../lib/log.ts";
import { tell } from "../lib/onboarding/contact.ts";
import * as invitation from "../lib/onboarding/invitation.ts";
import * as upkeep from "../lib/onboarding/upkeep.ts";
import { schedule, work } from "../lib/queue.ts";

/** Begins to do errands in this process. Throws when the database cannot be reached. */
export async function startErrands(): Promise<void> {
  await work("mail", upkeep.deliverMail, ({ onboardingId, mail }) => upkeep.mailLost(onboardingId, mail, GIVEN_UP));
  await work("notice", tell);
  await work(
    "invite",
    ({ onboardingId }) => invitation.mailAgain(onboardingId, new Date()),
    ({ onboardingId }) => invitation.mailGivenUp(onboardingId, GIVEN_UP, new Date()),
  );
  await work(
    "webhook",
    ({ deliveryId }) => webhooks.deliver(deliveryId, new Date()),
    ({ deliveryId }) => webhooks.giveUp(deliveryId),
  );
  await schedule("sweep", () => upkeep.sweep(new Date()));
  await schedule("remind", () => upkeep.remind(new Date()));
  await schedule("nudge", () => invitation.nudge(new Date()));
  await schedule("checkpoint", () => makeCheckpoint(new Date(), true));
  await schedule("tidy", () => upkeep.tidy(new Date()));
  tellAndAgain();
}
const GIVEN_UP = "The mail server could not be reached for two hours. It is not tried again.";
const LOOK_MS = 1000;
/** Status changes become messages within a second or two; a database that is away for a moment is asked again. */
function tellAndAgain() {
  setTimeout(() => {
    webhooks
      .tellChanges(new Date())
      .catch((error: unknown) => log().failed("Changes were not turned into webhooks", error))
      .finally(tellAndAgain);
  }, LOOK_MS).unref();
}
