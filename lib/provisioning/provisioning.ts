/**
 * The cycle that makes a tenant as a product needs it: desired → actual → plan → apply → verify. A first run, a retry,
 * a resume after a crash, a second feature and an approval by a colleague are all this cycle; undoing is it backwards.
 * Never deletes what it did not make, never takes away a permission that it did not grant, never keeps a secret.
 */
import { randomBytes } from "node:crypto";
import type { ApprovalItem, OpenCredential, RegistrationFacts } from "../audit/events.ts";
import * as auth from "../auth/auth.ts";
import type { Choices, Manifest } from "../catalogue/schema.ts";
import { config } from "../config.ts";
import { connect, GraphError } from "../graph/graph.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import type { Secret } from "../secret.ts";
import { apply, applyGrants, approvalSteps, stepsOf } from "./apply.ts";
import { type DesiredRegistration, desired } from "./desired.ts";
import {
  type ApprovedEffects,
  abilitiesOf,
  assumedEmpty,
  grantsNeeding,
  isChange,
  isWithin,
  type Operation,
  plan,
  planDigest,
  restrictedTo,
} from "./plan.ts";
import { explain, type Journal, type Run, type RunResult, SignInNeeded } from "./site.ts";
import { type Actual, snapshot } from "./snapshot.ts";
import { type MadeByRegistration, undo, undoPlan, undoSteps } from "./undo.ts";

export { abilitiesOf, isChange, SignInNeeded };

export type Review = {
  operations: Operation[];
  digest: string;
  /** `assumed-empty`: the tenant was not read, since that needs a permission that comes with the approval. */
  basis: "read" | "assumed-empty";
  readAt: Date;
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
function tokenOf(person: SignedIn, first: Secret) {
  let kept = { token: first, at: Date.now() };
  return async (isFresh: boolean): Promise<Secret> => {
    if (!isFresh && Date.now() - kept.at < TOKEN_KEPT_MS) return kept.token;
    const answer = await auth.graphToken(person, auth.WRITE_SCOPES, isFresh);
    if (!answer.ok) {
      const { message, action, who, aadsts, claims } = answer.refusal;
      throw new SignInNeeded({ message, action, who, ...(aadsts ? { code: `AADSTS${aadsts}` } : {}) }, claims);
    }
    kept = { token: answer.value, at: Date.now() };
    return kept.token;
  };
}

type Reading = { actual: Actual; token: Run["token"] };
async function read(person: SignedIn, wanted: readonly DesiredRegistration[]): Promise<Outcome<Reading, auth.StsRefusal>> {
  const first = await auth.graphToken(person, auth.WRITE_SCOPES);
  if (!first.ok) return first;
  const token = tokenOf(person, first.value);
  // Somebody waits in front of a page: a tenant that does not answer soon is said to be so.
  const tenant = connect({ token, patienceMs: 20_000 });
  try {
    return accept({ actual: await snapshot(tenant, wanted), token });
  } catch (error) {
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
  return accept({ operations, digest: planDigest(operations), basis: reading.ok ? "read" : "assumed-empty", readAt: now });
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

// ---- Undoing -----------------------------------------------------------------------------------------------------

/** As much of a registration as finding it takes. */
const madeHere = (about: Subject, made: MadeByRegistration, names: Readonly<Record<string, string>>): DesiredRegistration[] => {
  const known = wantedBy(about);
  const [model] = known;
  return Object.keys(made).flatMap((id) => {
    const own = known.find((registration) => registration.id === id);
    if (own) return [own];
    return model
      ? [
          {
            ...model,
            id,
            uniqueName: `vestibule-${about.manifest.id}-${id}`,
            displayName: names[id] ?? id,
            probes: [],
            secretMonths: null,
          },
        ]
      : [];
  });
};

export type Undoing = { made: MadeByRegistration; names: Readonly<Record<string, string>> };
export async function reviewUndo(
  person: SignedIn,
  about: Subject,
  { made, names }: Undoing,
): Promise<Outcome<{ operations: Operation[]; digest: string }, auth.StsRefusal>> {
  const wanted = madeHere(about, made, names);
  const reading = await read(person, wanted);
  if (!reading.ok) return reading;
  const operations = undoPlan(wanted, reading.value.actual, made);
  return accept({ operations, digest: planDigest(operations) });
}

export async function prepareUndo(
  job: Job,
  { made, names }: Undoing,
  digest: string | null,
): Promise<Outcome<Prepared, PlanChanged | auth.StsRefusal>> {
  const wanted = madeHere(job, made, names);
  const reading = await read(job.person, wanted);
  if (!reading.ok) return reading;
  const operations = undoPlan(wanted, reading.value.actual, made);
  if (digest !== null && planDigest(operations) !== digest) return refuse(PLAN_CHANGED);
  const run = runOf(job, wanted, operations, reading.value);
  return accept({ steps: undoSteps(wanted, operations), run: () => undo(run, made) });
}
