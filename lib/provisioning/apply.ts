/**
 * Makes what the plan says and proves it. Registrations are worked on side by side; within one, each step needs what the
 * one before it made, and the grants and the credential go in one chain. A step's intent is recorded before its calls and
 * its outcome with the next record. Knows nothing of sessions or of onboardings: it is given a journal.
 */
import type { Made } from "../audit/events.ts";
import { GraphError, RESOURCE_APP_ID } from "../graph/graph.ts";
import { AADSTS_WORDS } from "../vocabulary.ts";
import { type ApplicationBody, applicationBody } from "./application.ts";
import type { DesiredRegistration } from "./desired.ts";
import { grantAndIssue, handoverOf } from "./grants.ts";
import { isChange, type Operation, plan } from "./plan.ts";
import { explain, type Run, type RunResult, Site, StepStopped } from "./site.ts";
import { type ActualRegistration, applicationPath } from "./snapshot.ts";
import { agree, proofSteps, prove } from "./verify.ts";
import { apiName } from "./words.ts";

/** The steps of a run as the admin sees them, in order. */
export function stepsOf(desired: readonly DesiredRegistration[], operations: readonly Operation[]) {
  return desired.flatMap((registration) => [
    ...operations.filter((operation) => operation.registration === registration.id).map(({ id, title }) => ({ id, title })),
    ...(registration.credential?.kind !== "secret"
      ? [{ id: `${registration.id}.seal`, title: "Seal the values for the vendor's contact" }]
      : []),
    ...proofSteps(registration),
  ]);
}

/** Works on all registrations side by side and gives the worst result. */
async function onEach(run: Run, work: (site: Site) => Promise<RunResult>): Promise<RunResult> {
  const ended = await Promise.allSettled(
    run.desired.map(async (registration) => {
      const site = new Site(run, registration);
      try {
        return await work(site);
      } finally {
        await site.flush();
      }
    }),
  );
  const thrown = ended.find((result) => result.status === "rejected");
  if (thrown) throw thrown.reason;
  const results = ended.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const worst = (outcome: RunResult["outcome"]) => results.find((result) => result.outcome === outcome);
  return worst("failed") ?? worst("awaiting-approval") ?? { outcome: "done" };
}

/** Runs the whole plan. Never throws for what Graph answers; a bug, and the need to sign in again, are thrown. */
export const apply = (run: Run): Promise<RunResult> => onEach(run, provision);

export const approvalSteps = (desired: readonly DesiredRegistration[], operations: readonly Operation[]) => [
  ...operations.map(({ id, title }) => ({ id, title })),
  ...desired.map(({ id }) => ({ id: `${id}.approval.read-back`, title: "Read the grants back" })),
];

/** Makes the grants that a colleague approved, and nothing else, and reads them back. */
export const applyGrants = (run: Run): Promise<RunResult> =>
  onEach(run, async (site) => {
    const own = run.operations.filter(({ registration }) => registration === site.desired.id);
    for (const { id } of own.filter((operation) => !isChange(operation))) site.ends(id, "already-ok");
    const granted = await grantAndIssue(site, own.filter(isChange));
    if ("outcome" in granted) return granted;
    const failed = await site.step({ id: `${site.desired.id}.approval.read-back`, doing: "let us read the grants back" }, async () => {
      await agree(site, (actual) => {
        const wanted = new Map(own.map(({ id, permissions }) => [id, permissions.map(({ value }) => value)]));
        return plan([site.desired], actual, run.abilities, run.known).filter(({ id, permissions }) =>
          permissions.some(({ value, isGranted }) => wanted.get(id)?.includes(value) && !isGranted),
        );
      });
      return { note: "Read back from your tenant" };
    });
    return failed ?? { outcome: "done" };
  });

async function provision(site: Site): Promise<RunResult> {
  const { run, desired } = site;
  const operations = run.operations.filter(({ registration }) => registration === desired.id);
  const ofKind = (...kinds: Operation["kind"][]) => operations.filter(({ kind }) => kinds.includes(kind));
  const blocked = operations.find(({ effect }) => effect === "blocked");
  if (blocked) {
    const failure = { message: blocked.detail, action: "Review the plan again once that has changed.", who: "You" };
    site.ends(blocked.id, "failed", {}, failure);
    return { outcome: "failed", failure };
  }
  for (const { id, kind } of operations.filter((operation) => !isChange(operation)))
    site.ends(id, "already-ok", {
      ...(kind === "credential" ? { note: "Issued, proved and sealed earlier" } : {}),
      ...(kind === "application"
        ? {
            facts: {
              displayName: site.existing?.displayName ?? desired.displayName,
              appId: site.appId,
              objectId: site.objectId,
              ...(site.servicePrincipalId ? { servicePrincipalId: site.servicePrincipalId } : {}),
            },
          }
        : {}),
    });
  for (const operation of ofKind("resource")) {
    const stopped = await ensureResource(site, operation);
    if (stopped) return stopped;
  }
  for (const operation of ofKind("application", "service-principal").filter(isChange)) {
    // Without an application or a service principal nothing further can be done by this person.
    const stopped = await (operation.kind === "application" ? ensureApplication(site, operation) : ensureServicePrincipal(site, operation));
    if (stopped) return stopped;
  }
  const granted = await grantAndIssue(site, ofKind("grant-application", "grant-delegated", "credential").filter(isChange));
  if ("outcome" in granted) {
    for (const { id } of proofSteps(desired)) site.ends(id, "skipped", { note: "Once the permissions are granted" });
    return granted;
  }
  if (desired.credential?.kind !== "secret") {
    const failed = await site.step({ id: `${desired.id}.seal`, doing: "seal the values" }, async () => {
      await site.flush();
      await run.seal(desired.id, handoverOf(site));
      return {};
    });
    if (failed) return failed;
  }
  return prove(site, granted);
}

const CREATE_IF_MISSING = { Prefer: "create-if-missing" };

/** A service of Microsoft's that the tenant does not show yet: added when a licence covers it. */
async function ensureResource(site: Site, { id, api, roles }: Operation) {
  const appId = RESOURCE_APP_ID[api!];
  return site.step({ id, doing: `add ${apiName(api!)} to your tenant`, roles }, async () => {
    await site.tenant
      .call({
        method: "PATCH",
        path: `/servicePrincipals(appId='${appId}')`,
        headers: CREATE_IF_MISSING,
        body: { appId },
        repeatable: true,
      })
      .catch((error: unknown) => {
        // Nobody made this application moments ago: that Microsoft does not offer it means that no licence covers it.
        if (error instanceof GraphError && error.meaning === "replicating") {
          const { message, action, who } = AADSTS_WORDS[650052]!;
          throw new StepStopped("failed", { ...explain(error, ""), message: `${apiName(api!)}: ${message}`, action, who });
        }
        throw error;
      });
    const { body } = await site.tenant.call({
      method: "GET",
      path: `/servicePrincipals(appId='${appId}')?$select=id,appRoles,oauth2PermissionScopes`,
      fresh: true,
    });
    const learned = site.learn(api!, body);
    const unknown = site.desired.permissions.filter(
      (permission) => permission.api === api && !learned[permission.kind === "application" ? "roles" : "scopes"][permission.value],
    );
    if (unknown.length > 0)
      throw new StepStopped("failed", {
        message: `Your tenant's ${apiName(api!)} does not have ${unknown.map(({ value }) => value).join(", ")}.`,
        action: "Leave the feature out, or ask the vendor.",
        who: "You",
      });
    return {};
  });
}

/** What an application's body adds to what is there: what undoing takes away again. */
function addedBy(body: ApplicationBody, existing: ActualRegistration | null): Made[] {
  if (!existing) return [{ kind: "application" }];
  const before = new Set(
    existing.declared.flatMap(({ resourceAppId, resourceAccess }) => resourceAccess.map(({ id }) => `${resourceAppId}/${id}`)),
  );
  const uris = (platform: "web" | "publicClient" | "spa", had: readonly string[]) =>
    (body[platform]?.redirectUris ?? []).filter((uri) => !had.includes(uri)).map((uri): Made => ({ kind: "redirect-uri", platform, uri }));
  return [
    ...uris("web", existing.webRedirectUris),
    ...uris("publicClient", existing.publicClientRedirectUris),
    ...uris("spa", existing.spaRedirectUris),
    ...body.requiredResourceAccess.flatMap(({ resourceAppId, resourceAccess }) =>
      resourceAccess
        .filter(({ id }) => !before.has(`${resourceAppId}/${id}`))
        .map(({ id }): Made => ({ kind: "declared", resourceAppId, id })),
    ),
    ...(["signInAudience", "isFallbackPublicClient"] as const)
      .filter((name) => body[name] !== existing[name])
      .map((name): Made => ({ kind: "property", name, before: existing[name] })),
  ];
}

async function ensureApplication(site: Site, { id, roles }: Operation) {
  const { desired, existing, run } = site;
  const body = applicationBody(desired, run.actual);
  const path = applicationPath(desired);
  const headers = desired.adopts ? {} : CREATE_IF_MISSING;
  return site.step({ id, doing: "make the app registration as planned", roles, makes: addedBy(body, existing) }, async () => {
    const answer = await site.tenant.call({ method: "PATCH", path, headers, body, repeatable: true, fresh: true });
    // An upsert makes what is missing, so "not found" can only be a copy that lags.
    // 201 carries the application; 204 means that it was there (perhaps from a try whose answer was lost).
    if (answer.body || !existing) {
      const application = (answer.body ??
        (await site.tenant.call({ method: "GET", path: `${path}?$select=id,appId`, fresh: true })).body) as { id: string; appId: string };
      site.appId = application.appId;
      site.objectId = application.id;
    }
    return { facts: { displayName: body.displayName, appId: site.appId, objectId: site.objectId } };
  });
}

async function ensureServicePrincipal(site: Site, { id, roles }: Operation) {
  const path = `/servicePrincipals(appId='${site.appId}')`;
  // Entra's own portal sets this tag; without it the application is hidden among Enterprise applications.
  const isDisabled = site.existing?.isDisabled === true;
  const body = isDisabled ? { accountEnabled: true } : { tags: ["WindowsAzureActiveDirectoryIntegratedApp", ...site.desired.tags] };
  const makes: Made[] = [{ kind: isDisabled ? "enabled" : "service-principal" }];
  return site.step({ id, doing: `${isDisabled ? "enable" : "create"} the service principal`, roles, makes }, async () => {
    const answer = await site.tenant.call({ method: "PATCH", path, headers: CREATE_IF_MISSING, body, repeatable: true, fresh: true });
    const found = (answer.body ?? (await site.tenant.call({ method: "GET", path: `${path}?$select=id`, fresh: true })).body) as {
      id: string;
    };
    site.servicePrincipalId = found.id;
    return { facts: { servicePrincipalId: found.id } };
  });
}
