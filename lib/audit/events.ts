/**
 * What the trail can say. Add cases; never edit one that was written, since stored records hold them.
 * No event carries a secret, a link, a key, a proof or a token.
 */
import type { Choices } from "../catalogue/schema.ts";

export type Actor =
  | { kind: "support" | "admin"; objectId: string; tenantId: string; name: string; username: string }
  /** A vendor's program, with an API key. */
  | { kind: "program"; keyId: string; name: string }
  | { kind: "invited" | "contact" | "portal" };

export type StepOutcome = "done" | "already-ok" | "failed" | "needs-approver" | "skipped";

export type OpenCredential = { name: string; at: string };
/** What a step left in the tenant; merged into the registration's facts. */
export type RegistrationFacts = {
  displayName?: string;
  appId?: string;
  objectId?: string;
  servicePrincipalId?: string;
  keyId?: string | null;
  secretEndsAt?: string | null;
  verifiedKeyId?: string | null;
  /** Credentials that a call may have made without our learning of it, by name, until it is proved that none is left. */
  openCredentials?: OpenCredential[];
  /** Secrets that a newer one takes the place of, and that stay valid until everything works with it. */
  formerKeys?: FormerKey[];
};
/** `endsAt`: until when both are valid; the older one is to be removed then at the latest. */
type FormerKey = { keyId: string; endsAt: string };

export type StepFailure = {
  message: string;
  action: string;
  who: string;
  code?: string;
  requestId?: string;
  /** The request that was refused, and Microsoft's own words for it. */
  tried?: string;
  said?: string;
};

/** One thing that a call was about to make in the tenant. Undoing starts from these, so that what was there before stays. */
export type Made =
  | { kind: "application" }
  | { kind: "service-principal" }
  | { kind: "role"; resourceId: string; appRoleId: string; value: string }
  | { kind: "scope"; resourceId: string; value: string; principalId?: string }
  | { kind: "credential"; name: string }
  | { kind: "certificate"; thumbprint: string }
  | { kind: "federated"; name: string }
  | { kind: "redirect-uri"; platform: "web" | "publicClient" | "spa"; uri: string }
  | { kind: "declared"; resourceAppId: string; id: string }
  | { kind: "property"; name: "signInAudience" | "isFallbackPublicClient"; before: string | boolean }
  /** The service principal, which was disabled before. */
  | { kind: "enabled" };

/**
 * Something in the tenant that is not as it was handed over. `remedy`: what helps, which is an ordinary plan, another
 * secret, another choice on the checklist, or the administrator in Entra's own pages.
 */
export type Finding = {
  key: string;
  registration: string;
  kind: "missing" | "ending" | "unknown-credential" | "extra-redirect-uri" | "extra-permission";
  title: string;
  detail: string;
  remedy: "plan" | "rotate" | "choices" | "entra";
};

/** `later`: done, but it takes a while to show; to be looked at again. */
export type ManualState = "done" | "not-applicable" | "todo" | "later";

/** A grant that somebody with a higher role is asked for. */
export type ApprovalItem = { step: string; api: "graph" | "exchange"; kind: "application" | "delegated"; value: string };

export type AuditEvent =
  | {
      type: "onboarding.created";
      detail: {
        productId: string;
        manifestVersion: number;
        manifestDigest?: string;
        customerName: string;
        expectedDomain: string;
        offered: string[];
        expiresAt: string;
      };
    }
  | { type: "invitation.mailed"; detail: { to: string } }
  /** `again`: whether it is tried again by itself. */
  | { type: "invitation.mail-failed"; detail: { to: string; reason: string; again?: boolean } }
  | { type: "invitation.opened"; detail: Record<string, never> }
  | { type: "invitation.renewed"; detail: { expiresAt: string; to?: string } }
  | { type: "invitation.extended"; detail: { expiresAt: string } }
  | { type: "invitation.expired"; detail: { expiresAt: string } }
  /** Whoever holds an expired link asked for a fresh one, which goes to the invited address and nowhere else. */
  | { type: "invitation.asked-for"; detail: { to: string; expiresAt: string } }
  | { type: "admin.nudged"; detail: { to: string; status: string } }
  | { type: "mail.sent"; detail: { to: string; about: string } }
  | { type: "mail.failed"; detail: { to: string; about: string; reason: string } }
  | { type: "invitation.revoked"; detail: Record<string, never> }
  | { type: "admin.signed-in"; detail: { tenantId: string; tenantName: string; domain: string; roles: string[] } }
  /** A colleague of the same tenant, by the invitation's link. */
  | { type: "admin.joined"; detail: { roles: string[] } }
  | { type: "tenant.refused"; detail: { tenantId: string; tenantName: string; expectedDomain: string } }
  | { type: "manifest.changed"; detail: { version: number; manifestDigest: string } }
  | { type: "features.chosen"; detail: { choices: Choices } }
  | {
      type: "plan.approved";
      detail: {
        digest: string;
        basis: "read" | "assumed-empty";
        operations: { id: string; effect: "create" | "change" | "same" | "blocked"; title: string }[];
      };
    }
  | { type: "plan.changed"; detail: { digest: string } }
  | { type: "consent.refused"; detail: { code: string } }
  | { type: "secret.shortened"; detail: Record<string, never> }
  | {
      type: "approval.requested";
      detail: { approvalId: string; expiresAt: string; message: string; items: ApprovalItem[]; to: string | null };
    }
  | { type: "approval.mailed"; detail: { to: string } }
  | { type: "approval.mail-failed"; detail: { to: string; reason: string } }
  | { type: "approval.opened"; detail: { approvalId: string } }
  | { type: "approval.approved"; detail: { approvalId: string; items: ApprovalItem[]; declined: ApprovalItem[]; reason: string } }
  | { type: "approval.rejected"; detail: { approvalId: string; reason: string } }
  | { type: "approval.withdrawn"; detail: { approvalId: string; reason: string } }
  | { type: "consent-page.prepared"; detail: Record<string, never> }
  | { type: "consent-page.returned"; detail: { error: string | null } }
  | {
      type: "run.started";
      detail: { runId: string; steps: { id: string; title: string }[]; kind?: "provision" | "approval" | "undo" | "removal" | "departure" };
    }
  | {
      type: "run.finished";
      detail: {
        runId: string;
        outcome: "done" | "failed" | "awaiting-approval" | "plan-changed" | "sign-in-needed";
        failure?: StepFailure;
        /** What the next sign-in has to bring, as JSON. */
        claims?: string;
      };
    }
  | {
      type: "step.started";
      detail: { step: string; attempt: number; intent?: string; registration?: string; makes?: Made[]; facts?: RegistrationFacts };
    }
  | { type: "step.waiting"; detail: { step: string; reason: "replication" | "throttled" | "outage"; retryAt: string; words: string } }
  | {
      type: "step.finished";
      detail: {
        step: string;
        outcome: StepOutcome;
        note?: string;
        registration?: string;
        facts?: RegistrationFacts;
        failure?: StepFailure;
        /** What turned out not to be made by this step. */
        notMade?: Made[];
      };
    }
  | { type: "graph.calling"; detail: { calls: { step: string; method: string; path: string; clientRequestId: string }[] } }
  | { type: "undo.approved"; detail: { digest: string; operations: string[] } }
  | { type: "undo.finished"; detail: Record<string, never> }
  /** `accepted`: what was there beside the plan from the start, so that it is not drift. */
  | { type: "health.checked"; detail: { findings: Finding[]; accepted?: string[] } }
  | { type: "health.accepted"; detail: { key: string; title: string } }
  /** The portal's own service principal and grants in the customer's tenant. */
  | { type: "departure.approved"; detail: { operations: string[] } }
  | { type: "departure.finished"; detail: Record<string, never> }
  | {
      type: "graph.called";
      detail: {
        step: string;
        attempt?: number;
        method: string;
        path: string;
        status: number;
        code?: string;
        requestId: string;
        clientRequestId: string;
        durationMs: number;
      };
    }
  | { type: "manual.changed"; detail: { step: string; state: ManualState; note: string; checkAt?: string } }
  | { type: "contact.changed"; detail: { to: string; by: "admin" | "support" } }
  | {
      type: "by-hand.checked";
      detail: { registrations: Record<string, RegistrationFacts>; missing: string[] };
    }
  | { type: "credential.discarded"; detail: { reason: string } }
  | { type: "credential.rotated"; detail: { overlapEndsAt: string } }
  | { type: "credential.removal-due"; detail: { keys: Record<string, string[]>; reason: string } }
  | { type: "credential.reminded"; detail: { registration: string; keyId: string; days: number; to: string[] } }
  | { type: "handoff.created"; detail: { handoffId: string; expiresAt: string } }
  | { type: "handoff.sent"; detail: { handoffId: string; how: "mailed" | "copied" | "machine"; to: string } & Partial<HandoffTerms> }
  | { type: "handoff.mail-failed"; detail: { handoffId: string; to: string; reason: string } }
  | { type: "handoff.opened"; detail: { handoffId: string; seen?: Seen } }
  | { type: "handoff.code-sent"; detail: { handoffId: string; to: string; seen: Seen } }
  | { type: "handoff.code-failed"; detail: { handoffId: string; to: string } }
  | { type: "handoff.challenge-failed"; detail: { handoffId: string; tries: number; seen: Seen } }
  | { type: "handoff.locked"; detail: { handoffId: string; tries: number } }
  | { type: "handoff.revealed"; detail: { handoffId: string; how?: "page" | "machine"; seen?: Seen } }
  | { type: "handoff.saved"; detail: { handoffId: string; seen: Seen } }
  | { type: "handoff.reported"; detail: { handoffId: string; seen: Seen } }
  | { type: "handoff.confirmed"; detail: { handoffId: string; seen?: Seen } }
  | { type: "handoff.failing"; detail: { handoffId: string; code: string | null; said: string; seen?: Seen } }
  | { type: "handoff.expired"; detail: { handoffId: string; removes?: boolean } }
  | { type: "handoff.revoked"; detail: { handoffId: string; reason: string } };

/** Where a visitor without an account came from: a cut address (/24 or /48) and the family of the browser. */
export type Seen = { network: string; browser: string };
export type Challenge = "code" | "passphrase" | "sign-in" | "none";
/** On which terms a link was given out. */
export type HandoffTerms = { challenge: Challenge; expiresAt: string; removes: boolean };
