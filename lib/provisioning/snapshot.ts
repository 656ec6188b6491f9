import { delegatedGrantId, type GraphAnswer, GraphError, type GraphRequest, RESOURCE_APP_ID, type Tenant } from "../graph/graph.ts";
import type { DesiredRegistration } from "./desired.ts";

export type Api = keyof typeof RESOURCE_APP_ID;
type ResourcePrincipal = { servicePrincipalId: string; roles: Record<string, string>; scopes: Record<string, string> };
export type ActualRegistration = {
  appId: string;
  objectId: string;
  displayName: string;
  signInAudience: string;
  isFallbackPublicClient: boolean;
  publicClientRedirectUris: string[];
  webRedirectUris: string[];
  tags: string[];
  /** api → permission ids, of what the application asks for. */
  declared: { resourceAppId: string; resourceAccess: { id: string; type: "Scope" | "Role" }[] }[];
  credentials: { keyId: string; displayName: string | null; endDateTime: string }[];
  servicePrincipalId: string | null;
  grantedRoles: { resourceId: string; appRoleId: string; assignmentId: string }[];
  grantedScopes: { grantId: string; resourceId: string; scopes: string[] }[];
};
/** What a tenant holds that matters to the plan. Permission names and ids come from the tenant itself. */
export type Actual = {
  resources: Partial<Record<Api, ResourcePrincipal>>;
  registrations: Record<string, ActualRegistration | null>;
  /** Other applications of the same display name, by registration; they are left alone. */
  namesakes: Record<string, string[]>;
};
/** What is known of a registration from having made it: it saves a round trip. */
export type Whereabouts = { appId: string; servicePrincipalId: string };

type GraphApplication = {
  id: string;
  appId: string;
  displayName: string;
  signInAudience: string;
  isFallbackPublicClient: boolean | null;
  tags: string[];
  publicClient: { redirectUris: string[] };
  web: { redirectUris: string[] };
  requiredResourceAccess: ActualRegistration["declared"];
  passwordCredentials: ActualRegistration["credentials"];
};
type GraphServicePrincipal = {
  id: string;
  appRoles: { id: string; value: string; isEnabled: boolean }[];
  oauth2PermissionScopes: { id: string; value: string; isEnabled: boolean }[];
};
type Page<T> = { value: T[]; "@odata.nextLink"?: string };
type GraphAssignment = { id: string; resourceId: string; appRoleId: string };
type GraphGrant = { id: string; resourceId: string; consentType: string; scope: string };

const AGREEING_ABSENCES = 4;
const ABSENCE_PAUSE_MS = 300;
const APPLICATION_FIELDS =
  "id,appId,displayName,signInAudience,isFallbackPublicClient,tags,publicClient,web,requiredResourceAccess,passwordCredentials";
const get = (path: string): GraphRequest => ({ method: "GET", path });
const quoted = (text: string) => encodeURIComponent(text.replaceAll("'", "''"));

/** The answer's body; null when the object is not there. Any other failure is thrown. */
function bodyOrNull<T>(answer: GraphAnswer | GraphError | undefined): T | null {
  if (answer instanceof GraphError) {
    if (answer.meaning === "not-found") return null;
    throw answer;
  }
  return (answer?.body ?? null) as T | null;
}

const apisOf = (registrations: readonly DesiredRegistration[]): Api[] => [
  ...new Set<Api>(["graph", ...registrations.flatMap(({ permissions }) => permissions.map(({ api }) => api))]),
];

const resourceRequest = (api: Api) => get(`/servicePrincipals(appId='${RESOURCE_APP_ID[api]}')?$select=id,appRoles,oauth2PermissionScopes`);
export function resourceOf(body: unknown): ResourcePrincipal {
  const sp = body as GraphServicePrincipal;
  const byValue = (entries: { id: string; value: string; isEnabled: boolean }[]) =>
    Object.fromEntries(entries.filter(({ isEnabled }) => isEnabled).map(({ id, value }) => [value, id]));
  return { servicePrincipalId: sp.id, roles: byValue(sp.appRoles), scopes: byValue(sp.oauth2PermissionScopes) };
}

const applicationRequest = ({ uniqueName }: DesiredRegistration) =>
  get(`/applications(uniqueName='${uniqueName}')?$select=${APPLICATION_FIELDS}`);

/** What hangs on a registration: its service principal, and what that was granted. */
const hangingRequests = (appId: string) => {
  const sp = `/servicePrincipals(appId='${appId}')`;
  return [get(`${sp}?$select=id`), get(`${sp}/appRoleAssignments`), get(`${sp}/oauth2PermissionGrants`)];
};

async function hangingOf(
  tenant: Tenant,
  answers: readonly (GraphAnswer | GraphError | undefined)[],
  grants: readonly (GraphGrant | null)[] | null,
) {
  const sp = bodyOrNull<{ id: string }>(answers[0]);
  const roles = bodyOrNull<Page<GraphAssignment>>(answers[1]);
  const listed = grants ? null : bodyOrNull<Page<GraphGrant>>(answers[2]);
  const all = grants ?? (listed ? await tenant.rest(listed) : []);
  return {
    servicePrincipalId: sp?.id ?? null,
    grantedRoles: (roles ? await tenant.rest(roles) : []).map(({ id, resourceId, appRoleId }) => ({
      resourceId,
      appRoleId,
      assignmentId: id,
    })),
    grantedScopes: all
      .filter((grant): grant is GraphGrant => grant?.consentType === "AllPrincipals")
      .map(({ id: grantId, resourceId, scope }) => ({ grantId, resourceId, scopes: scope.split(" ").filter(Boolean) })),
  };
}

const registrationOf = (application: GraphApplication, hanging: Awaited<ReturnType<typeof hangingOf>>): ActualRegistration => ({
  appId: application.appId,
  objectId: application.id,
  displayName: application.displayName,
  signInAudience: application.signInAudience,
  isFallbackPublicClient: application.isFallbackPublicClient === true,
  publicClientRedirectUris: application.publicClient.redirectUris,
  webRedirectUris: application.web.redirectUris,
  tags: application.tags,
  declared: application.requiredResourceAccess,
  credentials: application.passwordCredentials,
  ...hanging,
});

/** Reads the tenant: one round trip when nothing of ours is there, two when something is. */
export async function snapshot(tenant: Tenant, registrations: readonly DesiredRegistration[]): Promise<Actual> {
  const apis = apisOf(registrations);
  const answers = await tenant.batch([
    ...apis.map(resourceRequest),
    ...registrations.map(applicationRequest),
    ...registrations.map(({ displayName }) =>
      get(`/applications?$filter=displayName eq '${quoted(displayName)}'&$select=id,appId,uniqueName`),
    ),
  ]);
  const actual: Actual = { resources: {}, registrations: {}, namesakes: {} };
  await Promise.all(
    apis.map(async (api, index) => {
      let body = bodyOrNull(answers[index]);
      // Before a service of Microsoft's is said to be missing, several reads have to agree.
      for (let again = 0; !body && again < AGREEING_ABSENCES; again++) {
        await new Promise((resolve) => setTimeout(resolve, ABSENCE_PAUSE_MS));
        body = bodyOrNull((await tenant.batch([resourceRequest(api)]))[0]);
      }
      if (body) actual.resources[api] = resourceOf(body);
    }),
  );
  await Promise.all(
    registrations.map(async ({ id, uniqueName }, index) => {
      const application = bodyOrNull<GraphApplication>(answers[apis.length + index]);
      const named = bodyOrNull<Page<{ appId: string; uniqueName: string | null }>>(answers[apis.length + registrations.length + index]);
      actual.namesakes[id] = (named?.value ?? []).filter((other) => other.uniqueName !== uniqueName).map(({ appId }) => appId);
      actual.registrations[id] = application
        ? registrationOf(application, await hangingOf(tenant, await tenant.batch(hangingRequests(application.appId)), null))
        : null;
    }),
  );
  return actual;
}

/**
 * Reads one registration that was made moments ago, in one round trip. Delegated grants are read by their derived ids:
 * lists lag longer than reads of one object.
 */
export async function readBack(
  tenant: Tenant,
  registration: DesiredRegistration,
  before: Actual,
  { appId, servicePrincipalId }: Whereabouts,
): Promise<Actual> {
  const resources = Object.values(before.resources);
  const answers = await tenant.batch([
    applicationRequest(registration),
    ...hangingRequests(appId).slice(0, 2),
    ...resources.map((resource) => get(`/oauth2PermissionGrants/${delegatedGrantId(servicePrincipalId, resource.servicePrincipalId)}`)),
  ]);
  const application = bodyOrNull<GraphApplication>(answers[0]);
  const grants = resources.map((_, index) => bodyOrNull<GraphGrant>(answers[3 + index]));
  return {
    ...before,
    registrations: {
      ...before.registrations,
      [registration.id]: application ? registrationOf(application, await hangingOf(tenant, answers.slice(1, 3), grants)) : null,
    },
  };
}
