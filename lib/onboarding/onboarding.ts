import * as audit from "../audit/audit.ts";
import type { ManualState } from "../audit/events.ts";
import * as auth from "../auth/auth.ts";
import { whyNotCertificate } from "../catalogue/catalogue.ts";
import type { Choices, Manifest } from "../catalogue/schema.ts";
import { manualStepsFor, permissionsFor, prerequisitesFor, refusalOf, registrationsFor } from "../catalogue/selection.ts";
import { db, isUuid } from "../db.ts";
import { connect } from "../graph/graph.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import * as provisioning from "../provisioning/provisioning.ts";
import { availability, findByLink, findForAdmin, type Onboarding, requireOpen, UNKNOWN } from "./find.ts";
import { keep } from "./manifests.ts";
import * as runs from "./runs.ts";
import { actorOf, record } from "./store.ts";
import { subjectOf } from "./subject.ts";

/**
 * Ties the onboarding to the tenant of the person who signed in, when that tenant owns the expected domain. Whoever
 * holds the link may try; only the right tenant gets in.
 */
export async function enter(person: SignedIn, id: string, linkToken: string | undefined, now: Date): Promise<Outcome<Onboarding>> {
  const bound = await findForAdmin(person, id, now);
  if (bound) {
    const open = availability(bound, now);
    if (open.ok && !bound.progress.admins?.includes(person.objectId)) await join(person, id, now);
    return open.ok ? accept(bound) : open;
  }
  const onboarding = linkToken ? await findByLink(id, linkToken, now) : null;
  if (!onboarding) return refuse(UNKNOWN);
  const open = availability(onboarding, now);
  if (!open.ok) return open;
  if (onboarding.tenantId === person.tenantId) {
    await join(person, id, now);
    return accept(onboarding);
  }
  const token = await auth.graphToken(person, ["User.Read"]);
  if (!token.ok) return token;
  const { body } = await connect({ token: async () => token.value }).call({
    method: "GET",
    path: "/organization?$select=id,displayName,verifiedDomains",
  });
  const [organization] = (body as { value: { displayName: string; verifiedDomains: { name: string; isDefault: boolean }[] }[] }).value;
  const tenantName = organization?.displayName ?? "";
  const domains = organization?.verifiedDomains.map(({ name }) => name.toLowerCase()) ?? [];
  const actor = actorOf(person, "admin");
  if (onboarding.tenantId || !domains.includes(onboarding.expectedDomain)) {
    await record(id, actor, now, {
      type: "tenant.refused",
      detail: { tenantId: person.tenantId, tenantName, expectedDomain: onboarding.expectedDomain },
    });
    return refuse({
      code: "onboarding.wrong-tenant",
      status: 403,
      message: `You signed in to ${tenantName || "a tenant"} (${domains[0] ?? person.tenantId}), but this invitation is for the tenant that owns ${onboarding.expectedDomain}. Nothing was changed. Sign in with an account of that tenant; if the domain is wrong, tell ${onboarding.manifest.vendor.name}.`,
    });
  }
  await record(id, actor, now, {
    type: "admin.signed-in",
    detail: {
      tenantId: person.tenantId,
      tenantName,
      domain: organization?.verifiedDomains.find(({ isDefault }) => isDefault)?.name ?? onboarding.expectedDomain,
      roles: provisioning.abilitiesOf(person.directoryRoles).roleNames,
    },
  });
  const entered = await findForAdmin(person, id, now);
  return entered ? accept(entered) : refuse(UNKNOWN);
}

const join = (person: SignedIn, id: string, now: Date) =>
  record(id, actorOf(person, "admin"), now, {
    type: "admin.joined",
    detail: { roles: provisioning.abilitiesOf(person.directoryRoles).roleNames },
  });

export const isRunning = ({ progress: { run, approval, undo, removal, departure } }: Onboarding) =>
  [run, approval?.run, undo?.run, removal?.run, departure?.run].some((each) => each && !each.finishedAt);

export async function choose(person: SignedIn, id: string, choices: Choices, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (isRunning(found.value)) return refuse(runs.BUSY);
  const wanted = onlyWhatIsThere(found.value.manifest, asTheVendorWishes(found.value, choices));
  const reason =
    refusalOf(found.value.manifest, found.value.offered, wanted) ?? (wanted.certificate ? whyNotCertificate(wanted.certificate) : null);
  if (reason) return refuse({ code: "onboarding.choices", status: 422, message: reason });
  await record(id, actorOf(person, "admin"), now, { type: "features.chosen", detail: { choices: wanted } });
  return accept(null);
}

/** What the vendor locked or filled in counts, whatever a form says. */
export function asTheVendorWishes({ locked, given }: Pick<Onboarding, "locked" | "given">, choices: Choices): Choices {
  const values = Object.fromEntries(Object.entries(given).map(([id, { value }]) => [id, value]));
  return { ...choices, features: [...new Set([...choices.features, ...locked])], variables: { ...choices.variables, ...values } };
}

/** What belongs to a feature or a registration that is not chosen any more goes with it. */
function onlyWhatIsThere(manifest: Manifest, choices: Choices): Choices {
  const registrations = registrationsFor(manifest, choices).map(({ id }) => id);
  const adopt = Object.fromEntries(Object.entries(choices.adopt).filter(([id]) => registrations.includes(id)));
  const variables = Object.fromEntries(Object.entries(choices.variables).filter(([, value]) => value.trim() !== ""));
  return { ...choices, adopt, variables };
}

/** Uses a registration that is there already for one of the plan; `null` lets a new one be made. */
export async function adopt(person: SignedIn, id: string, registration: string, appId: string | null, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { choices } = found.value.progress;
  if (!choices) return refuse(runs.NO_PLAN);
  if (appId !== null && !isUuid(appId))
    return refuse({
      code: "onboarding.application-id",
      status: 422,
      message: `"${appId}" is not an application ID. It looks like 00000000-0000-0000-0000-000000000000.`,
    });
  const { [registration]: _, ...others } = choices.adopt;
  return choose(person, id, { ...choices, adopt: appId === null ? others : { ...others, [registration]: appId } }, now);
}

/** Registrations of the tenant that could be adopted. */
export async function searchRegistrations(
  person: SignedIn,
  id: string,
  words: string,
  now: Date,
): Promise<Outcome<provisioning.Registered[], Refusal | auth.StsRefusal>> {
  const found = await requireOpen(person, id, now);
  return found.ok ? provisioning.searchRegistrations(person, words) : found;
}

/** Goes over to the newest edition of the manifest. What was approved was for the old one. */
export async function takeNewerEdition(person: SignedIn, id: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (isRunning(found.value)) return refuse(runs.BUSY);
  const { newer } = found.value;
  if (!newer) return accept(null);
  await db().$transaction(async (tx) => {
    const manifestDigest = await keep(tx, newer, now);
    await audit.record(tx, id, actorOf(person, "admin"), now, {
      type: "manifest.changed",
      detail: { version: newer.version, manifestDigest },
    });
  });
  return accept(null);
}

/** Prerequisites that are still open: nothing is approved before they are ticked. */
export const openPrerequisites = ({ manifest, progress }: Onboarding) =>
  progress.choices
    ? prerequisitesFor(manifest, progress.choices).filter(
        ({ id, fact }) => !(fact && progress.signedIn) && !["done", "not-applicable"].includes(progress.manual[id]?.state ?? "todo"),
      )
    : [];

export async function review(
  person: SignedIn,
  onboarding: Onboarding,
  now: Date,
): Promise<Outcome<provisioning.Review, auth.StsRefusal> | null> {
  const subject = await subjectOf(person, onboarding);
  if (!subject) return null;
  const reviewed = await provisioning.review(person, subject, now);
  if (reviewed.ok) remember(person, onboarding, reviewed.value);
  return reviewed;
}

/**
 * Plans that were shown to this process's visitors a moment ago: approving one need not read the tenant again, since the
 * run does, and refuses what was not approved. Another process, or a later one, reads.
 */
const processWide = globalThis as { vestibuleShown?: Map<string, provisioning.Review> };
const SHOWN_KEPT = 500;
const shownKey = (person: SignedIn, { id, progress }: Onboarding, digest: string) =>
  [person.sessionId, id, progress.chosenAt, digest].join("|");
function remember(person: SignedIn, onboarding: Onboarding, review: provisioning.Review) {
  processWide.vestibuleShown ??= new Map();
  const shown = processWide.vestibuleShown;
  const key = shownKey(person, onboarding, review.digest);
  shown.delete(key);
  shown.set(key, review);
  if (shown.size > SHOWN_KEPT) shown.delete(shown.keys().next().value!);
}

/** Approves exactly the plan that was shown. */
export async function approve(person: SignedIn, id: string, digest: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (isRunning(found.value)) return refuse(runs.BUSY);
  const [missing] = openPrerequisites(found.value);
  if (missing)
    return refuse({ code: "onboarding.prerequisite", status: 409, message: `First: ${missing.title}. Tick it off when it is so.` });
  let shown = processWide.vestibuleShown?.get(shownKey(person, found.value, digest));
  if (!shown) {
    const reviewed = await review(person, found.value, now);
    if (!reviewed) return refuse(runs.NO_PLAN);
    if (!reviewed.ok) return reviewed;
    if (reviewed.value.digest !== digest) return refuse(runs.NO_PLAN);
    shown = reviewed.value;
  }
  await record(id, actorOf(person, "admin"), now, {
    type: "plan.approved",
    detail: {
      digest,
      basis: shown.basis,
      operations: shown.operations.flatMap(({ id: operation, effect, title }) =>
        effect === "remove" ? [] : [{ id: operation, effect, title }],
      ),
    },
  });
  return accept(null);
}

export async function refusedConsent(person: SignedIn, id: string, code: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  await record(id, actorOf(person, "admin"), now, { type: "consent.refused", detail: { code: code.slice(0, 40) } });
  return accept(null);
}

/** Starts the approved run, or goes on with an interrupted one; it does not need the browser any more once it is under way. */
export async function run(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { approval } = found.value.progress;
  const started = await runs.provision(person, id);
  // The admin could do it after all, say with a role that was activated since.
  if (
    started.ok &&
    started.value.is === "started" &&
    approval?.state === "open" &&
    found.value.progress.run?.outcome === "awaiting-approval"
  )
    await withdrawWhenDone(person, id, approval.id);
  return started;
}
async function withdrawWhenDone(person: SignedIn, id: string, approvalId: string) {
  const onboarding = await findForAdmin(person, id, new Date());
  if (onboarding?.progress.run?.outcome !== "done") return;
  await record(id, actorOf(person, "admin"), new Date(), {
    type: "approval.withdrawn",
    detail: { approvalId, reason: "It is done without it" },
  });
}

/** Lets the secret live as long as the tenant's policy allows, and tries again. */
export async function shortenSecret(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (isRunning(found.value)) return refuse(runs.BUSY);
  await record(id, actorOf(person, "admin"), now, { type: "secret.shortened", detail: {} });
  return runs.provision(person, id);
}

/** Features that need one of these permissions. */
export function featuresWith({ manifest, progress }: Onboarding, values: readonly string[]): string[] {
  if (!progress.choices) return [];
  return [
    ...new Set(permissionsFor(manifest, progress.choices).flatMap(({ value, features }) => (values.includes(value) ? features : []))),
  ];
}

/** Goes on without the features that cannot have their permissions. */
export async function leaveOut(person: SignedIn, id: string, features: readonly string[], now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { choices } = found.value.progress;
  if (!choices) return refuse(runs.NO_PLAN);
  const kept = choices.features.filter((feature) => !features.includes(feature));
  const variants = Object.fromEntries(Object.entries(choices.variants).filter(([feature]) => kept.includes(feature)));
  return choose(person, id, { ...choices, features: kept, variants }, now);
}

// ---- Undo --------------------------------------------------------------------------------------------------------

/** What undoing would take away now; null when nothing was made here. */
export async function reviewUndo(person: SignedIn, onboarding: Onboarding): Promise<ReturnType<typeof provisioning.reviewUndo> | null> {
  const subject = await subjectOf(person, onboarding);
  const undoing = runs.undoingOf(onboarding);
  return subject && Object.keys(undoing.made).length > 0 ? provisioning.reviewUndo(person, subject, undoing) : null;
}

/** `digest` is of the list that was shown; without it an interrupted undo goes on. */
export async function undo(person: SignedIn, id: string, digest: string | null, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (digest === null && !found.value.progress.undo) return refuse(runs.NO_PLAN);
  return runs.undo(person, id, digest);
}

const LATER_MS = 24 * 3_600_000;

/** Ticks off what Graph cannot do, or puts off until tomorrow what takes a while to show. */
export async function tick(
  person: SignedIn,
  id: string,
  stepId: string,
  state: ManualState,
  note: string,
  now: Date,
): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { manifest, progress } = found.value;
  const { choices } = progress;
  const steps = choices ? [...manualStepsFor(manifest, choices), ...prerequisitesFor(manifest, choices)] : [];
  if (!steps.some((step) => step.id === stepId))
    return refuse({ code: "onboarding.step", status: 404, message: "This onboarding has no such step any more. Reload the page." });
  if (state === "not-applicable" && !note.trim())
    return refuse({ code: "onboarding.note", status: 422, message: "Say in the note why it does not apply to you." });
  const checkAt = state === "later" ? { checkAt: new Date(now.getTime() + LATER_MS).toISOString() } : {};
  await record(id, actorOf(person, "admin"), now, {
    type: "manual.changed",
    detail: { step: stepId, state, note: note.trim().slice(0, 2000), ...checkAt },
  });
  return accept(null);
}
