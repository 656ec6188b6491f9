/**
 * Makes what the plan says and proves it. Registrations are worked on side by side; within one, each step needs what the
 * one before it made, and the grants and the credential go in one chain. A step's intent is recorded before its calls and
 * its outcome with the next record. Knows nothing of sessions or of onboardings: it is given a journal.
 */
import type { Made } from "../audit/events.ts";
import { type GraphAnswer, GraphError, type GraphRequest, RESOURCE_APP_ID } from "../graph/graph.ts";
import { Secret } from "../secret.ts";
import { AADSTS_WORDS } from "../vocabulary.ts";
import { issueAlone, secretRequest } from "./credential.ts";
import type { DesiredRegistration } from "./desired.ts";
import { type ApplicationBody, apiName, applicationBody, isChange, type Operation, plan } from "./plan.ts";
import { explain, type Run, type RunResult, requireSignIn, Site, StepStopped } from "./site.ts";
import type { Actual, ActualRegistration } from "./snapshot.ts";
import { agree, type Issued, proofSteps, prove } from "./verify.ts";

/** The steps of a run as the admin sees them, in order. */
export function stepsOf(desired: readonly DesiredRegistration[], operations: readonly Operation[]) {
  return desired.flatMap((registration) => [
    ...operations.filter((operation) => operation.registration === registration.id).map(({ id, title }) => ({ id, title })),
    ...(registration.secretMonths === null ? [{ id: `${registration.id}.seal`, title: "Seal the values for the vendor's contact" }] : []),
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
              displayName: desired.displayName,
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
  if (desired.secretMonths === null) {
    const failed = await site.step({ id: `${desired.id}.seal`, doing: "seal the values" }, async () => {
      await site.flush();
      await run.seal(desired.id, { ...handoverOf(site), secretValue: null, secretEndsAt: null });
      return {};
    });
    if (failed) return failed;
  }
  return prove(site, granted);
}

const handoverOf = ({ run, desired, appId }: Site) => ({
  displayName: desired.displayName,
  applicationId: appId,
  tenantName: run.admin.tenantName,
  tenantId: run.admin.tenantId,
});
/** How long a colleague's grant is looked for before this person's refusal counts. */
const GRANT_SHOWS_MS = 60_000;
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
  const uris = (platform: "web" | "publicClient", had: readonly string[]) =>
    body[platform].redirectUris.filter((uri) => !had.includes(uri)).map((uri): Made => ({ kind: "redirect-uri", platform, uri }));
  return [
    ...uris("web", existing.webRedirectUris),
    ...uris("publicClient", existing.publicClientRedirectUris),
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
  const path = `/applications(uniqueName='${desired.uniqueName}')`;
  return site.step({ id, doing: "make the app registration as planned", roles, makes: addedBy(body, existing) }, async () => {
    const answer = await site.tenant.call({ method: "PATCH", path, headers: CREATE_IF_MISSING, body, repeatable: true, fresh: true });
    // An upsert makes what is missing, so "not found" can only be a copy that lags.
    // 201 carries the application; 204 means that it was there (perhaps from a try whose answer was lost).
    if (answer.body || !existing) {
      const application = (answer.body ??
        (await site.tenant.call({ method: "GET", path: `${path}?$select=id,appId`, fresh: true })).body) as { id: string; appId: string };
      site.appId = application.appId;
      site.objectId = application.id;
    }
    return { facts: { displayName: desired.displayName, appId: site.appId, objectId: site.objectId } };
  });
}

async function ensureServicePrincipal(site: Site, { id, roles }: Operation) {
  const path = `/servicePrincipals(appId='${site.appId}')`;
  // Entra's own portal sets this tag; without it the application is hidden among Enterprise applications.
  const body = { tags: ["WindowsAzureActiveDirectoryIntegratedApp", ...site.desired.tags] };
  return site.step({ id, doing: "create the service principal", roles, makes: [{ kind: "service-principal" }] }, async () => {
    const answer = await site.tenant.call({ method: "PATCH", path, headers: CREATE_IF_MISSING, body, repeatable: true, fresh: true });
    const found = (answer.body ?? (await site.tenant.call({ method: "GET", path: `${path}?$select=id`, fresh: true })).body) as {
      id: string;
    };
    site.servicePrincipalId = found.id;
    return { facts: { servicePrincipalId: found.id } };
  });
}

/** The requests that one operation stands for, and what each makes. */
function grantRequests(site: Site, operation: Operation): { request: GraphRequest; makes: Made[] }[] {
  const { servicePrincipalId: principalId, run, existing } = site;
  const resource = run.actual.resources[operation.api!]!;
  const resourceId = resource.servicePrincipalId;
  const common = { repeatable: true, fresh: true, tag: operation.id };
  if (operation.kind === "grant-application")
    return operation.permissions
      .filter(({ isGranted }) => !isGranted)
      .map(({ value }) => {
        const appRoleId = resource.roles[value] ?? "";
        return {
          request: {
            method: "POST",
            path: `/servicePrincipals/${resourceId}/appRoleAssignedTo`,
            body: { principalId, resourceId, appRoleId },
            ...common,
          },
          makes: [{ kind: "role", resourceId, appRoleId, value }],
        };
      });
  const granted = existing?.grantedScopes.find((grant) => grant.resourceId === resourceId);
  const wanted = operation.permissions.map(({ value }) => value);
  const makes = wanted.filter((value) => !granted?.scopes.includes(value)).map((value): Made => ({ kind: "scope", resourceId, value }));
  return [
    granted
      ? {
          request: {
            method: "PATCH",
            path: `/oauth2PermissionGrants/${granted.grantId}`,
            body: { scope: [...new Set([...granted.scopes, ...wanted])].join(" ") },
            ...common,
          },
          makes,
        }
      : {
          request: {
            method: "POST",
            path: "/oauth2PermissionGrants",
            body: { clientId: principalId, consentType: "AllPrincipals", principalId: null, resourceId, scope: wanted.join(" ") },
            ...common,
          },
          makes,
        },
  ];
}

const DOING: Partial<Record<Operation["kind"], string>> = {
  "grant-application": "grant the application permissions",
  "grant-delegated": "grant the delegated permissions",
  credential: "issue a client secret",
};
/** Writes that one chain orders: what this person may do first, the credential last, so that none is issued before the permissions are there. */
const inOrder = (operations: readonly Operation[]) =>
  operations.toSorted((a, b) => {
    const rank = ({ kind, needsRole }: Operation) => (kind === "credential" ? 2 : needsRole ? 1 : 0);
    return rank(a) - rank(b);
  });

/**
 * Grants, and issues the credential when all of them took. One round trip when nothing is in the way; where one
 * operation is refused, the others are still tried.
 */
async function grantAndIssue(site: Site, operations: readonly Operation[]): Promise<Issued | RunResult> {
  const { desired, run } = site;
  const isFine = (error: GraphError) => error.meaning === "already-there";
  let open = inOrder(operations);
  let stopped: RunResult | null = null;
  let issued: Issued = { credential: null, keyId: run.known[desired.id]?.verifiedKeyId ?? null };
  while (open.length > 0) {
    const name = `${desired.mark} ${run.newNonce()}`;
    const planned = open.flatMap((operation) =>
      operation.kind === "credential"
        ? stopped
          ? []
          : [{ operation, request: secretRequest(site, operation.id, name, desired.secretMonths!), makes: [] as Made[] }]
        : grantRequests(site, operation).map((each) => ({ operation, ...each })),
    );
    for (const operation of open)
      if (operation.kind !== "credential")
        site.starts(operation.id, { makes: planned.filter((each) => each.operation === operation).flatMap((each) => each.makes) });
      else if (!stopped) site.startsCredential(operation.id, name);
    const answers = await site.tenant.chain(
      planned.map(({ request }) => request),
      isFine,
    );
    const left: Operation[] = [];
    for (const operation of open) {
      const own = planned.flatMap((each, index) => (each.operation === operation ? [{ ...each, answer: answers[index]! }] : []));
      if (operation.kind === "credential") {
        const answer = own.at(-1)?.answer;
        if (!answer || (answer instanceof GraphError && answer.meaning === "not-tried")) {
          // It comes last: when nothing else stopped the run, it was only the chain that broke.
          if (answer && !stopped) left.push(operation);
          site.ends(operation.id, "skipped", {
            note: "Issued once the permissions are granted",
            facts: site.knowsCredential(name),
            notMade: [{ kind: "credential", name }],
          });
          continue;
        }
        const result = await settleCredential(site, operation, answer, name);
        if ("outcome" in result) stopped = worse(stopped, result);
        else issued = result;
        continue;
      }
      const failed = own.flatMap(({ answer }) => (answer instanceof GraphError && !isFine(answer) ? [answer] : []));
      const refusal = failed.find(({ meaning }) => meaning !== "not-tried");
      if (refusal?.meaning === "denied" && run.awaitsGrants && (await isGrantedByNow(site, operation)))
        site.ends(operation.id, "done", {
          note: `${operation.permissions.map(({ value }) => value).join(", ")}, granted by a colleague`,
          notMade: own.flatMap(({ makes }) => makes),
        });
      else if (refusal) stopped = worse(stopped, site.refused(operation.id, refusal, DOING[operation.kind]!, operation.roles));
      else if (failed.length > 0) left.push(operation);
      else {
        const taken = own.filter(({ answer }) => answer instanceof GraphError);
        const merged = operation.kind === "grant-delegated" && taken.length > 0 ? await mergeScopes(site, operation) : null;
        if (merged && "outcome" in merged) stopped = worse(stopped, merged);
        else
          site.ends(operation.id, "done", {
            note: operation.permissions.map(({ value }) => value).join(", "),
            // Somebody else was faster: it is theirs.
            notMade: site.hasLostAnswers ? [] : (merged?.held ?? taken.flatMap(({ makes }) => makes)),
          });
      }
    }
    open = left;
  }
  return stopped ?? issued;
}

/** A colleague has granted it, here or on Microsoft's page, and the copy of the directory that was read did not show it yet. */
async function isGrantedByNow(site: Site, { id }: Operation): Promise<boolean> {
  const missing = (actual: Actual) =>
    plan([site.desired], actual, site.run.abilities, site.run.known).filter((each) => each.id === id && isChange(each));
  try {
    await agree(site, missing, GRANT_SHOWS_MS);
    return true;
  } catch (error) {
    if (error instanceof StepStopped) return false;
    throw error;
  }
}

const worse = (a: RunResult | null, b: RunResult): RunResult => (a?.outcome === "failed" ? a : b.outcome === "failed" || !a ? b : a);

/** A grant of the same client and resource is there already: what it holds stays, what is missing is added. */
async function mergeScopes(site: Site, operation: Operation): Promise<RunResult | { held: Made[] }> {
  const resourceId = site.run.actual.resources[operation.api!]!.servicePrincipalId;
  const path = `/oauth2PermissionGrants/${site.grantId(resourceId)}`;
  const common = { repeatable: true, fresh: true, tag: operation.id };
  try {
    const { scope } = (await site.tenant.call({ method: "GET", path, ...common })).body as { scope: string };
    const scopes = new Set(scope.split(" ").filter(Boolean));
    const wanted = operation.permissions.map(({ value }) => value);
    const missing = wanted.filter((value) => !scopes.has(value));
    if (missing.length > 0)
      await site.tenant.call({ method: "PATCH", path, body: { scope: [...scopes, ...missing].join(" ") }, ...common });
    return { held: wanted.filter((value) => scopes.has(value)).map((value) => ({ kind: "scope", resourceId, value })) };
  } catch (error) {
    if (error instanceof GraphError) return site.refused(operation.id, error, DOING["grant-delegated"]!, operation.roles);
    throw error;
  }
}

/** What became of the credential: sealed at once; or, when nobody knows, made anew. */
async function settleCredential(
  site: Site,
  operation: Operation,
  answer: GraphAnswer | GraphError,
  name: string,
): Promise<Issued | RunResult> {
  const { run, desired } = site;
  let issued: { body: unknown; name: string };
  if (answer instanceof GraphError) {
    requireSignIn(answer);
    const result = await issueAlone(site, operation, answer, name);
    if ("outcome" in result) return result;
    issued = result;
  } else issued = { body: answer.body, name };
  const { secretText, keyId, endDateTime } = issued.body as { secretText: string; keyId: string; endDateTime: string };
  const credential = new Secret(secretText);
  await run.seal(desired.id, { ...handoverOf(site), secretValue: credential.expose(), secretEndsAt: endDateTime });
  site.ends(operation.id, "done", {
    note: `Valid until ${endDateTime.slice(0, 10)}`,
    facts: { keyId, secretEndsAt: endDateTime, verifiedKeyId: null, ...site.knowsCredential(issued.name) },
  });
  return { credential, keyId };
}
