/** After the work: whether everything is still as it was handed over, and taking the portal out of the tenant. */
import type { Finding } from "../audit/events.ts";
import { openFindings } from "../audit/status.ts";
import { db } from "../db.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import * as provisioning from "../provisioning/provisioning.ts";
import { type Onboarding, requireOpen } from "./find.ts";
import { isRunning } from "./onboarding.ts";
import * as runs from "./runs.ts";
import { actorOf, record } from "./store.ts";
import { subjectOf } from "./subject.ts";

const isHandedOver = ({ progress: { run, handoff, departure } }: Onboarding) =>
  run?.outcome === "done" && handoff !== undefined && handoff.state !== "sealed" && !departure;

/** Whether this person signed in since anybody looked last: then it is looked at once, by itself. */
export function isHealthDue(person: SignedIn, onboarding: Onboarding): boolean {
  const { run, health } = onboarding.progress;
  const looked = [run?.finishedAt, health?.at].filter((at) => at !== undefined).sort();
  return isHandedOver(onboarding) && !isRunning(onboarding) && (looked.at(-1) ?? "") < person.since.toISOString();
}

/**
 * Compares the tenant with what was handed over. Reads only. Of a registration that was there before, what stands beside
 * the plan at the first look counts as known.
 */
export async function checkHealth(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const onboarding = found.value;
  if (isRunning(onboarding)) return refuse(runs.BUSY);
  const { progress } = onboarding;
  const subject = progress.run?.outcome === "done" ? await subjectOf(person, onboarding) : null;
  if (!subject) return refuse(runs.NO_PLAN);
  const looked = await provisioning.checkHealth(person, { ...subject, known: progress.registrations }, now);
  if (!looked.ok) {
    const { code, message, claims } = looked.refusal;
    if (code === "auth.consent-needed") return accept({ is: "consent-needed" });
    return claims ? accept({ is: "sign-in", message, claims }) : looked;
  }
  const wasThere = ({ registration, remedy }: Finding) =>
    remedy === "entra" && !progress.health && !progress.made[registration]?.some(({ kind }) => kind === "application");
  const accepted = looked.value.filter(wasThere).map(({ key }) => key);
  await record(id, actorOf(person, "admin"), now, {
    type: "health.checked",
    detail: { findings: looked.value, ...(accepted.length > 0 ? { accepted } : {}) },
  });
  return accept({ is: "started" });
}

/** The admin says that what somebody added is as it should be. */
export async function acceptFinding(person: SignedIn, id: string, key: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const finding = openFindings(found.value.progress).find((each) => each.key === key);
  if (finding?.remedy !== "entra")
    return refuse({ code: "onboarding.finding", status: 404, message: "This is not among the differences any more. Reload the page." });
  await record(id, actorOf(person, "admin"), now, { type: "health.accepted", detail: { key, title: finding.title } });
  return accept(null);
}

// ---- Leaving -----------------------------------------------------------------------------------------------------

/** Whether there is nothing left that this portal would have to do by itself. */
export const canLeave = ({ progress: { run, undo } }: Onboarding) => undo?.run?.outcome === "done" || run?.outcome === "done";

/** Onboardings of the same tenant that are under way: each would ask for consent again. */
export const othersUnderWay = ({ id, tenantId }: Onboarding): Promise<number> =>
  db().onboarding.count({
    where: { tenantId: tenantId ?? "", id: { not: id }, status: { notIn: ["live", "offboarded", "cancelled", "expired"] } },
  });

export const reviewDeparture = (person: SignedIn) => provisioning.reviewDeparture(person);

/** `digest` is of the list that was shown; without it an interrupted departure goes on. */
export async function depart(person: SignedIn, id: string, digest: string | null, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (!canLeave(found.value) || (digest === null && !found.value.progress.departure)) return refuse(runs.NO_PLAN);
  return runs.depart(person, id, digest);
}
