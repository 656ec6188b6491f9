/**
 * Where an onboarding stands: a pure fold over its audit trail, and a pure reading of that fold.
 * Nobody sets a status; replaying the same trail gives the same one.
 */
import type { Choices } from "../catalogue/schema.ts";
import type { Actor, AuditEvent, RegistrationFacts, StepFailure, StepOutcome } from "./events.ts";

export type StepState = "todo" | "running" | "waiting" | StepOutcome;
export type Step = {
  id: string;
  title: string;
  state: StepState;
  attempts: number;
  startedAt?: string;
  finishedAt?: string;
  waiting?: { reason: string; retryAt: string; words: string; since: string };
  note?: string;
  failure?: StepFailure;
  requestId?: string;
};
export type HandoffProgress = {
  id: string;
  state: "sealed" | "sent" | "opened" | "revealed" | "expired" | "revoked";
  expiresAt: string;
  at: string;
  sentAt?: string;
  openedAt?: string;
  revealedAt?: string;
  how?: "mailed" | "copied";
  to?: string;
  mailFailed?: string;
};
export type Progress = {
  createdAt: string;
  expiresAt: string;
  openedAt?: string;
  revokedAt?: string;
  signedIn?: { at: string; tenantId: string; tenantName: string; domain: string; by: string };
  mismatch?: { at: string; tenantName: string; tenantId: string };
  choices?: Choices;
  chosenAt?: string;
  approved?: {
    at: string;
    digest: string;
    by: string;
    objectId: string;
    effects: Record<string, "create" | "change" | "same" | "blocked">;
  };
  consentRefused?: { at: string; code: string };
  run?: {
    id: string;
    startedAt: string;
    finishedAt?: string;
    outcome?: "done" | "failed" | "awaiting-approval" | "plan-changed" | "sign-in-needed";
    failure?: StepFailure;
    by: string;
  };
  steps: Step[];
  registrations: Record<string, RegistrationFacts>;
  manual: Record<string, { state: "done" | "not-applicable" | "todo"; note: string; at: string; by: string }>;
  handoff?: HandoffProgress;
};

export const nothingYet: Progress = { createdAt: "", expiresAt: "", steps: [], registrations: {}, manual: {} };

const nameOf = (actor: Actor) => ("name" in actor ? actor.name : actor.kind);

/** One event further. Total: an event that does not fit the state leaves it as it is. */
export function fold(before: Progress, event: AuditEvent, actor: Actor, at: string): Progress {
  const state = { ...before };
  const step = (id: string, change: (step: Step) => Step) => {
    state.steps = state.steps.map((candidate) => (candidate.id === id ? change(candidate) : candidate));
  };
  const handoff = (id: string, change: Partial<HandoffProgress>) => {
    if (state.handoff?.id === id) state.handoff = { ...state.handoff, ...change, at };
  };
  switch (event.type) {
    case "onboarding.created":
      return { ...nothingYet, createdAt: at, expiresAt: event.detail.expiresAt };
    case "invitation.opened":
      state.openedAt ??= at;
      return state;
    case "invitation.renewed":
      state.expiresAt = event.detail.expiresAt;
      return state;
    case "invitation.revoked":
      state.revokedAt = at;
      return state;
    case "admin.signed-in": {
      const { tenantId, tenantName, domain } = event.detail;
      state.signedIn = { at, tenantId, tenantName, domain, by: nameOf(actor) };
      delete state.mismatch;
      return state;
    }
    case "tenant.refused":
      if (!state.signedIn) state.mismatch = { at, tenantName: event.detail.tenantName, tenantId: event.detail.tenantId };
      return state;
    case "features.chosen":
      state.choices = event.detail.choices;
      state.chosenAt = at;
      delete state.approved;
      delete state.consentRefused;
      return state;
    case "plan.approved":
      state.approved = {
        at,
        digest: event.detail.digest,
        by: nameOf(actor),
        objectId: "objectId" in actor ? actor.objectId : "",
        effects: Object.fromEntries(event.detail.operations.map(({ id, effect }) => [id, effect])),
      };
      delete state.consentRefused;
      return state;
    case "plan.changed":
      delete state.approved;
      return state;
    case "consent.refused":
      state.consentRefused = { at, code: event.detail.code };
      return state;
    case "run.started":
      state.run = { id: event.detail.runId, startedAt: at, by: nameOf(actor) };
      state.steps = event.detail.steps.map(({ id, title }) => ({ id, title, state: "todo", attempts: 0 }));
      return state;
    case "run.finished": {
      const { runId, outcome, failure } = event.detail;
      if (state.run?.id === runId) state.run = { ...state.run, finishedAt: at, outcome, ...(failure ? { failure } : {}) };
      // What was under way when the run ended is not under way any more.
      state.steps = state.steps.map((each) =>
        each.state === "running" || each.state === "waiting"
          ? { id: each.id, title: each.title, state: "todo", attempts: each.attempts }
          : each,
      );
      return state;
    }
    case "step.started":
      step(event.detail.step, ({ id, title }) => ({ id, title, state: "running", attempts: event.detail.attempt, startedAt: at }));
      return state;
    case "step.waiting": {
      const { reason, retryAt, words } = event.detail;
      step(event.detail.step, (s) => ({ ...s, state: "waiting", waiting: { reason, retryAt, words, since: s.waiting?.since ?? at } }));
      return state;
    }
    case "step.finished": {
      const { outcome, note, registration, facts, failure } = event.detail;
      step(event.detail.step, ({ waiting: _, ...s }) => ({
        ...s,
        state: outcome,
        finishedAt: at,
        ...(note ? { note } : {}),
        ...(failure ? { failure } : {}),
      }));
      if (registration && facts)
        state.registrations = { ...state.registrations, [registration]: { ...state.registrations[registration], ...facts } };
      return state;
    }
    case "graph.called":
      step(event.detail.step, (s) => ({ ...s, requestId: event.detail.requestId }));
      return state;
    case "manual.changed":
      state.manual = {
        ...state.manual,
        [event.detail.step]: { state: event.detail.state, note: event.detail.note, at, by: nameOf(actor) },
      };
      return state;
    case "credential.discarded":
      state.registrations = Object.fromEntries(
        Object.entries(state.registrations).map(([id, facts]) => [id, { ...facts, keyId: null, verifiedKeyId: null, secretEndsAt: null }]),
      );
      return state;
    case "handoff.created":
      state.handoff = { id: event.detail.handoffId, state: "sealed", expiresAt: event.detail.expiresAt, at };
      return state;
    case "handoff.sent":
      handoff(event.detail.handoffId, { state: "sent", sentAt: at, how: event.detail.how, to: event.detail.to });
      return state;
    case "handoff.mail-failed":
      handoff(event.detail.handoffId, { mailFailed: event.detail.reason });
      return state;
    case "handoff.opened":
      if (state.handoff?.state === "sent") handoff(event.detail.handoffId, { state: "opened", openedAt: at });
      return state;
    case "handoff.revealed":
      handoff(event.detail.handoffId, { state: "revealed", revealedAt: at });
      return state;
    case "handoff.expired":
      handoff(event.detail.handoffId, { state: "expired" });
      return state;
    case "handoff.revoked":
      handoff(event.detail.handoffId, { state: "revoked" });
      return state;
    case "invitation.mailed":
    case "invitation.mail-failed":
      return state;
  }
}

export type Status =
  | "invited"
  | "opened"
  | "signed_in"
  | "blocked"
  | "choosing"
  | "planned"
  | "provisioning"
  | "awaiting_approval"
  | "attention"
  | "ready_for_handoff"
  | "handed_off"
  | "live"
  | "expired"
  | "cancelled";
export type WaitingFor = "admin" | "approver" | "contact" | "vendor" | "microsoft" | "nobody";
export type Standing = { status: Status; waitingFor: WaitingFor; since: string };

/** The status, who has to act next and since when. `now` decides only whether an unused invitation has expired. */
export function standing(state: Progress, now: Date): Standing {
  const is = (status: Status, waitingFor: WaitingFor, since: string | undefined): Standing => ({
    status,
    waitingFor,
    since: since ?? state.createdAt,
  });
  if (state.revokedAt) return is("cancelled", "nobody", state.revokedAt);
  const { handoff, run } = state;
  if (handoff?.state === "revealed") return is("live", "nobody", handoff.revealedAt);
  if (run && !run.finishedAt) {
    const isWaiting = state.steps.some((step) => step.state === "waiting");
    return is("provisioning", isWaiting ? "microsoft" : "nobody", run.startedAt);
  }
  if (run?.outcome === "awaiting-approval") return is("awaiting_approval", "approver", run.finishedAt);
  if (run?.outcome === "failed" || run?.outcome === "sign-in-needed") return is("attention", "admin", run.finishedAt);
  if (run?.outcome === "done" && handoff) {
    if (handoff.state === "sealed") return is("ready_for_handoff", "admin", handoff.at);
    if (handoff.state === "sent" || handoff.state === "opened") return is("handed_off", "contact", handoff.at);
    return is("attention", "admin", handoff.at);
  }
  if (state.consentRefused) return is("blocked", "admin", state.consentRefused.at);
  if (state.choices) return is("planned", "admin", state.chosenAt);
  if (state.signedIn) return is("choosing", "admin", state.signedIn.at);
  if (state.mismatch) return is("blocked", "admin", state.mismatch.at);
  if (state.expiresAt && new Date(state.expiresAt) <= now) return is("expired", "vendor", state.expiresAt);
  if (state.openedAt) return is("opened", "admin", state.openedAt);
  return is("invited", "admin", state.createdAt);
}
