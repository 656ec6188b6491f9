/**
 * Grants and the credential, in one chain: what this person may do first, the credential last, so that none is issued
 * before the permissions are there.
 */
import type { Made } from "../audit/events.ts";
import { type GraphAnswer, GraphError, type GraphRequest } from "../graph/graph.ts";
import type { Payload } from "../handoff/handoff.ts";
import { Secret } from "../secret.ts";
import { credentialRequest, isLost, issueAlone } from "./credential.ts";
import { isChange, type Operation, plan } from "./plan.ts";
import { type RunResult, requireSignIn, type Site, StepStopped } from "./site.ts";
import type { Actual } from "./snapshot.ts";
import { agree, type Issued } from "./verify.ts";

/** How long a colleague's grant is looked for before this person's refusal counts. */
const GRANT_SHOWS_MS = 60_000;

/** What is handed over of a registration besides its secret. */
export const handoverOf = ({ run, desired, existing, appId }: Site): Payload => ({
  displayName: existing?.displayName ?? desired.displayName,
  applicationId: appId,
  tenantName: run.admin.tenantName,
  tenantId: run.admin.tenantId,
  redirectUris: [...desired.webRedirectUris, ...desired.spaRedirectUris, ...desired.publicClientRedirectUris],
  secretValue: null,
  secretEndsAt: null,
  ...(desired.credential?.kind === "certificate" ? { certificateThumbprint: desired.credential.thumbprint } : {}),
  ...(desired.credential?.kind === "federated" ? { federatedSubject: desired.credential.subject } : {}),
});

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
  const account = site.principalId;
  const granted = existing?.grantedScopes.find((grant) => grant.resourceId === resourceId && grant.principalId === account);
  const wanted = operation.permissions.map(({ value }) => value);
  const makes = wanted
    .filter((value) => !granted?.scopes.includes(value))
    .map((value): Made => ({ kind: "scope", resourceId, value, ...(account ? { principalId: account } : {}) }));
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
            body: {
              clientId: principalId,
              consentType: account ? "Principal" : "AllPrincipals",
              principalId: account,
              resourceId,
              scope: wanted.join(" "),
            },
            ...common,
          },
          makes,
        },
  ];
}

const DOING: Partial<Record<Operation["kind"], string>> = {
  "grant-application": "grant the application permissions",
  "grant-delegated": "grant the delegated permissions",
  credential: "accept the credential",
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
export async function grantAndIssue(site: Site, operations: readonly Operation[]): Promise<Issued | RunResult> {
  const { desired, run } = site;
  const isFine = (error: GraphError) => error.meaning === "already-there";
  let open = inOrder(operations);
  let stopped: RunResult | null = null;
  let issued: Issued = { credential: null, keyId: run.known[desired.id]?.verifiedKeyId ?? null, sealed: Promise.resolve() };
  while (open.length > 0) {
    const name = `${desired.mark} ${run.newNonce()}`;
    const planned = open.flatMap((operation) =>
      operation.kind === "credential"
        ? stopped
          ? []
          : [{ operation, ...credentialRequest(site, operation.id, name) }]
        : grantRequests(site, operation).map((each) => ({ operation, ...each })),
    );
    for (const operation of open)
      if (operation.kind !== "credential" || desired.credential?.kind !== "secret")
        site.starts(operation.id, { makes: planned.filter((each) => each.operation === operation).flatMap((each) => each.makes) });
      else if (!stopped) site.startsCredential(operation.id, name);
    const answers = await site.tenant.chain(
      planned.map(({ request }) => request),
      isFine,
    );
    const left: Operation[] = [];
    for (const operation of open) {
      const own = planned.flatMap((each, index) => (each.operation === operation ? [{ ...each, answer: answers[index]! }] : []));
      if (operation.kind === "credential" && desired.credential?.kind === "secret") {
        const answer = own.at(-1)?.answer;
        const isUntried = !answer || (answer instanceof GraphError && answer.meaning === "not-tried");
        // Nobody knows whether it was issued; but without the permissions no other one may be.
        const isUnknown = answer instanceof GraphError && isLost(answer) && (stopped !== null || left.length > 0);
        if (isUntried || isUnknown) {
          // It comes last: when nothing else stopped the run, it was only the chain that broke.
          if (answer && !stopped) left.push(operation);
          site.ends(operation.id, "skipped", {
            note: "Issued once the permissions are granted",
            ...(isUntried ? { facts: site.knowsCredential(name), notMade: [{ kind: "credential", name }] } : {}),
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
            ...(operation.permissions.length > 0 ? { note: operation.permissions.map(({ value }) => value).join(", ") } : {}),
            // Somebody else was faster: it is theirs.
            notMade: site.hasLostAnswers ? [] : (merged?.held ?? taken.flatMap(({ makes }) => makes)),
          });
      }
    }
    open = left;
  }
  if (stopped) await issued.sealed;
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
    return {
      held: wanted
        .filter((value) => scopes.has(value))
        .map((value) => ({ kind: "scope", resourceId, value, ...(site.principalId ? { principalId: site.principalId } : {}) })),
    };
  } catch (error) {
    if (error instanceof GraphError) return site.refused(operation.id, error, DOING["grant-delegated"]!, operation.roles);
    throw error;
  }
}

/** What became of the credential: it is being sealed; or, when nobody knows, it is made anew. */
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
  const payload = { ...handoverOf(site), secretValue: credential.expose(), secretEndsAt: endDateTime };
  const sealed = run.seal(desired.id, payload).then(() =>
    site.ends(operation.id, "done", {
      note: `Valid until ${endDateTime.slice(0, 10)}`,
      facts: { keyId, secretEndsAt: endDateTime, verifiedKeyId: null, ...site.knowsCredential(issued.name) },
    }),
  );
  // Whoever awaits it hears of a failure; until then nobody else need.
  sealed.catch(() => undefined);
  return { credential, keyId, sealed };
}
