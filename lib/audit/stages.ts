/** The way of an onboarding, stage by stage: when each was reached for the first time. Going back changes nothing of it. */
import type { Status } from "./status.ts";

export const STAGES = ["invited", "opened", "signedIn", "planned", "approved", "provisioned", "handedOver", "live"] as const;
export type Stage = (typeof STAGES)[number];
export type Reached = Partial<Record<Stage, string>>;

const STAGE_OF: Partial<Record<Status, Stage>> = {
  invited: "invited",
  opened: "opened",
  choosing: "signedIn",
  planned: "planned",
  provisioning: "approved",
  awaiting_approval: "approved",
  ready_for_handoff: "provisioned",
  handed_off: "handedOver",
  live: "live",
};

/** The stages after a status was taken on; a stage that was skipped counts as reached with the one behind it. */
export function reachedBy(before: Reached, status: Status, at: string): Reached {
  const stage = STAGE_OF[status];
  if (!stage || before[stage]) return before;
  const passed = STAGES.slice(0, STAGES.indexOf(stage) + 1).filter((each) => !before[each]);
  return { ...before, ...Object.fromEntries(passed.map((each) => [each, at])) };
}
