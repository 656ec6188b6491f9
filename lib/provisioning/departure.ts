/**
 * The portal's own traces in a customer's tenant: its service principal and what was consented to it. Taken away when
 * the work is done, and read back. Microsoft deletes a service principal softly: an administrator can restore it for 30
 * days (docs: directory-deleteditems-list), so what was granted to it is taken back first.
 */
import { GraphError, type GraphRequest, type Tenant } from "../graph/graph.ts";
import type { DesiredRegistration } from "./desired.ts";
import type { Operation } from "./plan.ts";
import { MAY } from "./roles.ts";
import { type Run, type RunResult, SignInNeeded, Site, StepStopped } from "./site.ts";
import { type Hanging, hangingOf, hangingRequests } from "./snapshot.ts";
import { counted } from "./words.ts";

/** What of the portal is in the tenant. */
export const readPresence = async (tenant: Tenant, clientId: string): Promise<Hanging> =>
  hangingOf(tenant, await tenant.batch(hangingRequests(clientId)), null);

type Removal = Operation & { calls: GraphRequest[] };
const removal = (
  what: string,
  kind: Operation["kind"],
  roles: readonly string[],
  title: string,
  detail: string,
  paths: string[],
  permissions: string[] = [],
): Removal => ({
  id: `portal.${what}`,
  registration: "portal",
  kind,
  effect: "remove",
  needsRole: null,
  roles,
  title,
  detail,
  permissions: [...new Set(permissions)].map((value) => ({ value, id: value, isGranted: true })),
  requests: paths.map((path) => ({ method: "DELETE", path: `/v1.0${path}` })),
  calls: paths.map((path) => ({ method: "DELETE", path, repeatable: true, tag: `portal.${what}` })),
});

/** Everything that leaving takes away now, in order. Pure: on the result of it, nothing is left. */
export function departurePlan({ servicePrincipalId: sp, grantedScopes, grantedRoles }: Hanging): Removal[] {
  if (!sp) return [];
  const people = new Set(grantedScopes.flatMap(({ principalId }) => principalId ?? [])).size;
  const isForAll = grantedScopes.some(({ principalId }) => principalId === null);
  const forWhom = [...(isForAll ? ["for everyone"] : []), ...(people > 0 ? [`for ${counted(people, "person", "people")}`] : [])];
  return [
    ...(grantedScopes.length > 0
      ? [
          removal(
            "grants",
            "grant-delegated",
            MAY.grantDelegated,
            "Take back what was consented to this portal",
            `Delegated permissions, ${forWhom.join(" and ")}`,
            grantedScopes.map(({ grantId }) => `/oauth2PermissionGrants/${grantId}`),
            grantedScopes.flatMap(({ scopes }) => scopes),
          ),
        ]
      : []),
    ...(grantedRoles.length > 0
      ? [
          removal(
            "roles",
            "grant-application",
            MAY.grantDelegated,
            `Take back ${counted(grantedRoles.length, "application permission")} of this portal`,
            "The portal asks for none; somebody else granted them",
            grantedRoles.map(({ assignmentId }) => `/servicePrincipals/${sp}/appRoleAssignments/${assignmentId}`),
          ),
        ]
      : []),
    removal(
      "service-principal",
      "service-principal",
      MAY.register,
      "Delete this portal's service principal",
      "It disappears from Enterprise applications. You can restore it for 30 days under Deleted applications.",
      [`/servicePrincipals/${sp}`],
    ),
  ];
}

const READ_BACK = "portal.read-back";
export const departureSteps = (operations: readonly Operation[]) => [
  ...operations.map(({ id, title }) => ({ id, title })),
  { id: READ_BACK, title: "Read back that it is gone" },
];

/** The portal as a registration of which nothing is desired: what the journal calls it. */
const PORTAL: DesiredRegistration = {
  ...{ id: "portal", uniqueName: "", adopts: null, onePerTenant: null, displayName: "This portal", signInAudience: "AzureADMyOrg" },
  ...{ isFallbackPublicClient: false, publicClientRedirectUris: [], webRedirectUris: [], spaRedirectUris: [], tags: [], productTag: "" },
  ...{ mark: "", permissions: [], scoped: [], consentAccount: null, credential: null, mayShorten: false, probes: [] },
  consentCallback: { uri: "", isWanted: false },
};

const isGone = (error: GraphError) => error.meaning === "not-found";
/** Copies of the directory differ for a while after something was deleted: so many reads in a row have to agree. */
const AGREEING_READS = 3;
const READ_PAUSE_MS = 700;
const DEADLINE_MS = 15 * 60_000;

/** Takes the portal out of the tenant in one round trip, with the token that it has, and reads that it is gone. */
export async function depart(run: Run, clientId: string, before: Hanging): Promise<RunResult> {
  const site = new Site(run, PORTAL);
  const operations = departurePlan(before);
  try {
    for (const { id } of operations) site.starts(id);
    const calls = operations.flatMap((operation) => operation.calls.map((call) => ({ operation, call })));
    const answers = await site.tenant.chain(
      calls.map(({ call }) => call),
      isGone,
    );
    let stopped: RunResult | null = null;
    for (const { id, title, roles } of operations) {
      const refusal = calls
        .flatMap(({ operation }, index) => (operation.id === id ? [answers[index]] : []))
        .find((answer): answer is GraphError => answer instanceof GraphError && !isGone(answer));
      if (!refusal) site.ends(id, "done");
      else if (refusal.meaning === "not-tried") site.ends(id, "skipped", { note: "Not tried, since the one before it was refused" });
      else stopped ??= failed(site.refused(id, refusal, `${title[0]?.toLowerCase()}${title.slice(1)}`, roles));
    }
    if (stopped) return stopped;
    const unread = await site.step({ id: READ_BACK, doing: "show that it is gone" }, () => readGone(site, clientId, before));
    return unread ? failed(unread) : { outcome: "done" };
  } finally {
    await site.flush();
  }
}
/** Nobody else is asked to take the portal out: whoever may starts it anew. */
const failed = ({ failure }: RunResult): RunResult => ({ outcome: "failed", ...(failure ? { failure } : {}) });

async function readGone(site: Site, clientId: string, { servicePrincipalId }: Hanging) {
  const until = site.run.now().getTime() + DEADLINE_MS;
  for (let agreeing = 0; agreeing < AGREEING_READS; ) {
    const now = await readPresence(site.tenant, clientId);
    const grants = await site.tenant.list(`/oauth2PermissionGrants?$filter=${encodeURIComponent(`clientId eq '${servicePrincipalId}'`)}`);
    const isLeft = now.servicePrincipalId !== null || grants.length > 0;
    agreeing = isLeft ? 0 : agreeing + 1;
    const at = site.run.now().getTime();
    if (isLeft && at > until)
      throw new StepStopped("failed", {
        message: "Your tenant still shows this portal.",
        action: "Wait some minutes and look at Enterprise applications. If it is still there, try again.",
        who: "You",
      });
    if (isLeft) await site.wait("Your tenant still shows it. Usually under a minute, up to 15.", new Date(at + READ_PAUSE_MS));
    if (agreeing < AGREEING_READS) await new Promise((resolve) => setTimeout(resolve, READ_PAUSE_MS));
  }
  const isRefused = await site.run.token(true).then(
    () => false,
    (error: unknown) => {
      if (error instanceof SignInNeeded) return true;
      throw error;
    },
  );
  return {
    note: isRefused
      ? "Neither the service principal nor a permission is left, and Microsoft gives this portal no token for your tenant any more"
      : "Neither the service principal nor a permission is left. The token that did this ends by itself within the hour",
  };
}
