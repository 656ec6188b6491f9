/**
 * Makes what the plan says and proves it, step by step. Each step's intent is recorded before its calls and its
 * outcome after them. Knows nothing of sessions or of onboardings: it is given a journal.
 */
import type { AuditEvent, RegistrationFacts, StepFailure } from "../audit/events.ts";
import * as auth from "../auth/auth.ts";
import { connect, delegatedGrantId, GraphError, type Tenant } from "../graph/graph.ts";
import type { Payload } from "../handoff/handoff.ts";
import { Secret } from "../secret.ts";
import type { DesiredRegistration } from "./desired.ts";
import { type Abilities, applicationBody, isChange, type KnownCredentials, type Operation, plan } from "./plan.ts";
import { type Actual, snapshot } from "./snapshot.ts";

export type Journal = { record(...events: AuditEvent[]): Promise<void> };

export type Run = {
  journal: Journal;
  desired: readonly DesiredRegistration[];
  actual: Actual;
  abilities: Abilities;
  known: Readonly<Record<string, RegistrationFacts>>;
  admin: { tenantId: string; tenantName: string; objectId: string };
  token: () => Promise<Secret>;
  /** Puts a registration into the handoff; the only place that a secret goes. */
  seal(registration: string, payload: Payload): Promise<void>;
  now: () => Date;
  newNonce: () => string;
};

/** Why a step stopped, in words for the admin. */
class StepStopped extends Error {
  constructor(
    readonly outcome: "failed" | "needs-approver",
    readonly failure: StepFailure,
  ) {
    super(failure.message);
  }
}

/** A directory write is believed once this many reads in a row agree; one is enough where no lag was met. */
const AGREEING_READS = 3;
const PROOF_DEADLINE_MS = 5 * 60_000;
const PROOF_PAUSE_MS = 700;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const VERIFY_STEPS = (registration: DesiredRegistration) => [
  { id: `${registration.id}.read-back`, title: "Read everything back" },
  ...(registration.secretMonths === null ? [] : [{ id: `${registration.id}.token`, title: "Sign in with the new secret" }]),
  ...(registration.secretMonths === null
    ? []
    : registration.probes.map(({ title }, index) => ({ id: `${registration.id}.probe.${index}`, title }))),
];

/** The steps of a run as the admin sees them, in order. */
export function stepsOf(desired: readonly DesiredRegistration[], operations: readonly Operation[]) {
  return desired.flatMap((registration) => [
    ...operations.filter((operation) => operation.registration === registration.id).map(({ id, title }) => ({ id, title })),
    ...(registration.secretMonths === null ? [{ id: `${registration.id}.seal`, title: "Seal the values for the vendor's contact" }] : []),
    ...VERIFY_STEPS(registration),
  ]);
}

function explain(error: GraphError, doing: string): StepFailure {
  const about = { code: error.code, ...(error.requestId ? { requestId: error.requestId } : {}) };
  switch (error.meaning) {
    case "denied":
      return {
        ...about,
        message: `Microsoft refused to ${doing}: your role does not allow it.`,
        action: "Ask an administrator with the role named in the plan to open this page and continue, or activate that role and try again.",
        who: "An administrator with the role named in the plan",
      };
    case "credential-policy":
      return {
        ...about,
        message: "Your tenant's app management policy does not allow this client secret.",
        action: "Ask the owner of the policy named in Microsoft's message to exempt this registration, then try again.",
        who: "The owner of your tenant's app management policies",
      };
    case "replicating":
    case "not-found":
      return {
        ...about,
        message: `Microsoft has still not copied the new object everywhere, so it would not ${doing}.`,
        action: "Wait some minutes and try again. What is done stays done.",
        who: "You",
      };
    case "throttled":
      return {
        ...about,
        message: "Microsoft is limiting requests to your tenant.",
        action: "Wait some minutes and try again. What is done stays done.",
        who: "You",
      };
    case "unauthenticated":
      return {
        ...about,
        message: "Your sign-in at Microsoft ended.",
        action: "Sign in again; the run goes on where it stopped.",
        who: "You",
      };
    case "outage":
      return {
        ...about,
        message: "Microsoft Graph is not answering properly.",
        action: "Wait some minutes and try again. What is done stays done.",
        who: "Microsoft",
      };
    case "conflict":
    case "already-there":
    case "other":
      return {
        ...about,
        message: `Microsoft refused to ${doing}: ${error.message}`,
        action: "Try again. If it stays, send the request id to the vendor's support.",
        who: "The vendor's support",
      };
  }
}

export type RunResult = { outcome: "done" | "failed" | "awaiting-approval"; failure?: StepFailure };

/** Runs the whole plan. Never throws for what Graph answers; a bug is thrown. */
export async function apply(run: Run): Promise<RunResult> {
  let worst: RunResult = { outcome: "done" };
  for (const registration of run.desired) {
    const result = await applyRegistration(run, registration);
    if (result.outcome === "failed") return result;
    if (result.outcome === "awaiting-approval") worst = result;
  }
  return worst;
}

async function applyRegistration(run: Run, desired: DesiredRegistration): Promise<RunResult> {
  const { journal, actual } = run;
  const existing = actual.registrations[desired.id] ?? null;
  const operations = plan([desired], actual, run.abilities, run.known);
  let appId = existing?.appId ?? "";
  let objectId = existing?.objectId ?? "";
  let principalId = existing?.servicePrincipalId ?? "";
  let current = "";
  let metLag = false;
  let needsApprover: StepFailure | null = null;
  let secret: Secret | null = null;
  let endsAt: string | null = null;
  let keyId: string | null = null;

  const tenant: Tenant = connect({
    token: run.token,
    onCall: (call) => journal.record({ type: "graph.called", detail: { step: current, ...call } }),
    onWait: async ({ reason, retryAt, words }) => {
      if (reason === "replication") metLag = true;
      await journal.record({ type: "step.waiting", detail: { step: current, reason, retryAt: retryAt.toISOString(), words } });
    },
  });
  const waitFor = (words: string) =>
    journal.record({
      type: "step.waiting",
      detail: { step: current, reason: "replication", retryAt: new Date(run.now().getTime() + PROOF_PAUSE_MS).toISOString(), words },
    });

  type Done = { note?: string; facts?: RegistrationFacts } | undefined;
  async function step(id: string, doing: string, work: () => Promise<Done>, intent?: string): Promise<RunResult | null> {
    current = id;
    await journal.record({ type: "step.started", detail: { step: id, attempt: 1, ...(intent ? { intent } : {}) } });
    try {
      const { note, facts } = (await work()) ?? {};
      await journal.record({
        type: "step.finished",
        detail: {
          step: id,
          outcome: "done",
          registration: desired.id,
          ...(note ? { note } : {}),
          ...(facts ? { facts } : {}),
        },
      });
      return null;
    } catch (error) {
      let stopped: StepStopped;
      if (error instanceof StepStopped) stopped = error;
      else if (error instanceof GraphError)
        stopped = new StepStopped(error.meaning === "denied" ? "needs-approver" : "failed", explain(error, doing));
      else throw error;
      await journal.record({ type: "step.finished", detail: { step: id, outcome: stopped.outcome, failure: stopped.failure } });
      if (stopped.outcome === "needs-approver") {
        needsApprover ??= stopped.failure;
        return { outcome: "awaiting-approval", failure: stopped.failure };
      }
      return { outcome: "failed", failure: stopped.failure };
    }
  }
  const skip = (id: string, note: string) => journal.record({ type: "step.finished", detail: { step: id, outcome: "skipped", note } });

  for (const operation of operations) {
    if (!isChange(operation) && operation.kind !== "credential") {
      if (operation.effect === "blocked") {
        const failure = { message: operation.detail, action: "Go back, leave the feature out and review the plan again.", who: "You" };
        await journal.record({ type: "step.finished", detail: { step: operation.id, outcome: "failed", failure } });
        return { outcome: "failed", failure };
      }
      await journal.record({
        type: "step.finished",
        detail: {
          step: operation.id,
          outcome: "already-ok",
          registration: desired.id,
          facts: { displayName: desired.displayName, appId, objectId, servicePrincipalId: principalId },
        },
      });
      continue;
    }
    const result = await perform(operation);
    if (result?.outcome === "failed") return result;
    // Without an application or a service principal nothing further can be done by this person.
    if (result && (operation.kind === "application" || operation.kind === "service-principal")) return result;
  }

  async function perform(operation: Operation): Promise<RunResult | null> {
    switch (operation.kind) {
      case "application":
        return step(operation.id, "create the app registration", async () => {
          const path = `/applications(uniqueName='${desired.uniqueName}')`;
          const answer = await tenant.call(
            { method: "PATCH", path, headers: { Prefer: "create-if-missing" }, body: applicationBody(desired, actual) },
            { repeatable: true },
          );
          // 201 carries the application; 204 means that it was there (perhaps from a try whose answer was lost).
          const application = (answer.body ??
            (await tenant.call({ method: "GET", path: `${path}?$select=id,appId` }, { fresh: true })).body) as {
            id: string;
            appId: string;
          };
          ({ appId, id: objectId } = application);
          return { facts: { displayName: desired.displayName, appId, objectId } };
        });
      case "service-principal":
        return step(operation.id, "create the service principal", async () => {
          const path = `/servicePrincipals(appId='${appId}')`;
          // Entra's own portal sets this tag; without it the application is hidden among Enterprise applications.
          const body = { tags: ["WindowsAzureActiveDirectoryIntegratedApp", ...desired.tags] };
          const answer = await tenant.call(
            { method: "PATCH", path, headers: { Prefer: "create-if-missing" }, body },
            { repeatable: true, fresh: true },
          );
          principalId = (
            (answer.body ?? (await tenant.call({ method: "GET", path: `${path}?$select=id` }, { fresh: true })).body) as { id: string }
          ).id;
          return { facts: { servicePrincipalId: principalId } };
        });
      case "grant-application":
        return step(operation.id, "grant the application permissions", async () => {
          const resourceId = actual.resources[operation.api!]!.servicePrincipalId;
          for (const { id, isGranted } of operation.permissions) {
            if (isGranted) continue;
            await tenant
              .call(
                {
                  method: "POST",
                  path: `/servicePrincipals/${resourceId}/appRoleAssignedTo`,
                  body: { principalId, resourceId, appRoleId: id },
                },
                { repeatable: true, fresh: true },
              )
              .catch((error: unknown) => {
                if (!(error instanceof GraphError && error.meaning === "already-there")) throw error;
              });
          }
          return { note: operation.permissions.map(({ value }) => value).join(", ") };
        });
      case "grant-delegated":
        return step(operation.id, "grant the delegated permissions", async () => {
          const resourceId = actual.resources[operation.api!]!.servicePrincipalId;
          const wanted = operation.permissions.map(({ value }) => value);
          const merge = async () => {
            // By its derived id: a filtered list lags longer than a read of one object.
            const path = `/oauth2PermissionGrants/${delegatedGrantId(principalId, resourceId)}`;
            const { scope: held } = (await tenant.call({ method: "GET", path }, { fresh: true })).body as { scope: string };
            const scope = [...new Set([...held.split(" ").filter(Boolean), ...wanted])].join(" ");
            await tenant.call({ method: "PATCH", path, body: { scope } }, { repeatable: true, fresh: true });
          };
          if (operation.effect === "change") await merge();
          else
            await tenant
              .call(
                {
                  method: "POST",
                  path: "/oauth2PermissionGrants",
                  body: { clientId: principalId, consentType: "AllPrincipals", principalId: null, resourceId, scope: wanted.join(" ") },
                },
                { repeatable: true, fresh: true },
              )
              .catch((error: unknown) => {
                if (!(error instanceof GraphError && error.meaning === "already-there")) throw error;
                return merge();
              });
          return { note: wanted.join(", ") };
        });
      case "credential": {
        if (operation.effect === "same") {
          keyId = run.known[desired.id]?.verifiedKeyId ?? null;
          await journal.record({
            type: "step.finished",
            detail: { step: operation.id, outcome: "already-ok", note: "Issued, proved and sealed earlier" },
          });
          return null;
        }
        if (needsApprover) {
          await skip(operation.id, "Issued once the permissions are granted");
          return null;
        }
        const name = `${desired.mark} ${run.newNonce()}`;
        return step(operation.id, "issue a client secret", () => issueCredential(name), name);
      }
    }
  }

  async function removeCredential(orphan: string) {
    await tenant
      .call(
        { method: "POST", path: `/applications/${objectId}/removePassword`, body: { keyId: orphan } },
        { repeatable: true, fresh: true },
      )
      .catch((error: unknown) => {
        // Already gone is what was wanted.
        if (!(error instanceof GraphError && error.status === 400)) throw error;
      });
  }
  /** The credentials of this onboarding that the application shows. */
  async function ours() {
    const { body } = await tenant.call({ method: "GET", path: `/applications/${objectId}?$select=passwordCredentials` }, { fresh: true });
    const { passwordCredentials } = body as { passwordCredentials: { keyId: string; displayName: string | null }[] };
    return passwordCredentials.filter(({ displayName }) => displayName?.startsWith(desired.mark));
  }

  async function issueCredential(name: string): Promise<Done> {
    // What an interrupted try left behind was never handed over, and its value cannot be read again.
    for (const orphan of existing ? await ours() : []) await removeCredential(orphan.keyId);
    const end = new Date(run.now());
    end.setUTCMonth(end.getUTCMonth() + desired.secretMonths!);
    const { body } = await tenant.call(
      {
        method: "POST",
        path: `/applications/${objectId}/addPassword`,
        body: { passwordCredential: { displayName: name, endDateTime: end.toISOString() } },
      },
      { fresh: true },
    );
    const issued = body as { secretText: string; keyId: string; endDateTime: string };
    secret = new Secret(issued.secretText);
    endsAt = issued.endDateTime;
    keyId = issued.keyId;
    await run.seal(desired.id, { ...payloadBase(), secretValue: issued.secretText, secretEndsAt: issued.endDateTime });
    return { note: `Valid until ${issued.endDateTime.slice(0, 10)}`, facts: { keyId, secretEndsAt: endsAt, verifiedKeyId: null } };
  }
  function payloadBase() {
    return { displayName: desired.displayName, applicationId: appId, tenantName: run.admin.tenantName, tenantId: run.admin.tenantId };
  }

  if (needsApprover) {
    for (const { id } of VERIFY_STEPS(desired)) await skip(id, "Once the permissions are granted");
    return { outcome: "awaiting-approval", failure: needsApprover };
  }
  if (desired.secretMonths === null) {
    const failed = await step(`${desired.id}.seal`, "seal the values", async () => {
      await run.seal(desired.id, { ...payloadBase(), secretValue: null, secretEndsAt: null });
      return {};
    });
    if (failed) return failed;
  }
  return verify();

  async function verify(): Promise<RunResult> {
    const known: KnownCredentials = { [desired.id]: { verifiedKeyId: keyId } };
    const readBack = await step(`${desired.id}.read-back`, "read everything back", async () => {
      const deadline = run.now().getTime() + PROOF_DEADLINE_MS;
      let agreeing = 0;
      for (;;) {
        const left = plan([desired], await snapshot(tenant, [desired]), run.abilities, known).filter(({ effect }) => effect !== "same");
        agreeing = left.length === 0 ? agreeing + 1 : 0;
        if (agreeing >= (metLag ? AGREEING_READS : 1)) break;
        if (run.now().getTime() > deadline)
          throw new StepStopped("failed", {
            message: `Your tenant does not show this yet: ${left.map(({ title }) => title).join("; ")}.`,
            action: "Wait some minutes and try again.",
            who: "Microsoft",
          });
        if (left.length > 0) {
          metLag = true;
          await waitFor(
            `Your tenant does not show everything yet (${left.map(({ title }) => title).join("; ")}). Usually under a minute, up to 15.`,
          );
        }
        await pause(PROOF_PAUSE_MS);
      }
      for (const orphan of (await ours()).filter((credential) => credential.keyId !== keyId)) await removeCredential(orphan.keyId);
      return { note: "A new plan on the tenant as it is now is empty" };
    });
    if (readBack) return readBack;
    if (desired.secretMonths === null) return { outcome: "done" };
    const proved = VERIFY_STEPS(desired).slice(1);
    if (!secret) {
      for (const { id } of proved) await skip(id, "Proved when the secret was issued");
      return { outcome: "done" };
    }
    const value = secret;
    const expected = desired.permissions
      .filter(({ api, kind }) => api === "graph" && kind === "application")
      .map((permission) => permission.value)
      .sort();
    let token: Secret | null = null;
    const signedIn = await step(`${desired.id}.token`, "sign in with the new secret", async () => {
      const deadline = run.now().getTime() + PROOF_DEADLINE_MS;
      for (;;) {
        const answer = await auth.appToken({ tenantId: run.admin.tenantId, appId, secret: value });
        if (answer.ok && [...answer.value.roles].sort().join() === expected.join()) {
          token = answer.value.token;
          return { note: `The token's roles are exactly ${expected.join(", ") || "none"}` };
        }
        const passes =
          answer.ok ||
          ["sts.secret-unknown", "sts.secret-expired", "sts.application-unknown", "sts.service-principal-unknown"].includes(
            answer.refusal.code,
          );
        const words = answer.ok ? `The token holds ${answer.value.roles.join(", ") || "no roles"} so far.` : answer.refusal.message;
        if (!passes || run.now().getTime() > deadline)
          throw new StepStopped("failed", {
            message: `The new secret does not work yet. ${words}`,
            action: "Wait some minutes and try again; a fresh secret is issued then.",
            who: "Microsoft",
            ...(answer.ok ? {} : { code: answer.refusal.aadsts ? `AADSTS${answer.refusal.aadsts}` : answer.refusal.code }),
          });
        await waitFor(`${words} Usually some seconds, up to 15 minutes.`);
        await pause(PROOF_PAUSE_MS);
      }
    });
    if (signedIn) return signedIn;
    const asApplication = connect({
      token: async () => token!,
      onCall: (call) => journal.record({ type: "graph.called", detail: { step: current, ...call } }),
    });
    for (const [index, probe] of desired.probes.entries()) {
      const failed = await step(`${desired.id}.probe.${index}`, `do this as the application: ${probe.title.toLowerCase()}`, async () => {
        try {
          await asApplication.call({ method: "GET", path: probe.path.replaceAll("{user}", run.admin.objectId) });
          return {};
        } catch (error) {
          // The person exists but has no mailbox: the permission was enough to find that out.
          if (error instanceof GraphError && error.meaning === "not-found") return { note: "Allowed; this account has no such content" };
          if (error instanceof GraphError && error.meaning === "denied")
            throw new StepStopped("failed", {
              ...explain(error, ""),
              message: `The application was refused: ${probe.title.toLowerCase()}.`,
              action: "Try again in some minutes. If it stays, send the request id to the vendor's support.",
              who: "The vendor's support",
            });
          throw error;
        }
      });
      if (failed) return failed;
    }
    await journal.record({
      type: "step.finished",
      detail: {
        step: `${desired.id}.token`,
        outcome: "done",
        registration: desired.id,
        note: `The token's roles are exactly ${expected.join(", ") || "none"}`,
        facts: { verifiedKeyId: keyId },
      },
    });
    return { outcome: "done" };
  }
}
