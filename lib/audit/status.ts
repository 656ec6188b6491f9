/**
 * Where an onboarding stands: a pure fold over its audit trail, and a pure reading of that fold.
 * Nobody sets a status; replaying the same trail gives the same one.
 */
import type { Choices } from "../catalogue/schema.ts";
import type {
  Actor,
  ApprovalItem,
  AuditEvent,
  Challenge,
  Finding,
  Made,
  ManualState,
  RegistrationFacts,
  Seen,
  StepFailure,
  StepOutcome,
} from "./events.ts";
import { type Reached, reachedBy } from "./stages.ts";

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
  state: "sealed" | "sent" | "opened" | "revealed" | "expired" | "revoked" | "locked";
  expiresAt: string;
  at: string;
  challenge?: Challenge;
  /** An unopened link's credential is taken out of the application again. */
  removes?: boolean;
  sentAt?: string;
  openedAt?: string;
  revealedAt?: string;
  how?: "mailed" | "copied" | "machine";
  to?: string;
  mailFailed?: string;
  openedBy?: Seen;
  revealedBy?: Seen;
  /** Collected by the vendor's own system; no person saw it. */
  wasCollected?: boolean;
  codeSentAt?: string;
  tries?: number;
  savedAt?: string;
  /** The contact says that somebody else opened it. */
  reportedAt?: string;
  /** The contact says that the product works with the values, or what it says instead. */
  worksAt?: string;
  failing?: { at: string; code: string | null; said: string };
};
type Outcome = "done" | "failed" | "awaiting-approval" | "plan-changed" | "sign-in-needed";
type RunProgress = {
  id: string;
  startedAt: string;
  finishedAt?: string;
  outcome?: Outcome;
  failure?: StepFailure;
  claims?: string;
  by: string;
  objectId: string;
};
export type ApprovalProgress = {
  id: string;
  at: string;
  by: string;
  username: string;
  objectId: string;
  expiresAt: string;
  message: string;
  items: ApprovalItem[];
  to: string | null;
  mailFailed?: string;
  openedAt?: string;
  state: "open" | "approved" | "rejected" | "withdrawn";
  decidedAt?: string;
  decidedBy?: string;
  decidedByObjectId?: string;
  reason?: string;
  approved: ApprovalItem[];
  declined: ApprovalItem[];
  /** The approver's run, which makes the grants. */
  run?: RunProgress;
};
export type Progress = {
  createdAt: string;
  /** The stages of the way so far, and when each was reached first. */
  reached?: Reached;
  expiresAt: string;
  openedAt?: string;
  revokedAt?: string;
  signedIn?: { at: string; tenantId: string; tenantName: string; domain: string; by: string };
  /** Who came in by the invitation's link, by object id. */
  admins?: string[];
  mismatch?: { at: string; tenantName: string; tenantId: string };
  /** The edition of the product's manifest that this was planned with. */
  manifestDigest?: string;
  choices?: Choices;
  chosenAt?: string;
  approved?: {
    at: string;
    digest: string;
    by: string;
    objectId: string;
    effects: Record<string, "create" | "change" | "same" | "blocked">;
    titles?: Record<string, string>;
  };
  consentRefused?: { at: string; code: string };
  /** What the tenant was approved to become when it turned out to be different. */
  outdated?: { at: string; effects: Record<string, string>; titles: Record<string, string> };
  mayShortenSecret?: boolean;
  approval?: ApprovalProgress;
  /** Microsoft's own consent page, in use for the new application. */
  consentPage?: { at: string; returnedAt?: string; error?: string };
  run?: RunProgress;
  undo?: { at: string; by: string; run?: RunProgress; steps: Step[] };
  /** The portal's own way out of the tenant. */
  departure?: { at: string; by: string; run?: RunProgress; steps: Step[] };
  /** The last look at whether everything is still as it was handed over. */
  health?: { at: string; by: string; findings: Finding[] };
  /** Findings that the admin said are as they should be, by key. */
  accepted?: string[];
  /** Secrets that are to go, by registration, and why; `run` takes them away. */
  removal?: { at: string; keys: Record<string, string[]>; reason: string; run?: RunProgress; steps: Step[] };
  /** The least days before its end that a secret was reminded of, by its id. */
  reminded?: Record<string, number>;
  /** How often the admin was reminded that something waits for them, and when last. */
  nudged?: { count: number; at: string };
  /** Who at the vendor sent the invitation. */
  invitedBy?: string;
  steps: Step[];
  registrations: Record<string, RegistrationFacts>;
  /** By registration: what was made, or was about to be, and is to be undone. */
  made: Record<string, Made[]>;
  manual: Record<string, { state: ManualState; note: string; at: string; by: string; checkAt?: string }>;
  /** Another recipient than the one that the vendor named. */
  recipient?: string;
  /** Made by the admin without this portal, and looked at. */
  byHand?: { at: string; by: string; missing: string[] };
  handoff?: HandoffProgress;
};

export const nothingYet: Progress = { createdAt: "", expiresAt: "", steps: [], registrations: {}, made: {}, manual: {} };

const withAdmin = ({ admins = [] }: Progress, actor: Actor) => ("objectId" in actor ? [...new Set([...admins, actor.objectId])] : admins);
const nameOf = (actor: Actor) => ("name" in actor ? actor.name : actor.kind);

/** The facts once these secrets are gone from the application. */
function withoutKeys(facts: RegistrationFacts, gone: readonly string[]): RegistrationFacts {
  const { formerKeys = [], ...rest } = facts;
  const left = formerKeys.filter(({ keyId }) => !gone.includes(keyId));
  const isCurrentGone = Boolean(facts.keyId && gone.includes(facts.keyId));
  return {
    ...rest,
    ...(left.length > 0 ? { formerKeys: left } : {}),
    ...(isCurrentGone ? { keyId: null, verifiedKeyId: null, secretEndsAt: null } : {}),
  };
}

/**
 * Older secrets that nothing holds back any more, by registration: the contact said that it works with the newer one, or
 * the time that both are valid for is over.
 */
export function supersededKeys({ registrations, handoff }: Progress, now: Date): Record<string, string[]> {
  const due = Object.entries(registrations).flatMap(([id, { formerKeys = [], keyId }]): [string, string[]][] => {
    const keys = keyId ? formerKeys.filter(({ endsAt }) => Boolean(handoff?.worksAt) || new Date(endsAt) <= now) : [];
    return keys.length > 0 ? [[id, keys.map((each) => each.keyId)]] : [];
  });
  return Object.fromEntries(due);
}

/** What the last look found and nobody has accepted. */
export const openFindings = ({ health, accepted = [] }: Progress): Finding[] =>
  (health?.findings ?? []).filter(({ key }) => !accepted.includes(key));

/** One event further. Total: an event that does not fit the state leaves it as it is. */
export function fold(before: Progress, event: AuditEvent, actor: Actor, at: string): Progress {
  const state = changed(before, event, actor, at);
  return { ...state, reached: reachedBy(before.reached ?? { invited: state.createdAt || at }, standing(state, new Date(at)).status, at) };
}

function changed(before: Progress, event: AuditEvent, actor: Actor, at: string): Progress {
  const state: Progress = { ...nothingYet, ...before };
  /** A run beside the main one has steps of its own. */
  const beside = (["undo", "removal", "departure"] as const).find((each) => state[each]?.run && !state[each]!.run!.finishedAt);
  const step = (id: string, change: (step: Step) => Step) => {
    const within = (steps: Step[]) => steps.map((candidate) => (candidate.id === id ? change(candidate) : candidate));
    if (beside === "removal") state.removal = { ...state.removal!, steps: within(state.removal!.steps) };
    else if (beside) state[beside] = { ...state[beside]!, steps: within(state[beside]!.steps) };
    else state.steps = within(state.steps);
  };
  /** What was under way when a run ended is not under way any more. */
  const settled = (steps: Step[]): Step[] =>
    steps.map(({ waiting: _, ...each }) => (["running", "waiting"].includes(each.state) ? { ...each, state: "todo" } : each));
  const remember = (registration: string | undefined, facts: RegistrationFacts | undefined) => {
    if (registration && facts)
      state.registrations = { ...state.registrations, [registration]: { ...state.registrations[registration], ...facts } };
  };
  const make = (registration: string | undefined, add: readonly Made[], remove: readonly Made[]) => {
    if (!registration || add.length + remove.length === 0) return;
    const key = (made: Made) => JSON.stringify(made);
    const gone = new Set(remove.map(key));
    const all = new Map([...(state.made[registration] ?? []), ...add].map((made) => [key(made), made]));
    state.made = { ...state.made, [registration]: [...all].filter(([id]) => !gone.has(id)).map(([, made]) => made) };
  };
  const approval = (id: string, change: Partial<ApprovalProgress>) => {
    if (state.approval?.id === id) state.approval = { ...state.approval, ...change };
  };
  const handoff = (id: string, change: Partial<HandoffProgress>) => {
    if (state.handoff?.id === id) state.handoff = { ...state.handoff, ...change, at };
  };
  switch (event.type) {
    case "onboarding.created":
      return {
        ...nothingYet,
        createdAt: at,
        expiresAt: event.detail.expiresAt,
        ...("username" in actor ? { invitedBy: actor.username } : {}),
        ...(event.detail.manifestDigest ? { manifestDigest: event.detail.manifestDigest } : {}),
      };
    case "invitation.opened":
      state.openedAt ??= at;
      return state;
    case "invitation.renewed":
    case "invitation.extended":
    case "invitation.asked-for":
      state.expiresAt = event.detail.expiresAt;
      return state;
    case "invitation.revoked":
      state.revokedAt = at;
      return state;
    case "admin.signed-in": {
      const { tenantId, tenantName, domain } = event.detail;
      state.signedIn = { at, tenantId, tenantName, domain, by: nameOf(actor) };
      state.admins = withAdmin(state, actor);
      delete state.mismatch;
      return state;
    }
    case "admin.joined":
      state.admins = withAdmin(state, actor);
      return state;
    case "tenant.refused":
      if (!state.signedIn) state.mismatch = { at, tenantName: event.detail.tenantName, tenantId: event.detail.tenantId };
      return state;
    case "manifest.changed":
      state.manifestDigest = event.detail.manifestDigest;
      delete state.approved;
      return state;
    case "contact.changed":
      // Whom the vendor names stands in the onboarding's own row.
      if (event.detail.by === "support") delete state.recipient;
      else state.recipient = event.detail.to;
      return state;
    case "admin.nudged":
      state.nudged = { count: (state.nudged?.count ?? 0) + 1, at };
      return state;
    case "by-hand.checked":
      state.byHand = { at, by: nameOf(actor), missing: event.detail.missing };
      for (const [id, facts] of Object.entries(event.detail.registrations)) remember(id, facts);
      return state;
    case "features.chosen":
      state.choices = event.detail.choices;
      state.chosenAt = at;
      delete state.approved;
      delete state.consentRefused;
      delete state.outdated;
      delete state.consentPage;
      if (state.undo?.run?.outcome === "done") delete state.undo;
      // What was asked for belonged to another plan.
      if (state.approval?.state === "open")
        state.approval = { ...state.approval, state: "withdrawn", decidedAt: at, reason: "The features were changed" };
      return state;
    case "plan.approved":
      state.approved = {
        at,
        digest: event.detail.digest,
        by: nameOf(actor),
        objectId: "objectId" in actor ? actor.objectId : "",
        effects: Object.fromEntries(event.detail.operations.map(({ id, effect }) => [id, effect])),
        titles: Object.fromEntries(event.detail.operations.map(({ id, title }) => [id, title])),
      };
      delete state.consentRefused;
      delete state.outdated;
      return state;
    case "plan.changed":
      if (state.approved) state.outdated = { at, effects: state.approved.effects, titles: state.approved.titles ?? {} };
      delete state.approved;
      return state;
    case "secret.shortened":
      state.mayShortenSecret = true;
      return state;
    case "approval.requested": {
      const { approvalId, expiresAt, message, items, to } = event.detail;
      const { username, objectId } = { username: "", objectId: "", ...actor };
      state.approval = {
        id: approvalId,
        at,
        by: nameOf(actor),
        username,
        objectId,
        expiresAt,
        message,
        items,
        to,
        state: "open",
        approved: [],
        declined: [],
      };
      return state;
    }
    case "approval.mail-failed":
      if (state.approval) state.approval = { ...state.approval, mailFailed: event.detail.reason };
      return state;
    case "approval.opened":
      if (state.approval && !state.approval.openedAt) approval(event.detail.approvalId, { openedAt: at });
      return state;
    case "approval.approved": {
      const { approvalId, items, declined, reason } = event.detail;
      const { objectId } = { objectId: "", ...actor };
      approval(approvalId, {
        state: "approved",
        decidedAt: at,
        decidedBy: nameOf(actor),
        decidedByObjectId: objectId,
        approved: items,
        declined,
        reason,
      });
      return state;
    }
    case "approval.rejected":
      approval(event.detail.approvalId, { state: "rejected", decidedAt: at, decidedBy: nameOf(actor), reason: event.detail.reason });
      return state;
    case "approval.withdrawn":
      approval(event.detail.approvalId, { state: "withdrawn", decidedAt: at, decidedBy: nameOf(actor), reason: event.detail.reason });
      return state;
    case "consent-page.prepared":
      state.consentPage = { at };
      return state;
    case "consent-page.returned": {
      const { error } = event.detail;
      if (state.consentPage) state.consentPage = { at: state.consentPage.at, returnedAt: at, ...(error ? { error } : {}) };
      return state;
    }
    case "undo.approved":
      state.undo = { at, by: nameOf(actor), steps: [] };
      return state;
    case "undo.finished":
      state.registrations = {};
      state.made = {};
      state.steps = [];
      delete state.approved;
      delete state.run;
      delete state.approval;
      delete state.consentPage;
      delete state.mayShortenSecret;
      delete state.health;
      delete state.accepted;
      return state;
    case "health.checked": {
      const { findings, accepted = [] } = event.detail;
      const all = [...new Set([...(state.accepted ?? []), ...accepted])];
      state.health = { at, by: nameOf(actor), findings };
      // What is not there any more is news again when it comes back.
      state.accepted = all.filter((key) => findings.some((finding) => finding.key === key));
      return state;
    }
    case "health.accepted":
      state.accepted = [...new Set([...(state.accepted ?? []), event.detail.key])];
      return state;
    case "departure.approved":
      state.departure = { at, by: nameOf(actor), steps: [] };
      return state;
    case "departure.finished":
      return state;
    case "consent.refused":
      state.consentRefused = { at, code: event.detail.code };
      return state;
    case "run.started": {
      const { runId, steps, kind = "provision" } = event.detail;
      const run: RunProgress = { id: runId, startedAt: at, by: nameOf(actor), objectId: "objectId" in actor ? actor.objectId : "" };
      const fresh = steps.map(({ id, title }): Step => ({ id, title, state: "todo", attempts: 0 }));
      // Whoever runs anything here was let in again.
      if (kind !== "departure") delete state.departure;
      if (kind === "removal") {
        if (state.removal) state.removal = { ...state.removal, run, steps: fresh };
      } else if (kind === "undo") state.undo = { ...(state.undo ?? { at, by: nameOf(actor) }), run, steps: fresh };
      else if (kind === "departure") state.departure = { ...(state.departure ?? { at, by: nameOf(actor) }), run, steps: fresh };
      else if (kind === "approval") {
        if (state.approval) state.approval = { ...state.approval, run };
        const again = new Map(fresh.map((each) => [each.id, each]));
        // The approver's steps are part of the admin's list; what is new goes to its end.
        state.steps = [
          ...state.steps.map((each) => (again.has(each.id) ? { ...again.get(each.id)!, attempts: each.attempts } : each)),
          ...fresh.filter(({ id }) => !state.steps.some((each) => each.id === id)),
        ];
      } else {
        const before = new Map(state.steps.map((each) => [each.id, each.attempts]));
        state.run = run;
        state.steps = fresh.map((each) => ({ ...each, attempts: before.get(each.id) ?? 0 }));
      }
      return state;
    }
    case "run.finished": {
      const { runId, outcome, failure, claims } = event.detail;
      const finished = (run: RunProgress): RunProgress => ({
        ...run,
        finishedAt: at,
        outcome,
        ...(failure ? { failure } : {}),
        ...(claims ? { claims } : {}),
      });
      if (state.run?.id === runId) {
        state.run = finished(state.run);
        // Everything was read back just now.
        if (outcome === "done" && state.health)
          state.health = { ...state.health, findings: state.health.findings.filter(({ remedy }) => remedy === "entra") };
      }
      if (state.undo?.run?.id === runId) state.undo = { ...state.undo, run: finished(state.undo.run), steps: settled(state.undo.steps) };
      if (state.departure?.run?.id === runId)
        state.departure = { ...state.departure, run: finished(state.departure.run), steps: settled(state.departure.steps) };
      if (state.removal?.run?.id === runId) {
        if (outcome === "done") {
          const gone = state.removal.keys;
          state.registrations = Object.fromEntries(
            Object.entries(state.registrations).map(([id, facts]) => [id, withoutKeys(facts, gone[id] ?? [])]),
          );
          delete state.removal;
        } else state.removal = { ...state.removal, run: finished(state.removal.run), steps: settled(state.removal.steps) };
      }
      if (state.approval?.run?.id === runId) {
        const refused = outcome === "awaiting-approval";
        state.approval = { ...state.approval, run: finished(state.approval.run), ...(refused ? { state: "open" as const } : {}) };
      }
      state.steps = settled(state.steps);
      return state;
    }
    case "step.started": {
      const { registration, makes = [], facts } = event.detail;
      step(event.detail.step, ({ id, title, attempts }) => ({ id, title, state: "running", attempts: attempts + 1, startedAt: at }));
      make(registration, makes, []);
      remember(registration, facts);
      return state;
    }
    case "step.waiting": {
      const { reason, retryAt, words } = event.detail;
      step(event.detail.step, (s) => ({ ...s, state: "waiting", waiting: { reason, retryAt, words, since: s.waiting?.since ?? at } }));
      return state;
    }
    case "step.finished": {
      const { outcome, note, registration, facts, failure, notMade = [] } = event.detail;
      step(event.detail.step, ({ waiting: _, ...s }) => ({
        ...s,
        state: outcome,
        finishedAt: at,
        ...(note ? { note } : {}),
        ...(failure ? { failure } : {}),
      }));
      remember(registration, facts);
      make(registration, [], notMade);
      return state;
    }
    case "graph.called":
      step(event.detail.step, (s) => ({ ...s, requestId: event.detail.requestId }));
      return state;
    case "manual.changed":
      state.manual = {
        ...state.manual,
        [event.detail.step]: {
          ...{ state: event.detail.state, note: event.detail.note, at, by: nameOf(actor) },
          ...(event.detail.checkAt ? { checkAt: event.detail.checkAt } : {}),
        },
      };
      return state;
    case "credential.discarded":
      state.registrations = Object.fromEntries(
        Object.entries(state.registrations).map(([id, facts]) => [id, { ...facts, keyId: null, verifiedKeyId: null, secretEndsAt: null }]),
      );
      return state;
    case "credential.rotated":
      state.registrations = Object.fromEntries(
        Object.entries(state.registrations).map(([id, { keyId, ...facts }]) => [
          id,
          keyId
            ? {
                ...facts,
                keyId: null,
                verifiedKeyId: null,
                formerKeys: [...(facts.formerKeys ?? []), { keyId, endsAt: event.detail.overlapEndsAt }],
              }
            : { ...facts, keyId: keyId ?? null },
        ]),
      );
      return state;
    case "credential.removal-due":
      state.removal = { at, keys: event.detail.keys, reason: event.detail.reason, steps: [] };
      return state;
    case "credential.reminded":
      state.reminded = { ...state.reminded, [event.detail.keyId]: event.detail.days };
      return state;
    case "handoff.created":
      state.handoff = { id: event.detail.handoffId, state: "sealed", expiresAt: event.detail.expiresAt, at };
      return state;
    case "handoff.sent": {
      const { handoffId, how, to, challenge, expiresAt, removes } = event.detail;
      handoff(handoffId, {
        ...{ state: "sent", sentAt: at, how, to },
        ...(challenge ? { challenge } : {}),
        ...(expiresAt ? { expiresAt } : {}),
        ...(removes === undefined ? {} : { removes }),
      });
      return state;
    }
    case "handoff.mail-failed":
      handoff(event.detail.handoffId, { mailFailed: event.detail.reason });
      return state;
    case "handoff.opened":
      if (state.handoff?.state === "sent")
        handoff(event.detail.handoffId, { state: "opened", openedAt: at, ...(event.detail.seen ? { openedBy: event.detail.seen } : {}) });
      return state;
    case "handoff.code-sent":
      handoff(event.detail.handoffId, { codeSentAt: at });
      return state;
    case "handoff.challenge-failed":
      handoff(event.detail.handoffId, { tries: event.detail.tries });
      return state;
    case "handoff.locked":
      handoff(event.detail.handoffId, { state: "locked", tries: event.detail.tries });
      return state;
    case "handoff.revealed":
      handoff(event.detail.handoffId, {
        state: "revealed",
        revealedAt: at,
        ...(event.detail.seen ? { revealedBy: event.detail.seen } : {}),
        ...(event.detail.how === "machine" ? { wasCollected: true } : {}),
      });
      return state;
    case "handoff.saved":
      handoff(event.detail.handoffId, { savedAt: at });
      return state;
    case "handoff.reported":
      handoff(event.detail.handoffId, { reportedAt: at });
      return state;
    case "handoff.confirmed":
      handoff(event.detail.handoffId, { worksAt: at });
      if (state.handoff?.failing) {
        const { failing: _, ...rest } = state.handoff;
        state.handoff = rest;
      }
      return state;
    case "handoff.failing":
      handoff(event.detail.handoffId, { failing: { at, code: event.detail.code, said: event.detail.said } });
      return state;
    case "handoff.expired":
      handoff(event.detail.handoffId, { state: "expired" });
      return state;
    case "handoff.revoked":
      handoff(event.detail.handoffId, { state: "revoked" });
      return state;
    case "invitation.mailed":
    case "invitation.expired":
    case "mail.sent":
    case "mail.failed":
    case "invitation.mail-failed":
    case "approval.mailed":
    case "graph.calling":
    case "handoff.code-failed":
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
  | "offboarding"
  | "offboarded"
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
  const { handoff, run, undo, approval, byHand } = state;
  const isMade = run?.outcome === "done" || (!run && byHand?.missing.length === 0);
  const microsoftOr = (steps: Step[], otherwise: WaitingFor) => (steps.some((step) => step.state === "waiting") ? "microsoft" : otherwise);
  if (undo?.run) {
    if (undo.run.outcome === "done") return is("offboarded", "nobody", undo.run.finishedAt);
    return undo.run.finishedAt
      ? is("attention", "admin", undo.run.finishedAt)
      : is("offboarding", microsoftOr(undo.steps, "nobody"), undo.run.startedAt);
  }
  if (approval?.run && !approval.run.finishedAt) return is("provisioning", microsoftOr(state.steps, "nobody"), approval.run.startedAt);
  if (handoff?.state === "revealed" && handoff.reportedAt && isMade) return is("attention", "admin", handoff.reportedAt);
  if (handoff?.state === "revealed" && handoff.failing && isMade) return is("attention", "admin", handoff.failing.at);
  // Somebody has to look: the vendor's support sees that too.
  if (handoff?.state === "revealed" && isMade && openFindings(state).length > 0) return is("attention", "admin", state.health?.at);
  if (handoff?.state === "revealed" && isMade) return is("live", "nobody", handoff.revealedAt);
  if (run && !run.finishedAt) {
    return is("provisioning", microsoftOr(state.steps, "nobody"), run.startedAt);
  }
  if (run?.outcome === "awaiting-approval" && approval && (approval.decidedAt ?? "") > (run.finishedAt ?? "")) {
    if (approval.state === "rejected") return is("attention", "admin", approval.decidedAt);
    if (approval.state === "approved")
      return approval.run?.outcome === "done"
        ? is("planned", "admin", approval.run.finishedAt)
        : is("awaiting_approval", "approver", approval.decidedAt);
  }
  if (run?.outcome === "awaiting-approval") return is("awaiting_approval", "approver", run.finishedAt);
  if (run?.outcome === "failed" || run?.outcome === "sign-in-needed") return is("attention", "admin", run.finishedAt);
  if (isMade && handoff) {
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
