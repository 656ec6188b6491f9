import fc from "fast-check";
import { expect, test } from "vitest";
import type { Actor, AuditEvent } from "./events";
import { fold, nothingYet, type Progress, standing } from "./status";

const admin: Actor = { kind: "admin", objectId: "o", tenantId: "t", name: "Adele", username: "adele@contoso.com" };
const at = (minute: number) => new Date(Date.UTC(2026, 10, 22, 10, minute)).toISOString();
const created: AuditEvent = {
  type: "onboarding.created",
  detail: { productId: "p", manifestVersion: 1, customerName: "C", expectedDomain: "c.example", offered: [], expiresAt: at(59) },
};
const replay = (...events: AuditEvent[]) =>
  events.reduce<Progress>((state, event, index) => fold(state, event, admin, at(index)), nothingYet);
const statusAfter = (...events: AuditEvent[]) => standing(replay(created, ...events), new Date(at(30)));

const opened: AuditEvent = { type: "invitation.opened", detail: {} };
const signedIn: AuditEvent = { type: "admin.signed-in", detail: { tenantId: "t", tenantName: "C", domain: "c.example", roles: [] } };
const chosen: AuditEvent = {
  type: "features.chosen",
  detail: { choices: { features: ["a"], variants: {}, answers: {}, layout: "single", variables: {}, instances: {}, adopt: {} } },
};
const approved: AuditEvent = { type: "plan.approved", detail: { digest: "d", basis: "read", operations: [] } };
const started: AuditEvent = { type: "run.started", detail: { runId: "r", steps: [{ id: "s", title: "Step" }] } };
const finished = (outcome: "done" | "failed" | "awaiting-approval"): AuditEvent => ({
  type: "run.finished",
  detail: { runId: "r", outcome },
});
const sealed: AuditEvent = { type: "handoff.created", detail: { handoffId: "h", expiresAt: at(59) } };
const sent: AuditEvent = { type: "handoff.sent", detail: { handoffId: "h", how: "mailed", to: "maria" } };
const revealed: AuditEvent = { type: "handoff.revealed", detail: { handoffId: "h" } };

const item = { step: "s", api: "graph", kind: "application", value: "User.Read.All" } as const;
const asked: AuditEvent = {
  type: "approval.requested",
  detail: { approvalId: "a", expiresAt: at(59), message: "", items: [item], to: null },
};
const rejected: AuditEvent = { type: "approval.rejected", detail: { approvalId: "a", reason: "no" } };
const granted: AuditEvent = { type: "approval.approved", detail: { approvalId: "a", items: [item], declined: [], reason: "" } };
const startedAs = (kind: "approval" | "undo"): AuditEvent => ({
  type: "run.started",
  detail: { runId: kind, steps: [{ id: "s", title: "Step" }], kind },
});
const finishedAs = (runId: string, outcome: "done" | "awaiting-approval" = "done"): AuditEvent => ({
  type: "run.finished",
  detail: { runId, outcome },
});
const missing = { key: "m", registration: "r", kind: "missing", title: "", detail: "", remedy: "plan" } as const;
const extra = { key: "e", registration: "r", kind: "extra-permission", title: "", detail: "", remedy: "entra" } as const;
const looked = (...findings: (typeof missing | typeof extra)[]): AuditEvent => ({ type: "health.checked", detail: { findings } });
const acceptedAs = (key: string): AuditEvent => ({ type: "health.accepted", detail: { key, title: "" } });
const undoing: AuditEvent = { type: "undo.approved", detail: { digest: "d", operations: [] } };
const undone: AuditEvent = { type: "undo.finished", detail: {} };

test.each([
  ["invited", "admin", []],
  ["opened", "admin", [opened]],
  ["choosing", "admin", [opened, signedIn]],
  ["planned", "admin", [opened, signedIn, chosen]],
  ["provisioning", "nobody", [opened, signedIn, chosen, approved, started]],
  [
    "provisioning",
    "microsoft",
    [
      signedIn,
      chosen,
      approved,
      started,
      { type: "step.waiting", detail: { step: "s", reason: "replication", retryAt: at(9), words: "" } },
    ],
  ],
  ["awaiting_approval", "approver", [signedIn, chosen, approved, started, finished("awaiting-approval")]],
  ["attention", "admin", [signedIn, chosen, approved, started, finished("failed")]],
  ["ready_for_handoff", "admin", [signedIn, chosen, approved, started, sealed, finished("done")]],
  ["handed_off", "contact", [signedIn, chosen, approved, started, sealed, finished("done"), sent]],
  ["live", "nobody", [signedIn, chosen, approved, started, sealed, finished("done"), sent, revealed]],
  ["live", "nobody", [signedIn, chosen, approved, started, sealed, finished("done"), sent, revealed, looked()]],
  ["attention", "admin", [signedIn, chosen, approved, started, sealed, finished("done"), sent, revealed, looked(missing, extra)]],
  ["live", "nobody", [signedIn, chosen, approved, started, sealed, finished("done"), sent, revealed, looked(extra), acceptedAs("e")]],
  // What was accepted is looked at anew when it had been gone in between.
  [
    "attention",
    "admin",
    [
      signedIn,
      chosen,
      approved,
      started,
      sealed,
      finished("done"),
      sent,
      revealed,
      looked(extra),
      acceptedAs("e"),
      looked(),
      looked(extra),
    ],
  ],
  // A run that ended well has read back what was missing; what others added is still there.
  [
    "live",
    "nobody",
    [signedIn, chosen, approved, started, sealed, finished("done"), sent, revealed, looked(missing), started, finished("done")],
  ],
  [
    "attention",
    "admin",
    [signedIn, chosen, approved, started, sealed, finished("done"), sent, revealed, looked(extra), started, finished("done")],
  ],
  ["attention", "admin", [signedIn, chosen, approved, started, finished("awaiting-approval"), asked, rejected]],
  ["awaiting_approval", "approver", [signedIn, chosen, approved, started, finished("awaiting-approval"), asked]],
  ["awaiting_approval", "approver", [signedIn, chosen, approved, started, finished("awaiting-approval"), asked, granted]],
  ["provisioning", "nobody", [signedIn, chosen, approved, started, finished("awaiting-approval"), asked, granted, startedAs("approval")]],
  [
    "planned",
    "admin",
    [signedIn, chosen, approved, started, finished("awaiting-approval"), asked, granted, startedAs("approval"), finishedAs("approval")],
  ],
  ["offboarding", "nobody", [signedIn, chosen, approved, started, finished("done"), undoing, startedAs("undo")]],
  ["offboarded", "nobody", [signedIn, chosen, approved, started, finished("done"), undoing, startedAs("undo"), finishedAs("undo"), undone]],
  [
    "planned",
    "admin",
    [signedIn, chosen, approved, started, finished("done"), undoing, startedAs("undo"), finishedAs("undo"), undone, chosen],
  ],
  ["cancelled", "nobody", [opened, { type: "invitation.revoked", detail: {} }]],
] as [string, string, AuditEvent[]][])("%s waits for %s", (status, waitingFor, events) => {
  expect(statusAfter(...events)).toMatchObject({ status, waitingFor });
});

test("an invitation expires at its instant, unless it was taken up", () => {
  const edge = new Date(at(59));
  expect(standing(replay(created), new Date(edge.getTime() - 1)).status).toBe("invited");
  expect(standing(replay(created), edge).status).toBe("expired");
  expect(standing(replay(created, signedIn), edge).status).toBe("choosing");
});

test("the same trail replayed gives the same status, and no trail makes it throw", () => {
  const any = fc.constantFrom(
    created,
    opened,
    signedIn,
    chosen,
    approved,
    started,
    finished("done"),
    finished("failed"),
    sealed,
    sent,
    revealed,
    asked,
    rejected,
    granted,
    startedAs("approval"),
    finishedAs("approval"),
    finishedAs("approval", "awaiting-approval"),
    undoing,
    startedAs("undo"),
    finishedAs("undo"),
    undone,
    { type: "plan.changed", detail: { digest: "d" } } as AuditEvent,
    { type: "secret.shortened", detail: {} } as AuditEvent,
    { type: "approval.opened", detail: { approvalId: "a" } } as AuditEvent,
    { type: "approval.withdrawn", detail: { approvalId: "a", reason: "" } } as AuditEvent,
    { type: "consent-page.prepared", detail: {} } as AuditEvent,
    { type: "consent-page.returned", detail: { error: "access_denied" } } as AuditEvent,
    {
      type: "step.started",
      detail: { step: "s", attempt: 1, registration: "r", makes: [{ kind: "application" }], facts: { openCredentials: [] } },
    } as AuditEvent,
    { type: "step.waiting", detail: { step: "s", reason: "throttled", retryAt: at(9), words: "" } } as AuditEvent,
    {
      type: "step.finished",
      detail: { step: "s", outcome: "done", registration: "r", facts: { appId: "x" }, notMade: [{ kind: "application" }] },
    } as AuditEvent,
  );
  fc.assert(
    fc.property(fc.array(any, { maxLength: 30 }), (events) => {
      const first = replay(...events);
      expect(replay(...events)).toEqual(first);
      expect(standing(first, new Date(at(30)))).toEqual(standing(JSON.parse(JSON.stringify(first)), new Date(at(30))));
    }),
  );
});

test("what was about to be made is remembered until it turns out not to be ours; undoing forgets it", () => {
  const role = { kind: "role", resourceId: "g", appRoleId: "1", value: "User.Read.All" } as const;
  const begun: AuditEvent = {
    type: "step.started",
    detail: { step: "s", attempt: 1, registration: "r", makes: [{ kind: "application" }, role] },
  };
  const taken: AuditEvent = { type: "step.finished", detail: { step: "s", outcome: "done", registration: "r", notMade: [role] } };
  expect(replay(created, started, begun, begun).made).toEqual({ r: [{ kind: "application" }, role] });
  expect(replay(created, started, begun, taken).made).toEqual({ r: [{ kind: "application" }] });
  expect(replay(created, started, begun, undoing, startedAs("undo"), finishedAs("undo"), undone).made).toEqual({});
});

test("a request for approval is void when the features change, and open again when Microsoft refuses the approver", () => {
  const before = [created, signedIn, chosen, approved, started, finished("awaiting-approval"), asked];
  expect(replay(...before, chosen).approval?.state).toBe("withdrawn");
  expect(replay(...before, granted, startedAs("approval"), finishedAs("approval", "awaiting-approval")).approval?.state).toBe("open");
});
