/**
 * Runs: provisioning, a colleague's grants, undoing. One at a time for each onboarding, under a lease; a run needs no
 * browser once it is under way, and goes on after a crash when the person who approved it is back.
 */
import { randomUUID } from "node:crypto";
import * as audit from "../audit/audit.ts";
import type { Actor, AuditEvent } from "../audit/events.ts";
import { dropGraphTokens, type StsRefusal } from "../auth/auth.ts";
import { db } from "../db.ts";
import * as handoff from "../handoff/handoff.ts";
import { log } from "../log.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import * as provisioning from "../provisioning/provisioning.ts";
import { traced } from "../trace.ts";
import { canGiveLink, findForAdmin, findForApprover, type Onboarding, UNKNOWN } from "./find.ts";
import { actorOf, dropLease, LEASE_MS, record, takeLease } from "./store.ts";
import { subjectOf } from "./subject.ts";

/** How long sealed values wait for the admin to give their link out. */
const SEALED_HOURS = 72;
export const BUSY = { code: "onboarding.busy", status: 409, message: "A run is going on already; this page shows it live." } as const;
export const NO_PLAN = {
  code: "onboarding.no-plan",
  status: 409,
  message: "The plan has changed or was not approved. Review it and approve.",
} as const;

const NOT_THERE = {
  code: "approval.not-there",
  status: 409,
  message:
    "The application that this is for is not in your tenant as it was when you were asked. Nothing was granted. Tell your colleague to review the plan and to ask again.",
} as const;

/** `sign-in`: Microsoft wants a new sign-in that brings `claims`. */
export type Started = { is: "started" | "plan-changed" | "consent-needed" } | { is: "sign-in"; message: string; claims: string };
type Kind = "provision" | "approval" | "undo" | "removal" | "departure";
type Refused = { code: "provisioning.plan-changed" } | StsRefusal | Refusal;
/** What the end of a run brings with it: further records, and something to do that may fail. */
type Ending = { finished?: (outcome: string) => AuditEvent[]; then?: (outcome: string) => Promise<void> };
class LeaseLost extends Error {}
/** What to do under the lease: a prepared run, or that there is nothing to do any more. */
type Preparation = (onboarding: Onboarding, job: provisioning.Job) => Promise<Outcome<provisioning.Prepared | "nothing", Refusal>>;

/** Starts a run as soon as it is this process's turn, and returns when it is under way. Two at once: one runs, the other is told. */
async function start(
  person: SignedIn,
  id: string,
  kind: Kind,
  prepare: Preparation,
  { finished = () => [], then }: Ending = {},
): Promise<Outcome<Started>> {
  const holder = randomUUID();
  let heldUntil = Date.now() + LEASE_MS;
  if (!(await takeLease(id, holder))) return refuse(BUSY);
  const hold = async () => {
    const until = Date.now() + LEASE_MS;
    if (await takeLease(id, holder)) heldUntil = until;
  };
  const heartbeat = setInterval(() => void hold().catch(() => undefined), LEASE_MS / 3);
  /** A process that was asleep for longer than its lease may not go on: another one may be at work. */
  const requireLease = async () => {
    if (Date.now() > heldUntil) await hold();
    if (Date.now() > heldUntil) throw new LeaseLost(`The lease of onboarding ${id} was lost`);
  };
  let isUnderWay = false;
  try {
    // Read again under the lease: another tab may have just finished.
    const onboarding = await (kind === "approval" ? findForApprover : findForAdmin)(person, id, new Date());
    if (!onboarding) return refuse(UNKNOWN);
    const subject = await subjectOf(person, onboarding);
    if (!subject) return refuse(NO_PLAN);
    const actor = actorOf(person, "admin");
    const runId = randomUUID();
    const journal = { record: journalOf(id, actor, requireLease) };
    const prepared = await prepare(onboarding, {
      ...subject,
      person,
      tenantName: onboarding.progress.signedIn?.tenantName ?? "",
      journal,
      seal: await sealing(person, onboarding, actor),
    });
    if (!prepared.ok) return whyNot(kind, prepared.refusal, id, actor, onboarding);
    if (prepared.value === "nothing") return accept({ is: "started" });
    // In one statement with the run's first intent.
    const started = journal.record({ type: "run.started", detail: { runId, steps: prepared.value.steps, kind } });
    isUnderWay = true;
    const { value: run } = prepared;
    void traced("run", { kind, onboardingId: id, runId }, async (learn) => {
      const outcome = await carryOut(id, runId, actor, run, finished);
      learn({ outcome });
      return outcome;
    })
      .finally(() => {
        clearInterval(heartbeat);
        return dropLease(id, holder);
      })
      .then(async (outcome) => {
        await dropGraphTokens(person);
        await then?.(outcome);
      })
      .catch((error: unknown) => log().failed("What follows a run failed", error, { onboardingId: id, runId }));
    await started;
    return accept({ is: "started" });
  } finally {
    if (!isUnderWay) {
      clearInterval(heartbeat);
      await dropLease(id, holder);
    }
  }
}

/** Registrations are worked on side by side: what they record at the same time is one statement. */
function journalOf(id: string, actor: Actor, requireLease: () => Promise<void>): provisioning.Job["journal"]["record"] {
  // Read while the run is prepared; where that fails, it is read again.
  let end: Promise<audit.Head | null> = audit.headOf(id).catch(() => null);
  let waiting: AuditEvent[] = [];
  let next: Promise<void> | undefined;
  let now: Promise<unknown> = Promise.resolve();
  return (...events) => {
    waiting.push(...events);
    next ??= now.then(async () => {
      next = undefined;
      const all = waiting;
      waiting = [];
      await requireLease();
      const written = audit.recordAfter(await end, id, actor, new Date(), all);
      // Where it fails, nobody knows whether it was written.
      end = written.catch(() => null);
      await written;
    });
    now = next.catch(() => undefined);
    return next;
  };
}

async function whyNot(kind: Kind, refusal: Refused, id: string, actor: Actor, { progress }: Onboarding): Promise<Outcome<Started>> {
  if (refusal.code === "provisioning.plan-changed" && kind === "approval") return refuse(NOT_THERE);
  if (refusal.code === "provisioning.plan-changed") {
    if (kind === "provision")
      await record(id, actor, new Date(), { type: "plan.changed", detail: { digest: progress.approved?.digest ?? "" } });
    return accept({ is: "plan-changed" });
  }
  if (refusal.code === "auth.consent-needed") return accept({ is: "consent-needed" });
  if ("claims" in refusal && refusal.claims) return accept({ is: "sign-in", message: refusal.message, claims: refusal.claims });
  return refuse(refusal as Refusal);
}

/** Puts values into the handoff under way, or into a new one; one after the other, since registrations are worked on side by side. */
async function sealing(person: SignedIn, { id, progress, manifest }: Onboarding, actor: Actor): Promise<provisioning.Job["seal"]> {
  const { handoff: sealed } = progress;
  let handoffId = sealed && (await canGiveLink(person, progress)) ? sealed.id : null;
  let before: Promise<unknown> = Promise.resolve();
  return (registration, payload) => {
    const mine = before.then(() =>
      db().$transaction(async (tx) => {
        let target = handoffId;
        if (!target) {
          // One that nobody was given is of no use any more; one that the contact holds still carries what it was made for.
          if (sealed?.state === "sealed") await handoff.revoke(tx, actor, sealed.id, "Replaced by a newer one", new Date());
          const expiresAt = new Date(Date.now() + SEALED_HOURS * 3_600_000);
          target = await handoff.create(tx, actor, { onboardingId: id, holdKey: person.holdKey, expiresAt }, new Date());
        }
        await handoff.add(tx, target, person.holdKey, registration, payload, manifest.handover.machineKey ?? null);
        return target;
      }),
    );
    before = mine.catch(() => undefined);
    return mine.then((target) => {
      handoffId = target;
    });
  };
}

/** The run itself, detached from any request. Whatever happens, its end is recorded. */
async function carryOut(
  id: string,
  runId: string,
  actor: Actor,
  prepared: provisioning.Prepared,
  finished: (outcome: string) => AuditEvent[],
): Promise<string> {
  try {
    const { outcome, failure } = await prepared.run();
    await record(
      id,
      actor,
      new Date(),
      { type: "run.finished", detail: { runId, outcome, ...(failure ? { failure } : {}) } },
      ...finished(outcome),
    );
    return outcome;
  } catch (error) {
    if (error instanceof provisioning.SignInNeeded) {
      const { failure, claims } = error;
      await record(id, actor, new Date(), {
        type: "run.finished",
        detail: { runId, outcome: "sign-in-needed", failure, ...(claims ? { claims } : {}) },
      });
      return "sign-in-needed";
    }
    // Whoever holds the lease now writes the end of this run.
    if (error instanceof LeaseLost) return "lost";
    const failure = {
      message: "The portal itself failed. What is done in your tenant stays and is not done twice.",
      action: "Try again. If it stays, tell the vendor's support.",
      who: "The vendor's support",
    };
    // Nobody awaits the run, so the operator's log is the only place that this can go.
    log().failed("A run failed", error, { onboardingId: id, runId });
    await record(id, actor, new Date(), { type: "run.finished", detail: { runId, outcome: "failed", failure } }).catch((cause: unknown) =>
      log().failed("The end of a run could not be recorded", cause, { onboardingId: id, runId }),
    );
    return "failed";
  }
}

/** Starts the approved run, or goes on with an interrupted one. */
export const provision = (person: SignedIn, id: string): Promise<Outcome<Started>> =>
  start(person, id, "provision", async ({ progress: { approved, run: before } }, job) => {
    if (!approved) return refuse(NO_PLAN);
    if (before?.outcome === "done" && before.startedAt >= approved.at) return accept("nothing");
    return provisioning.prepare(job, approved.effects);
  });

/** Makes the grants that were approved by this person, and nothing else. */
export const grantApproved = (
  person: SignedIn,
  id: string,
  approvalId: string,
  then: (outcome: string) => Promise<void>,
): Promise<Outcome<Started>> =>
  start(
    person,
    id,
    "approval",
    async ({ progress: { approval } }, job) => {
      if (approval?.id !== approvalId || approval.state !== "approved" || approval.decidedByObjectId !== person.objectId)
        return refuse(NO_PLAN);
      if (approval.run?.outcome === "done") return accept("nothing");
      return provisioning.prepareApproval(job, approval.approved);
    },
    { then },
  );

/** Takes away the secrets that are due. */
export const removeSecrets = (person: SignedIn, id: string): Promise<Outcome<Started>> =>
  start(person, id, "removal", async ({ progress: { removal } }, job) =>
    removal ? provisioning.prepareRemoval(job, removal.keys) : accept("nothing"),
  );

/** What undoing starts from. */
export const undoingOf = ({ progress }: Onboarding): provisioning.Undoing => ({
  made: progress.made ?? {},
  known: progress.registrations,
});

/** Takes back everything that was made here. `digest` is of the list that was shown; an interrupted undo goes on without it. */
export const undo = (person: SignedIn, id: string, digest: string | null): Promise<Outcome<Started>> =>
  start(
    person,
    id,
    "undo",
    async (onboarding, job) => {
      const prepared = await provisioning.prepareUndo(job, undoingOf(onboarding), digest);
      if (!prepared.ok) return prepared;
      const actor = actorOf(person, "admin");
      await db().$transaction(async (tx) => {
        const pending = onboarding.progress.handoff;
        if (pending) await handoff.revoke(tx, actor, pending.id, "Everything is being undone", new Date());
      });
      if (digest !== null) {
        const operations = prepared.value.steps.map(({ title }) => title);
        await record(id, actor, new Date(), { type: "undo.approved", detail: { digest, operations } });
      }
      return prepared;
    },
    { finished: (outcome) => (outcome === "done" ? [{ type: "undo.finished", detail: {} }] : []) },
  );

/** Takes the portal itself out of the tenant; an interrupted departure goes on without a `digest`. */
export const depart = (person: SignedIn, id: string, digest: string | null): Promise<Outcome<Started>> =>
  start(
    person,
    id,
    "departure",
    async (_, job) => {
      const prepared = await provisioning.prepareDeparture(job, digest);
      if (prepared.ok && digest !== null) {
        const operations = prepared.value.steps.map(({ title }) => title);
        await record(id, actorOf(person, "admin"), new Date(), { type: "departure.approved", detail: { operations } });
      }
      return prepared;
    },
    { finished: (outcome) => (outcome === "done" ? [{ type: "departure.finished", detail: {} }] : []) },
  );
