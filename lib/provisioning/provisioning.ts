/**
 * The cycle that makes a tenant as a product needs it: desired → actual → plan → apply → verify. A first run, a retry,
 * a resume after a crash and a second feature are all this cycle. Never deletes what it did not make, never takes a
 * permission away, never keeps a secret.
 */
import { randomBytes } from "node:crypto";
import type { RegistrationFacts } from "../audit/events.ts";
import * as auth from "../auth/auth.ts";
import type { Choices, Manifest } from "../catalogue/schema.ts";
import { connect } from "../graph/graph.ts";
import type { Payload } from "../handoff/handoff.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import { apply as applyRun, type Journal, type RunResult, stepsOf } from "./apply.ts";
import { type DesiredRegistration, desired } from "./desired.ts";
import { type ApprovedEffects, abilitiesOf, assumedEmpty, isChange, isWithin, type Operation, plan, planDigest } from "./plan.ts";
import { type Actual, snapshot } from "./snapshot.ts";

export { abilitiesOf, isChange };

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
  done: readonly string[];
  mark: string;
};

async function read(person: SignedIn, wanted: readonly DesiredRegistration[]): Promise<Outcome<Actual, auth.StsRefusal>> {
  const first = await auth.graphToken(person, auth.WRITE_SCOPES);
  if (!first.ok) return first;
  const tenant = connect({ token: async () => first.value });
  return accept(await snapshot(tenant, wanted));
}

/** The plan as it is now: on the tenant itself when the permissions are there, else on the assumption that it is empty. */
export async function review(person: SignedIn, about: Subject, now: Date): Promise<Outcome<Review, auth.StsRefusal>> {
  const { manifest, choices, known, done, mark } = about;
  const wanted = desired(manifest, choices, mark);
  const actual = await read(person, wanted);
  if (!actual.ok && actual.refusal.code !== "auth.consent-needed") return actual;
  const planned = plan(wanted, actual.ok ? actual.value : assumedEmpty(wanted), abilitiesOf(person.directoryRoles), known);
  const isRecorded = ({ id, kind }: Operation) => !actual.ok && kind !== "credential" && done.includes(id);
  const operations = planned.map(
    (operation): Operation =>
      isRecorded(operation) ? { ...operation, effect: "same", needsRole: null, detail: "Done earlier, as recorded here" } : operation,
  );
  return accept({ operations, digest: planDigest(operations), basis: actual.ok ? "read" : "assumed-empty", readAt: now });
}

export type Job = Subject & {
  person: SignedIn;
  tenantName: string;
  approved: ApprovedEffects;
  journal: Journal;
  seal(registration: string, payload: Payload): Promise<void>;
};
export type Prepared = { steps: { id: string; title: string }[]; run(): Promise<RunResult> };

const PLAN_CHANGED = {
  code: "provisioning.plan-changed",
  status: 409,
  message: "Your tenant is not as the plan assumed. Review the plan as it is now and approve again.",
} as const;

/** Reads the tenant once more; refuses when the plan is not the approved one any more. Writes nothing yet. */
export async function prepare(job: Job): Promise<Outcome<Prepared, typeof PLAN_CHANGED | auth.StsRefusal>> {
  const { person, manifest, choices, known, mark } = job;
  const wanted = desired(manifest, choices, mark);
  const actual = await read(person, wanted);
  if (!actual.ok) return actual;
  const abilities = abilitiesOf(person.directoryRoles);
  const operations = plan(wanted, actual.value, abilities, known);
  if (!isWithin(job.approved, operations, wanted, actual.value)) return refuse(PLAN_CHANGED);
  return accept({
    steps: stepsOf(wanted, operations),
    run: () =>
      applyRun({
        journal: job.journal,
        desired: wanted,
        actual: actual.value,
        abilities,
        known,
        seal: job.seal,
        admin: { tenantId: person.tenantId, tenantName: job.tenantName, objectId: person.objectId },
        token: async () => {
          const token = await auth.graphToken(person, auth.WRITE_SCOPES);
          if (!token.ok) throw new SignInNeeded(token.refusal);
          return token.value;
        },
        now: () => new Date(),
        newNonce: () => randomBytes(6).toString("hex"),
      }),
  });
}

/** The person's right to act ended in the middle of a run; it resumes after a new sign-in. */
export class SignInNeeded extends Error {
  override name = "SignInNeeded";
  constructor(readonly refusal: auth.StsRefusal) {
    super(refusal.message);
  }
}
