/** One registration under work: what is known of it so far, and the journal of what is done to it. */
import type { AuditEvent, Made, OpenCredential, RegistrationFacts, StepFailure, StepOutcome } from "../audit/events.ts";
import { connect, delegatedGrantId, GraphError, type Tenant } from "../graph/graph.ts";
import type { Payload } from "../handoff/handoff.ts";
import type { Secret } from "../secret.ts";
import { anyOf, GRAPH_WORDS } from "../vocabulary.ts";
import type { DesiredRegistration } from "./desired.ts";
import type { Operation } from "./plan.ts";
import type { Abilities } from "./roles.ts";
import { type Actual, type Api, resourceOf } from "./snapshot.ts";

export type Journal = { record(...events: AuditEvent[]): Promise<void> };

export type Run = {
  journal: Journal;
  desired: readonly DesiredRegistration[];
  operations: readonly Operation[];
  actual: Actual;
  abilities: Abilities;
  known: Readonly<Record<string, RegistrationFacts>>;
  /** By registration: credentials that earlier tries may have left behind. */
  openCredentials: Readonly<Record<string, readonly OpenCredential[]>>;
  /** A colleague is known, or said, to have granted what this person may not grant. */
  awaitsGrants: boolean;
  admin: { tenantId: string; tenantName: string; objectId: string };
  token: (isFresh: boolean) => Promise<Secret>;
  /** Puts a registration into the handoff; the only place that a secret goes. */
  seal(registration: string, payload: Payload): Promise<void>;
  now: () => Date;
  newNonce: () => string;
};

export type RunResult = { outcome: "done" | "failed" | "awaiting-approval"; failure?: StepFailure };

/** The person's right to act ended in the middle of a run; it resumes after a new sign-in. */
export class SignInNeeded extends Error {
  override name = "SignInNeeded";
  constructor(
    readonly failure: StepFailure,
    /** What the new sign-in has to bring, as JSON. */
    readonly claims: string | null,
  ) {
    super(failure.message);
  }
}

/** Why a step stopped, in words for the admin. */
export class StepStopped extends Error {
  constructor(
    readonly outcome: "failed" | "needs-approver",
    readonly failure: StepFailure,
  ) {
    super(failure.message);
  }
}

const capital = (text: string) => text[0]?.toUpperCase() + text.slice(1);

/** What Graph's refusal means for the person, with what was tried and what Microsoft said. */
export function explain(error: GraphError, doing: string, roles?: readonly string[]): StepFailure {
  const { message, action, who } = GRAPH_WORDS[error.meaning];
  const until =
    error.meaning === "throttled" && error.retryAfterMs
      ? ` It asks to wait until ${new Date(Date.now() + error.retryAfterMs).toISOString().slice(11, 16)} UTC.`
      : "";
  return {
    message: `Microsoft did not ${doing}. ${message}${until}`,
    action,
    who: error.meaning === "denied" && roles?.length ? capital(anyOf(roles)) : who,
    code: error.code,
    said: error.message,
    tried: `${error.request.method} /v1.0${error.request.path}`,
    ...(error.requestId ? { requestId: error.requestId } : {}),
  };
}
const stoppedBy = (error: GraphError, doing: string, roles?: readonly string[]) =>
  new StepStopped(error.meaning === "denied" ? "needs-approver" : "failed", explain(error, doing, roles));

type Done = { note?: string; facts?: RegistrationFacts; notMade?: Made[] };

export class Site {
  readonly tenant: Tenant;
  appId: string;
  objectId: string;
  servicePrincipalId: string;
  /** Replication was met, so that one good read proves nothing yet. */
  metLag = false;
  /** An answer was lost on the way, so what is there already may be our own doing. */
  hasLostAnswers = false;
  openCredentials: readonly OpenCredential[];
  #pending: AuditEvent[] = [];
  #step = "";

  constructor(
    readonly run: Run,
    readonly desired: DesiredRegistration,
  ) {
    const existing = run.actual.registrations[desired.id];
    this.appId = existing?.appId ?? "";
    this.objectId = existing?.objectId ?? "";
    this.servicePrincipalId = existing?.servicePrincipalId ?? "";
    this.openCredentials = run.openCredentials[desired.id] ?? [];
    const stepOf = (tag: string | undefined) => tag ?? this.#step;
    this.tenant = connect({
      token: run.token,
      onIntent: (calls) =>
        this.flush({
          type: "graph.calling",
          detail: { calls: calls.map(({ tag, ...call }) => ({ step: stepOf(tag), ...call })) },
        }),
      onCall: ({ tag, ...call }) => {
        if (call.status === 0 || call.status >= 500) this.hasLostAnswers = true;
        this.note({ type: "graph.called", detail: { step: stepOf(tag), ...call } });
      },
      onWait: ({ reason, retryAt, words }) => {
        if (reason === "replication") this.metLag = true;
        return this.wait(words, retryAt, reason);
      },
    });
  }

  get existing() {
    return this.run.actual.registrations[this.desired.id] ?? null;
  }

  /** The account that delegated permissions are granted for; null when it is everyone. */
  get principalId(): string | null {
    const { consentAccount } = this.desired;
    return consentAccount ? (this.run.actual.accounts[consentAccount] ?? null) : null;
  }
  /** The id of the delegated grant on a resource. */
  grantId(resourceId: string) {
    return delegatedGrantId(this.servicePrincipalId, resourceId, this.principalId);
  }
  /** A resource that was added to the tenant moments ago. */
  learn(api: Api, body: unknown) {
    this.run.actual.resources[api] = resourceOf(body);
    return this.run.actual.resources[api];
  }

  /** A credential of this name may exist from now on, whatever becomes of the call. */
  startsCredential(step: string, name: string) {
    this.openCredentials = [...this.openCredentials, { name, at: this.run.now().toISOString() }];
    this.starts(step, { intent: name, makes: [{ kind: "credential", name }], facts: { openCredentials: [...this.openCredentials] } });
  }
  /** It is known now, or it is known not to exist. */
  knowsCredential(name: string): RegistrationFacts {
    this.openCredentials = this.openCredentials.filter((each) => each.name !== name);
    return { openCredentials: [...this.openCredentials] };
  }

  /** For the trail, with the next thing that is written there. */
  note(...events: AuditEvent[]) {
    this.#pending.push(...events);
  }
  async flush(...events: AuditEvent[]) {
    const all = [...this.#pending, ...events];
    this.#pending = [];
    if (all.length > 0) await this.run.journal.record(...all);
  }
  wait(words: string, retryAt: Date, reason: "replication" | "throttled" | "outage" = "replication") {
    return this.flush({ type: "step.waiting", detail: { step: this.#step, reason, retryAt: retryAt.toISOString(), words } });
  }

  /** The intent of a step; written before its first call. */
  starts(id: string, intent: { makes?: Made[]; facts?: RegistrationFacts; intent?: string } = {}) {
    this.#step = id;
    this.note({ type: "step.started", detail: { step: id, attempt: 1, registration: this.desired.id, ...intent } });
  }
  ends(id: string, outcome: StepOutcome, { note, facts, notMade }: Done = {}, failure?: StepFailure) {
    this.note({
      type: "step.finished",
      detail: {
        step: id,
        outcome,
        registration: this.desired.id,
        ...(note ? { note } : {}),
        ...(facts ? { facts } : {}),
        ...(notMade && notMade.length > 0 ? { notMade } : {}),
        ...(failure ? { failure } : {}),
      },
    });
  }
  /** A step that Graph refused, as a result of the run. */
  refused(id: string, error: GraphError, doing: string, roles?: readonly string[]): RunResult {
    requireSignIn(error);
    return this.stopped(id, stoppedBy(error, doing, roles));
  }
  stopped(id: string, { outcome, failure }: StepStopped): RunResult {
    this.ends(id, outcome, { facts: { openCredentials: [...this.openCredentials] } }, failure);
    return { outcome: outcome === "failed" ? "failed" : "awaiting-approval", failure };
  }

  /** A whole step: null when it was done. Throws for a bug, and when the person has to sign in again. */
  async step(
    { id, doing, roles, ...intent }: { id: string; doing: string; roles?: readonly string[]; makes?: Made[]; facts?: RegistrationFacts },
    work: () => Promise<Done>,
  ): Promise<RunResult | null> {
    this.starts(id, intent);
    try {
      this.ends(id, "done", await work());
      return null;
    } catch (error) {
      if (error instanceof StepStopped) return this.stopped(id, error);
      if (error instanceof GraphError) return this.refused(id, error, doing, roles);
      throw error;
    }
  }
}

/** @throws SignInNeeded when that is what Graph's refusal means */
export function requireSignIn(error: GraphError): void {
  if (error.meaning === "claims" || error.meaning === "unauthenticated") throw new SignInNeeded(explain(error, "go on"), error.claims);
}
