/**
 * For an admin who makes the registrations without this portal: the plan to take along, a look at what came out of it with
 * permissions to read only, and the values sealed in the admin's browser, so that the server sees no secret at all.
 */
import * as audit from "../audit/audit.ts";
import type { StsRefusal } from "../auth/auth.ts";
import { registrationsFor } from "../catalogue/selection.ts";
import { config } from "../config.ts";
import { db, isUuid } from "../db.ts";
import type { Blueprint } from "../export/export.ts";
import * as handoff from "../handoff/handoff.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import * as provisioning from "../provisioning/provisioning.ts";
import { knownOf, type Onboarding, requireOpen } from "./find.ts";
import { recipientOf, type TermsInput, termsFor } from "./hand-over.ts";
import { BUSY, NO_PLAN } from "./runs.ts";
import { actorOf, record } from "./store.ts";

const PUBLIC_GRAPH = "https://graph.microsoft.com";

/** The plan as it can be taken along; null before features were chosen. */
export function blueprintOf(onboarding: Onboarding, now: Date): Blueprint | null {
  const { manifest, progress } = onboarding;
  const { choices } = progress;
  if (!choices) return null;
  const { GRAPH_URL, BASE_URL } = config();
  const { tenant, registrations: made } = knownOf(onboarding);
  return {
    manifest,
    choices,
    registrations: provisioning.desiredByHand(manifest, choices),
    tenant,
    made,
    portalUrl: BASE_URL,
    graphUrl: GRAPH_URL.startsWith("https:") ? GRAPH_URL : PUBLIC_GRAPH,
    now,
  };
}

/** Reads what was made, and records what is missing; nothing is missing means that the values can be sealed. */
export async function check(
  person: SignedIn,
  id: string,
  appIds: Readonly<Record<string, string>>,
  now: Date,
): Promise<Outcome<null, Refusal | StsRefusal>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { manifest, progress } = found.value;
  if (!progress.choices) return refuse(NO_PLAN);
  if (progress.run && progress.run.outcome !== "failed") return refuse(BUSY);
  const registrations = registrationsFor(manifest, progress.choices);
  const trimmed = Object.fromEntries(registrations.map((each) => [each.id, (appIds[each.id] ?? "").trim().toLowerCase()]));
  const wrong = registrations.find((each) => !isUuid(trimmed[each.id] ?? ""));
  if (wrong)
    return refuse({
      code: "by-hand.application-id",
      status: 422,
      message: `${wrong.displayName}: an application ID looks like 00000000-0000-0000-0000-000000000000. It stands under Overview.`,
    });
  const inspected = await provisioning.inspect(person, manifest, progress.choices, trimmed);
  if (!inspected.ok) return inspected;
  const named = (each: provisioning.Inspected) => registrations.find((registration) => registration.id === each.id)?.displayName ?? each.id;
  await record(id, actorOf(person, "admin"), now, {
    type: "by-hand.checked",
    detail: {
      registrations: Object.fromEntries(inspected.value.map(({ id: registration, missing: _, ...facts }) => [registration, facts])),
      missing: inspected.value.flatMap((each) => each.missing.map((words) => `${named(each)}: ${words}`)),
    },
  });
  return accept(null);
}

/** Takes what the admin's browser sealed. The link was made there and is not known here. */
export async function seal(
  person: SignedIn,
  id: string,
  sealed: handoff.SealedElsewhere,
  wish: TermsInput,
  now: Date,
): Promise<Outcome<null, Refusal>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { progress, adminEmail, tenantId } = found.value;
  if (progress.byHand?.missing.length !== 0 || progress.run)
    return refuse({ code: "by-hand.incomplete", status: 409, message: "Something is still missing in your tenant. Check it again first." });
  const actor = actorOf(person, "admin");
  const boundTo = Object.fromEntries(
    Object.entries(progress.registrations).flatMap(([part, { appId }]) =>
      appId ? [[part, handoff.boundTo(sealed.id, tenantId ?? "", appId, part)]] : [],
    ),
  );
  const terms = termsFor(found.value, { ...wish, removes: false });
  if (!terms.ok) return terms;
  return db().$transaction(async (tx) => {
    const before = progress.handoff;
    const made = await handoff.createSealed(tx, actor, sealed, { onboardingId: id, boundTo, terms: terms.value }, now);
    if (!made.ok) return made;
    if (before) await handoff.revoke(tx, actor, before.id, "Replaced by a newer one", now);
    await audit.record(tx, id, actor, now, {
      type: "handoff.sent",
      detail: { handoffId: sealed.id, how: "copied", to: recipientOf(found.value) ?? adminEmail, ...made.value },
    });
    return accept(null);
  });
}
