import * as audit from "../audit/audit.ts";
import type { ManualState } from "../audit/events.ts";
import * as auth from "../auth/auth.ts";
import { whyNotCertificate } from "../catalogue/catalogue.ts";
import type { Choices, Manifest } from "../catalogue/schema.ts";
import { manualStepsFor, permissionsFor, prerequisitesFor, refusalOf, registrationsFor } from "../catalogue/selection.ts";
import { config } from "../config.ts";
import { db } from "../db.ts";
import { connect } from "../graph/graph.ts";
import * as handoff from "../handoff/handoff.ts";
import * as notify from "../notify/notify.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import * as provisioning from "../provisioning/provisioning.ts";
import { digestOf, newToken } from "../secret.ts";
import { availability, find, findByLink, findForAdmin, isAtWork, isUuid, type Onboarding, requireOpen, UNKNOWN } from "./find.ts";
import { keep } from "./manifests.ts";
import * as runs from "./runs.ts";
import { actorOf, PORTAL, record } from "./store.ts";
import { subjectOf } from "./subject.ts";

/**
 * Ties the onboarding to the tenant of the person who signed in, when that tenant owns the expected domain. Whoever
 * holds the link may try; only the right tenant gets in.
 */
export async function enter(person: SignedIn, id: string, linkToken: string | undefined, now: Date): Promise<Outcome<Onboarding>> {
  const bound = await findForAdmin(person, id, now);
  if (bound) {
    const open = availability(bound, now);
    return open.ok ? accept(bound) : open;
  }
  const onboarding = linkToken ? await findByLink(id, linkToken, now) : null;
  if (!onboarding) return refuse(UNKNOWN);
  const open = availability(onboarding, now);
  if (!open.ok) return open;
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

const isRunning = ({ progress: { run, approval, undo } }: Onboarding) =>
  [run, approval?.run, undo?.run].some((each) => each && !each.finishedAt);

export async function choose(person: SignedIn, id: string, choices: Choices, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (isRunning(found.value)) return refuse(runs.BUSY);
  const wanted = onlyWhatIsThere(found.value.manifest, choices);
  const reason =
    refusalOf(found.value.manifest, found.value.offered, wanted) ?? (wanted.certificate ? whyNotCertificate(wanted.certificate) : null);
  if (reason) return refuse({ code: "onboarding.choices", status: 422, message: reason });
  await record(id, actorOf(person, "admin"), now, { type: "features.chosen", detail: { choices: wanted } });
  return accept(null);
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
  [person.sessionDigest, id, progress.chosenAt, digest].join("|");
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

// ---- Microsoft's own consent page --------------------------------------------------------------------------------

const CONSENT_PAGE_DAYS = 7;

/** Puts the portal's redirect URI on the application, for as long as Microsoft's consent page is in use. */
export async function prepareConsentPage(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (isRunning(found.value)) return refuse(runs.BUSY);
  if (found.value.progress.run?.outcome !== "awaiting-approval") return refuse(runs.NO_PLAN);
  await record(id, actorOf(person, "admin"), now, { type: "consent-page.prepared", detail: {} });
  return runs.provision(person, id);
}

/** The address of Microsoft's consent page for each application, each with a `state` that is good once. */
export async function consentPageLinks(person: SignedIn, id: string, now: Date): Promise<Outcome<{ name: string; link: string }[]>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { progress } = found.value;
  if (!progress.consentPage || progress.consentPage.returnedAt) return refuse(runs.NO_PLAN);
  const applications = Object.values(progress.registrations).flatMap(({ appId, displayName = "" }) =>
    appId ? [{ appId, displayName }] : [],
  );
  const links: { name: string; link: string }[] = [];
  for (const { appId, displayName } of applications) {
    const state = newToken();
    await db().ticket.create({
      data: {
        digest: digestOf(state),
        onboardingId: id,
        purpose: "consent-page",
        subject: appId,
        createdAt: now,
        expiresAt: new Date(now.getTime() + CONSENT_PAGE_DAYS * 86_400_000),
      },
      select: { digest: true },
    });
    const query = new URLSearchParams({
      client_id: appId,
      scope: `${config().GRAPH_URL}/.default`,
      redirect_uri: provisioning.consentCallback(),
      state,
    });
    links.push({ name: displayName, link: `${config().AZURE_AUTHORITY_HOST}/${person.tenantId}/v2.0/adminconsent?${query}` });
  }
  return accept(links);
}

const STATE_UNKNOWN = {
  code: "onboarding.consent-state",
  status: 404,
  message: "This answer does not belong to a consent page that is in use here, or it was used already. Nothing was changed.",
} as const;
/**
 * Microsoft's consent page came back. What it says is a hint only: `admin_consent=True` stands beside an error, too. What
 * counts is what the tenant shows at the next run. Anybody may bring the answer; its `state` is good once.
 */
export async function consentPageReturned(
  answer: { state: string; error: string | null },
  now: Date,
): Promise<Outcome<{ error: string | null; product: string }, typeof STATE_UNKNOWN>> {
  const digest = digestOf(answer.state);
  const { count } = await db().ticket.updateMany({
    where: { digest, purpose: "consent-page", endedAt: null, expiresAt: { gt: now } },
    data: { endedAt: now },
  });
  if (count === 0) return refuse(STATE_UNKNOWN);
  const { onboardingId } = await db().ticket.findUniqueOrThrow({ where: { digest }, select: { onboardingId: true } });
  const error = answer.error?.slice(0, 40) || null;
  await record(onboardingId, { kind: "invited" }, now, { type: "consent-page.returned", detail: { error } });
  const onboarding = await find(onboardingId, now);
  return accept({ error, product: onboarding?.manifest.name ?? "" });
}

/** Looks into the tenant whether Microsoft's consent page was used, and goes on. */
export async function checkConsentPage(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (!found.value.progress.consentPage?.returnedAt)
    await record(id, actorOf(person, "admin"), now, { type: "consent-page.returned", detail: { error: null } });
  return runs.provision(person, id);
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
  if (!steps.some((step) => step.id === stepId)) return refuse(UNKNOWN);
  if (state === "not-applicable" && !note.trim())
    return refuse({ code: "onboarding.note", status: 422, message: "Say in the note why it does not apply to you." });
  const checkAt = state === "later" ? { checkAt: new Date(now.getTime() + LATER_MS).toISOString() } : {};
  await record(id, actorOf(person, "admin"), now, {
    type: "manual.changed",
    detail: { step: stepId, state, note: note.trim().slice(0, 2000), ...checkAt },
  });
  return accept(null);
}

const NOT_READY = { code: "onboarding.not-ready", status: 409, message: "There is nothing to hand over. Finish the run first." } as const;

/** Who gets the link: whom the vendor named, or a person of the customer's own where the product allows one. Null: still to be named. */
export const recipientOf = ({ manifest, progress, contactEmail }: Onboarding): string | null =>
  progress.recipient ?? (manifest.handover.recipient === "customer" ? null : contactEmail);

/** Names a person of the customer's own as the one who gets the link; an empty address goes back to the vendor's contact. */
export async function nameRecipient(person: SignedIn, id: string, to: string, now: Date): Promise<Outcome<null>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { manifest, contactEmail } = found.value;
  if (manifest.handover.recipient === "contact")
    return refuse({
      code: "onboarding.recipient",
      status: 409,
      message: `${manifest.vendor.name} named who gets the values: ${contactEmail}.`,
    });
  const address = to.trim() || (manifest.handover.recipient === "either" ? contactEmail : "");
  if (!/^[^\s@<>",;]+@[^\s@<>",;]+\.[^\s@<>",;]+$/.test(address))
    return refuse({ code: "onboarding.recipient", status: 422, message: `"${address}" is not an e-mail address.` });
  await record(id, actorOf(person, "admin"), now, { type: "contact.changed", detail: { to: address, by: "admin" } });
  return accept(null);
}

async function takeLink(person: SignedIn, id: string, now: Date): Promise<Outcome<{ link: string; onboarding: Onboarding }, Refusal>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { handoff: sealed, run: last } = found.value.progress;
  if (sealed?.state !== "sealed" || last?.outcome !== "done") return refuse(NOT_READY);
  const link = await handoff.takeLink(sealed.id, person.holdKey, now);
  return link.ok ? accept({ link: link.value, onboarding: found.value }) : link;
}

/** Mails the one-time link to the contact. The link is gone from here afterwards, sent or not: a failure means a new credential. */
export async function mailHandoff(person: SignedIn, id: string, now: Date): Promise<Outcome<{ to: string }>> {
  const asked = await requireOpen(person, id, now);
  if (!asked.ok) return asked;
  if (!recipientOf(asked.value))
    return refuse({ code: "onboarding.recipient", status: 422, message: "Name the person of your own who enters the values first." });
  const taken = await takeLink(person, id, now);
  if (!taken.ok) return taken;
  const { onboarding, link } = taken.value;
  const { customerName, manifest, progress } = onboarding;
  const to = recipientOf(onboarding)!;
  const sent = await notify.send(
    notify.handoffMail({ to, customer: customerName, product: manifest.name, link, expiresAt: new Date(progress.handoff!.expiresAt) }),
  );
  const handoffId = progress.handoff!.id;
  if (sent.ok) {
    await record(id, actorOf(person, "admin"), now, { type: "handoff.sent", detail: { handoffId, how: "mailed", to } });
    return accept({ to });
  }
  await db().$transaction(async (tx) => {
    await audit.record(tx, id, PORTAL, now, { type: "handoff.mail-failed", detail: { handoffId, to, reason: sent.refusal.message } });
    await handoff.revoke(tx, PORTAL, handoffId, "The mail was not accepted, and links are never stored", now);
  });
  return refuse({
    code: "onboarding.mail-failed",
    status: 503,
    message: `The mail to ${to} was not accepted, so the link was thrown away: links are never stored. Issue a new credential below and send or copy its link.`,
  });
}

/** Shows the one-time link, once, to the admin who carries it to the contact. */
export async function copyHandoff(person: SignedIn, id: string, now: Date): Promise<Outcome<{ link: string }>> {
  const taken = await takeLink(person, id, now);
  if (!taken.ok) return taken;
  const { onboarding, link } = taken.value;
  await record(id, actorOf(person, "admin"), now, {
    type: "handoff.sent",
    detail: { handoffId: onboarding.progress.handoff!.id, how: "copied", to: recipientOf(onboarding) ?? onboarding.adminEmail },
  });
  return accept({ link });
}

/** Throws the credential away and approves a plan that issues another; the run removes the old one. */
export async function reissue(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { progress } = found.value;
  if (isRunning(found.value) && (await isAtWork(id))) return refuse(runs.BUSY);
  if (!progress.handoff || progress.handoff.state === "revealed") return refuse(NOT_READY);
  const actor = actorOf(person, "admin");
  await db().$transaction(async (tx) => {
    await handoff.revoke(tx, actor, progress.handoff!.id, "A new credential was asked for", now);
    await audit.record(tx, id, actor, now, { type: "credential.discarded", detail: { reason: "A new credential was asked for" } });
  });
  const shown = await review(person, (await findForAdmin(person, id, now))!, now);
  if (!shown) return refuse(runs.NO_PLAN);
  if (!shown.ok) return shown;
  const approved = await approve(person, id, shown.value.digest, now);
  return approved.ok ? run(person, id, new Date(now.getTime() + 1)) : approved;
}

// ---- The contact's side ------------------------------------------------------------------------------------------

export type HandoffPage = {
  state: handoff.HandoffView["state"];
  expiresAt: string;
  revealedAt: string | null;
  customer: string;
  product: string;
  vendor: string;
  fields: Manifest["handover"]["fields"];
  note: string | null;
};

/** What the page of a handoff shows before anything is revealed, to a holder of its link. */
export async function lookAtHandoff(id: string, proof: unknown, now: Date): Promise<Outcome<HandoffPage>> {
  const view = await handoff.look(id, proof, now);
  if (!view.ok) return view;
  const { state, expiresAt, revealedAt, onboardingId } = view.value;
  const { customerName, manifest, progress } = (await find(onboardingId, now))!;
  return accept({
    state,
    expiresAt: expiresAt.toISOString(),
    revealedAt: revealedAt?.toISOString() ?? null,
    customer: customerName,
    product: manifest.name,
    vendor: manifest.vendor.name,
    fields: fieldsOf(manifest, progress.choices),
    note: manifest.handover.note ?? null,
  });
}

/** The fields that there is something to show for. */
function fieldsOf(manifest: Manifest, choices: Choices | undefined): HandoffPage["fields"] {
  const kinds = new Set((choices ? registrationsFor(manifest, choices) : []).map(({ credential }) => credential?.kind));
  const needs: Partial<Record<HandoffPage["fields"][number], "secret" | "certificate" | "federated">> = {
    "secret-value": "secret",
    "secret-expiry": "secret",
    "certificate-thumbprint": "certificate",
    "federated-subject": "federated",
  };
  return manifest.handover.fields.filter((field) => !needs[field] || kinds.has(needs[field]));
}

/** Reveals, once. The answer is sealed with the link's key: only the contact's browser can open it. */
export const revealHandoff = (id: string, proof: unknown, now: Date) => handoff.reveal(id, proof, now);
