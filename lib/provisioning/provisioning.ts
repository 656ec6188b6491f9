/**
 * The cycle that makes a tenant as a product needs it: desired → actual → plan → apply → verify. A first run, a retry,
 * a resume after a crash, a second feature and an approval by a colleague are all this cycle; undoing is it backwards.
 * Never deletes what it did not make, never takes away a permission that it did not grant, never keeps a secret.
 */
import { randomBytes } from "node:crypto";
import type { ApprovalItem, Finding, OpenCredential, RegistrationFacts } from "../audit/events.ts";
import * as auth from "../auth/auth.ts";
import type { Choices, Manifest } from "../catalogue/schema.ts";
import { config } from "../config.ts";
import { connect, GraphError, type Tenant } from "../graph/graph.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import type { Secret } from "../secret.ts";
import { apply, applyGrants, approvalSteps, stepsOf } from "./apply.ts";
import { depart, departurePlan, departureSteps, readPresence } from "./departure.ts";
import { type DesiredRegistration, desired } from "./desired.ts";
import { findingsOf } from "./health.ts";
import {
  type ApprovedEffects,
  assumedEmpty,
  grantsNeeding,
  isChange,
  isWithin,
  type Operation,
  plan,
  planDigest,
  restrictedTo,
} from "./plan.ts";
import { abilitiesOf } from "./roles.ts";
import { explain, type Journal, type Run, type RunResult, SignInNeeded } from "./site.ts";
import { type Actual, type Lookalike, snapshot } from "./snapshot.ts";
import { type MadeByRegistration, undo, undoPlan, undoSteps } from "./undo.ts";

export { abilitiesOf, isChange, SignInNeeded };

export type Review = {
  operations: Operation[];
  digest: string;
  /** `assumed-empty`: the tenant was not read, since that needs a permission that comes with the approval. */
  basis: "read" | "assumed-empty";
  readAt: Date;
  /** The registrations of the plan, with what could be used in place of each. */
  registrations: { id: string; displayName: string; adopts: string | null; lookalikes: Lookalike[] }[];
};
/**
 * What is to be provisioned. `known` are the credentials that this onboarding issued and still stands by, `done` the
 * operations that it carried out, by id: what to assume while the tenant may not be read.
 */
export type Subject = {
  manifest: Manifest;
  choices: Choices;
  known: Readonly<Record<string, RegistrationFacts>>;
  openCredentials: Readonly<Record<string, readonly OpenCredential[]>>;
  done: readonly string[];
  mark: string;
  mayShorten: boolean;
  /** Microsoft's consent page is in use, so the application needs the portal's own redirect URI for as long. */
  usesConsentPage: boolean;
  /** A colleague is known, or said, to have granted what this person may not grant. */
  awaitsGrants: boolean;
};

/** Where Microsoft's consent page returns to. */
export const consentCallback = () => `${config().BASE_URL}/approve/consented`;

const wantedBy = ({ manifest, choices, mark, mayShorten, usesConsentPage }: Subject) =>
  desired(manifest, choices, { mark, mayShorten, consentCallback: { uri: consentCallback(), isWanted: usesConsentPage } });

/** A token is asked for again after a while, so that a right which ended is noticed. */
const TOKEN_KEPT_MS = 5 * 60_000;
function tokenOf(person: SignedIn, first: Secret, scopes: readonly string[]) {
  let kept = { token: first, at: Date.now() };
  return async (isFresh: boolean): Promise<Secret> => {
    if (!isFresh && Date.now() - kept.at < TOKEN_KEPT_MS) return kept.token;
    const answer = await auth.graphToken(person, scopes, isFresh);
    if (!answer.ok) {
      const { message, action, who, aadsts, claims } = answer.refusal;
      throw new SignInNeeded({ message, action, who, ...(aadsts ? { code: `AADSTS${aadsts}` } : {}) }, claims);
    }
    kept = { token: answer.value, at: Date.now() };
    return kept.token;
  };
}

/** Reads in the person's tenant, with the right that `access` says. Gives the token on, for what is written afterwards. */
async function look<T>(
  person: SignedIn,
  access: auth.Access,
  work: (tenant: Tenant) => Promise<T>,
): Promise<Outcome<{ found: T; token: Run["token"] }, auth.StsRefusal>> {
  const scopes = auth.scopesFor(access);
  const first = await auth.graphToken(person, scopes);
  if (!first.ok) return first;
  const token = tokenOf(person, first.value, scopes);
  try {
    // Somebody waits in front of a page: a tenant that does not answer soon is said to be so.
    return accept({ found: await work(connect({ token, patienceMs: 20_000 })), token });
  } catch (error) {
    return unreadable(error);
  }
}

type Reading = { actual: Actual; token: Run["token"] };
async function read(
  person: SignedIn,
  wanted: readonly DesiredRegistration[],
  isWriting = true,
): Promise<Outcome<Reading, auth.StsRefusal>> {
  const access = { isWriting, namesAccount: wanted.some(({ consentAccount }) => consentAccount !== null) };
  const looked = await look(person, access, (tenant) => snapshot(tenant, wanted));
  return looked.ok ? accept({ actual: looked.value.found, token: looked.value.token }) : looked;
}
/** Why the tenant could not be read, for whoever waits in front of a page. */
function unreadable(error: unknown): { ok: false; refusal: auth.StsRefusal } {
  if (error instanceof SignInNeeded)
    return refuse({ code: "auth.sign-in-again", status: 403, ...error.failure, aadsts: null, claims: error.claims });
  if (!(error instanceof GraphError)) throw error;
  const { message, action, who } = explain(error, "let us read your tenant");
  const isSignIn = error.meaning === "claims" || error.meaning === "unauthenticated";
  const about = { message: `${message} ${action}`, action, who, aadsts: null, claims: error.claims };
  return refuse(
    isSignIn ? { ...about, code: "auth.sign-in-again", status: 403 } : { ...about, code: `graph.${error.meaning}`, status: 503 },
  );
}

/** The plan as it is now: on the tenant itself when the permissions are there, else on the assumption that it is empty. */
export async function review(person: SignedIn, about: Subject, now: Date): Promise<Outcome<Review, auth.StsRefusal>> {
  const { known, done } = about;
  const wanted = wantedBy(about);
  const reading = await read(person, wanted);
  if (!reading.ok && reading.refusal.code !== "auth.consent-needed") return reading;
  const actual = reading.ok ? reading.value.actual : assumedEmpty(wanted);
  const planned = plan(wanted, actual, abilitiesOf(person.directoryRoles), known);
  const isRecorded = ({ id, kind }: Operation) => !reading.ok && kind !== "credential" && done.includes(id);
  const operations = planned.map(
    (operation): Operation =>
      isRecorded(operation) ? { ...operation, effect: "same", needsRole: null, detail: "Done earlier, as recorded here" } : operation,
  );
  const registrations = wanted.map(({ id, displayName, adopts }) => ({ id, displayName, adopts, lookalikes: actual.lookalikes[id] ?? [] }));
  return accept({ operations, digest: planDigest(operations), basis: reading.ok ? "read" : "assumed-empty", readAt: now, registrations });
}

export type Registered = { appId: string; displayName: string; createdAt: string | null };
const SHOWN_AT_MOST = 20;
/** Registrations of the tenant whose name starts so, or the one with this application ID. */
export async function searchRegistrations(person: SignedIn, words: string): Promise<Outcome<Registered[], auth.StsRefusal>> {
  const wanted = words.trim().slice(0, 120).replaceAll("'", "''");
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(wanted);
  const filter = isId ? `appId eq '${wanted.toLowerCase()}'` : `startswith(displayName,'${wanted}')`;
  const looked = await look(person, auth.WRITING, async (tenant) => {
    const { body } = await tenant.call({
      method: "GET",
      path: `/applications?$filter=${encodeURIComponent(filter)}&$select=appId,displayName,createdDateTime&$top=${SHOWN_AT_MOST}`,
    });
    return (body as { value: { appId: string; displayName: string; createdDateTime?: string }[] }).value;
  });
  if (!looked.ok) return looked;
  return accept(
    looked.value.found.map(({ appId, displayName, createdDateTime }) => ({ appId, displayName, createdAt: createdDateTime ?? null })),
  );
}

export type Job = Subject & {
  person: SignedIn;
  tenantName: string;
  journal: Journal;
  seal: Run["seal"];
};
export type Prepared = { steps: { id: string; title: string }[]; run(): Promise<RunResult> };

const PLAN_CHANGED = {
  code: "provisioning.plan-changed",
  status: 409,
  message: "Your tenant is not as the plan assumed. Review the plan as it is now and approve again.",
} as const;
type PlanChanged = typeof PLAN_CHANGED;

const runOf = (job: Job, wanted: readonly DesiredRegistration[], operations: readonly Operation[], { actual, token }: Reading): Run => ({
  journal: job.journal,
  desired: wanted,
  operations,
  actual,
  abilities: abilitiesOf(job.person.directoryRoles),
  known: job.known,
  openCredentials: job.openCredentials,
  awaitsGrants: job.awaitsGrants,
  seal: job.seal,
  admin: { tenantId: job.person.tenantId, tenantName: job.tenantName, objectId: job.person.objectId },
  token,
  now: () => new Date(),
  newNonce: () => randomBytes(6).toString("hex"),
});

/** Reads the tenant once more; refuses when the plan is not the approved one any more. Writes nothing yet. */
export async function prepare(job: Job, approved: ApprovedEffects): Promise<Outcome<Prepared, PlanChanged | auth.StsRefusal>> {
  const wanted = wantedBy(job);
  const reading = await read(job.person, wanted);
  if (!reading.ok) return reading;
  const operations = plan(wanted, reading.value.actual, abilitiesOf(job.person.directoryRoles), job.known);
  if (!isWithin(approved, operations, wanted, reading.value.actual)) return refuse(PLAN_CHANGED);
  const run = runOf(job, wanted, operations, reading.value);
  return accept({ steps: stepsOf(wanted, operations), run: () => apply(run) });
}

// ---- A colleague's approval --------------------------------------------------------------------------------------

/** The grants that this person may not make, as the plan has them. */
export const needingApproval = (operations: readonly Operation[]): ApprovalItem[] => grantsNeeding(operations);

export type ApprovalReview = { operations: Operation[]; basis: "read" | "assumed-empty" };
/** What is missing now of what was asked for, for the person who could grant it. */
export async function reviewApproval(
  person: SignedIn,
  about: Subject,
  items: readonly ApprovalItem[],
): Promise<Outcome<ApprovalReview, auth.StsRefusal>> {
  const wanted = wantedBy(about);
  const reading = await read(person, wanted);
  if (!reading.ok && reading.refusal.code !== "auth.consent-needed") return reading;
  const actual = reading.ok ? reading.value.actual : assumedEmpty(wanted);
  const operations = restrictedTo(items, plan(wanted, actual, abilitiesOf(person.directoryRoles), about.known));
  return accept({ operations, basis: reading.ok ? "read" : "assumed-empty" });
}

/** Only the grants that were approved; the application and its service principal have to be there. */
export async function prepareApproval(job: Job, items: readonly ApprovalItem[]): Promise<Outcome<Prepared, PlanChanged | auth.StsRefusal>> {
  const wanted = wantedBy(job);
  const reading = await read(job.person, wanted);
  if (!reading.ok) return reading;
  const operations = restrictedTo(items, plan(wanted, reading.value.actual, abilitiesOf(job.person.directoryRoles), job.known));
  const isGone = operations.some(
    ({ effect, registration }) => effect === "blocked" || !reading.value.actual.registrations[registration]?.servicePrincipalId,
  );
  if (isGone || operations.length === 0) return refuse(PLAN_CHANGED);
  const concerned = wanted.filter(({ id }) => operations.some(({ registration }) => registration === id));
  const run = runOf(job, concerned, operations, reading.value);
  return accept({ steps: approvalSteps(concerned, operations), run: () => applyGrants(run) });
}

// ---- By hand ------------------------------------------------------------------------------------------------------

/** What is desired, for somebody who makes it without this portal: no mark of ours, nothing to adopt but what was picked. */
export const desiredByHand = (manifest: Manifest, choices: Choices): DesiredRegistration[] =>
  desired(manifest, choices, { mark: "By hand", mayShorten: false, consentCallback: { uri: consentCallback(), isWanted: false } });

export type Inspected = RegistrationFacts & { id: string; missing: string[] };
const ALL_ABILITIES = { roleNames: [], canRegister: true, canGrantDelegated: true, canGrantApplication: true };
/** Reads what somebody made by hand, by application ID, and says what is missing. Needs only permissions to read. */
export async function inspect(
  person: SignedIn,
  manifest: Manifest,
  choices: Choices,
  appIds: Readonly<Record<string, string>>,
): Promise<Outcome<Inspected[], auth.StsRefusal>> {
  const wanted = desiredByHand(manifest, choices).map((registration) => ({
    ...registration,
    ...{ adopts: appIds[registration.id] ?? null, tags: [], onePerTenant: null },
  }));
  const reading = await read(person, wanted, false);
  if (!reading.ok) return reading;
  const { actual } = reading.value;
  const now = new Date().toISOString();
  return accept(
    wanted.map((registration) => {
      const existing = actual.registrations[registration.id] ?? null;
      const secrets = (existing?.credentials ?? [])
        .map(({ endDateTime }) => endDateTime)
        .filter((end) => end > now)
        .sort();
      const missing = plan([registration], actual, ALL_ABILITIES).flatMap(({ kind, effect, title, detail, permissions }) => {
        if (effect === "same") return [];
        if (kind === "credential" && registration.credential?.kind === "secret")
          return secrets.length > 0 ? [] : ["There is no client secret that is valid"];
        if (kind === "service-principal") return ["It has no service principal (enterprise application)"];
        const lacking = permissions.filter(({ isGranted }) => !isGranted).map(({ value }) => value);
        if (lacking.length > 0) return [`Not granted: ${kind === "grant-application" ? "application" : "delegated"} ${lacking.join(", ")}`];
        return [
          kind === "application" && existing
            ? `Missing: ${detail.replace(/^Adds /, "").replace(/\. Kept as it is.*$/, "")}`
            : `${title}. ${detail}`,
        ];
      });
      const last = secrets.at(-1);
      return {
        id: registration.id,
        missing,
        ...(existing
          ? {
              ...{ appId: existing.appId, objectId: existing.objectId, displayName: existing.displayName },
              ...(existing.servicePrincipalId ? { servicePrincipalId: existing.servicePrincipalId } : {}),
              ...(last ? { secretEndsAt: last } : {}),
            }
          : {}),
      };
    }),
  );
}

// ---- Removing secrets ----------------------------------------------------------------------------------------------

/** Takes these secrets away, by registration and key id, and reads back that they are gone. One that is gone already is fine. */
export async function prepareRemoval(
  job: Job,
  keys: Readonly<Record<string, readonly string[]>>,
): Promise<Outcome<Prepared, auth.StsRefusal>> {
  const wanted = wantedBy(job).filter(({ id }) => keys[id]);
  const reading = await read(job.person, wanted);
  if (!reading.ok) return reading;
  const { actual } = reading.value;
  const made: MadeByRegistration = Object.fromEntries(
    wanted.map(({ id }) => [
      id,
      (actual.registrations[id]?.credentials ?? [])
        .filter(({ keyId }) => keys[id]?.includes(keyId))
        .map(({ displayName }) => ({ kind: "credential" as const, name: displayName ?? "" })),
    ]),
  );
  const operations = undoPlan(wanted, actual, made);
  const run = runOf(job, wanted, operations, reading.value);
  return accept({ steps: undoSteps(wanted, operations), run: () => undo(run, made) });
}

// ---- Undoing -----------------------------------------------------------------------------------------------------

/** As much of a registration as finding it takes. */
const madeHere = (about: Subject, { made, known }: Undoing): DesiredRegistration[] => {
  const planned = wantedBy(about);
  const [model] = planned;
  return Object.keys(made).flatMap((id) => {
    const own = planned.find((registration) => registration.id === id);
    if (own) return [own];
    return model
      ? [
          {
            ...model,
            id,
            uniqueName: `vestibule-${about.manifest.id}-${id}`,
            displayName: known[id]?.displayName ?? id,
            probes: [],
            credential: null,
            adopts: made[id]?.some(({ kind }) => kind === "application") ? null : (known[id]?.appId ?? null),
          },
        ]
      : [];
  });
};

export type Undoing = { made: MadeByRegistration; known: Readonly<Record<string, RegistrationFacts>> };
export async function reviewUndo(
  person: SignedIn,
  about: Subject,
  undoing: Undoing,
): Promise<Outcome<{ operations: Operation[]; digest: string }, auth.StsRefusal>> {
  const wanted = madeHere(about, undoing);
  const reading = await read(person, wanted);
  if (!reading.ok) return reading;
  const operations = undoPlan(wanted, reading.value.actual, undoing.made);
  return accept({ operations, digest: planDigest(operations) });
}

export async function prepareUndo(
  job: Job,
  undoing: Undoing,
  digest: string | null,
): Promise<Outcome<Prepared, PlanChanged | auth.StsRefusal>> {
  const wanted = madeHere(job, undoing);
  const reading = await read(job.person, wanted);
  if (!reading.ok) return reading;
  const operations = undoPlan(wanted, reading.value.actual, undoing.made);
  if (digest !== null && planDigest(operations) !== digest) return refuse(PLAN_CHANGED);
  const run = runOf(job, wanted, operations, reading.value);
  return accept({ steps: undoSteps(wanted, operations), run: () => undo(run, undoing.made) });
}

// ---- Health ------------------------------------------------------------------------------------------------------

/** What is not as it was handed over, reading only. Needs what the approved plan needed; nobody is asked for more. */
export async function checkHealth(person: SignedIn, about: Subject, now: Date): Promise<Outcome<Finding[], auth.StsRefusal>> {
  const wanted = wantedBy(about);
  const reading = await read(person, wanted);
  return reading.ok ? accept(findingsOf(wanted, reading.value.actual, about.known, now)) : reading;
}

// ---- Leaving the tenant ------------------------------------------------------------------------------------------

type Departure = { operations: Operation[]; digest: string };
const presenceFor = (person: SignedIn) => look(person, auth.WRITING, (tenant) => readPresence(tenant, config().AZURE_CLIENT_ID));

/** What of this portal is in the tenant and would be taken away. */
export async function reviewDeparture(person: SignedIn): Promise<Outcome<Departure, auth.StsRefusal>> {
  const looked = await presenceFor(person);
  if (!looked.ok) return looked;
  const operations = departurePlan(looked.value.found);
  return accept({ operations, digest: planDigest(operations) });
}

/** `digest` is of the list that was shown; without it an interrupted departure goes on. */
export async function prepareDeparture(job: Job, digest: string | null): Promise<Outcome<Prepared, PlanChanged | auth.StsRefusal>> {
  const looked = await presenceFor(job.person);
  if (!looked.ok) return looked;
  const { found, token } = looked.value;
  const operations = departurePlan(found);
  if (digest !== null && planDigest(operations) !== digest) return refuse(PLAN_CHANGED);
  const run = runOf(job, [], operations, { actual: NOTHING_READ, token });
  return accept({ steps: departureSteps(operations), run: () => depart(run, config().AZURE_CLIENT_ID, found) });
}
const NOTHING_READ: Actual = { resources: {}, registrations: {}, namesakes: {}, lookalikes: {}, accounts: {} };
