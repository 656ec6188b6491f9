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
  detail: { choices: { features: ["a"], variants: {}, answers: {}, layout: "single" } },
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
  );
  fc.assert(
    fc.property(fc.array(any, { maxLength: 30 }), (events) => {
      const first = replay(...events);
      expect(replay(...events)).toEqual(first);
      expect(standing(first, new Date(at(30)))).toEqual(standing(JSON.parse(JSON.stringify(first)), new Date(at(30))));
    }),
  );
});
