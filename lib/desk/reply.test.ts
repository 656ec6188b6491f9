import { expect, test } from "vitest";
import { nothingYet, type Progress, type Status } from "../audit/status";
import { suggestedReply } from "./reply";

const replyTo = (status: Status, change: Partial<Progress> = {}) =>
  suggestedReply({
    customerName: "Contoso Ltd",
    expectedDomain: "contoso.com",
    product: "Cirrus Connect",
    progress: { ...nothingYet, ...change },
    standing: { status, waitingFor: "admin", since: "2026-11-22T12:00:00Z" },
  });

test("a failure becomes a reply with what happened, what to do, who can, and Microsoft's number for it", () => {
  const failure = {
    message: "Your tenant forbids secrets.",
    action: "Allow them for this app.",
    who: "The policy's owner",
    requestId: "r-1",
  };
  const reply = replyTo("attention", {
    run: { id: "r", startedAt: "", finishedAt: "", outcome: "failed", by: "A", objectId: "o", failure } as never,
  })!;
  for (const words of [failure.message, failure.action, failure.who, "r-1", "Contoso Ltd", "Cirrus Connect"])
    expect(reply).toContain(words);
});

test("somebody who signed in to another tenant is told which one is meant", () => {
  const reply = replyTo("blocked", { mismatch: { at: "", tenantName: "Fabrikam", tenantId: "t" } })!;
  expect(reply).toContain("Fabrikam");
  expect(reply).toContain("contoso.com");
});

test.each<Status>(["invited", "opened", "expired", "choosing", "planned", "awaiting_approval", "ready_for_handoff", "attention"])(
  "%s: there is something to write",
  (status) => expect(replyTo(status)).toContain("Hello,"),
);

test.each<Status>(["live", "cancelled", "handed_off", "provisioning", "offboarded"])("%s: the customer has nothing to do", (status) =>
  expect(replyTo(status)).toBeNull(),
);

test("a tenant that is not as it was handed over: the reply names each thing that nobody accepted", () => {
  const finding = (key: string, title: string) =>
    ({ key, title, registration: "server", kind: "missing", detail: "d", remedy: "plan" }) as const;
  const reply = replyTo("attention", {
    handoff: { state: "revealed" } as never,
    health: { at: "", by: "A", findings: [finding("a", "Disabled"), finding("b", "Known to us")] },
    accepted: ["b"],
  })!;
  expect(reply).toContain("- Disabled. d");
  expect(reply).not.toContain("Known to us");
});
