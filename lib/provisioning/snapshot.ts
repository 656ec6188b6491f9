import { type GraphAnswer, GraphError, RESOURCE_APP_ID, type Tenant } from "../graph/graph.ts";
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
  grantedRoles: { resourceId: string; appRoleId: string }[];
  grantedScopes: { grantId: string; resourceId: string; scopes: string[] }[];
};
/** What a tenant holds that matters to the plan. Permission names and ids come from the tenant itself. */
export type Actual = {
  resources: Partial<Record<Api, ResourcePrincipal>>;
  registrations: Record<string, ActualRegistration | null>;
};

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

const APPLICATION_FIELDS =
  "id,appId,displayName,signInAudience,isFallbackPublicClient,tags,publicClient,web,requiredResourceAccess,passwordCredentials";

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

/** Reads the tenant: one round trip when nothing of ours is there, two when something is. */
export async function snapshot(tenant: Tenant, registrations: readonly DesiredRegistration[]): Promise<Actual> {
  const apis = apisOf(registrations);
  const answers = await tenant.batch([
    ...apis.map((api) => ({
      method: "GET" as const,
      path: `/servicePrincipals(appId='${RESOURCE_APP_ID[api]}')?$select=id,appRoles,oauth2PermissionScopes`,
    })),
    ...registrations.map(({ uniqueName }) => ({
      method: "GET" as const,
      path: `/applications(uniqueName='${uniqueName}')?$select=${APPLICATION_FIELDS}`,
    })),
  ]);
  const actual: Actual = { resources: {}, registrations: {} };
  apis.forEach((api, index) => {
    const sp = bodyOrNull<GraphServicePrincipal>(answers[index]);
    const byValue = (entries: { id: string; value: string; isEnabled: boolean }[]) =>
      Object.fromEntries(entries.filter(({ isEnabled }) => isEnabled).map(({ id, value }) => [value, id]));
    if (sp) actual.resources[api] = { servicePrincipalId: sp.id, roles: byValue(sp.appRoles), scopes: byValue(sp.oauth2PermissionScopes) };
  });
  const found = registrations.map(({ id }, index) => ({ id, application: bodyOrNull<GraphApplication>(answers[apis.length + index]) }));
  for (const { id } of found) actual.registrations[id] = null;
  await Promise.all(
    found.map(async ({ id, application }) => {
      if (!application) return;
      const [spAnswer] = await tenant.batch([{ method: "GET", path: `/servicePrincipals(appId='${application.appId}')?$select=id` }]);
      const sp = bodyOrNull<{ id: string }>(spAnswer);
      const [roles, grants] = sp
        ? await Promise.all([
            tenant.list<{ resourceId: string; appRoleId: string }>(`/servicePrincipals/${sp.id}/appRoleAssignments`),
            tenant.list<{ id: string; resourceId: string; consentType: string; scope: string }>(
              `/oauth2PermissionGrants?$filter=clientId eq '${sp.id}'`,
            ),
          ])
        : [[], []];
      actual.registrations[id] = {
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
        servicePrincipalId: sp?.id ?? null,
        grantedRoles: roles.map(({ resourceId, appRoleId }) => ({ resourceId, appRoleId })),
        grantedScopes: grants
          .filter(({ consentType }) => consentType === "AllPrincipals")
          .map(({ id: grantId, resourceId, scope }) => ({ grantId, resourceId, scopes: scope.split(" ").filter(Boolean) })),
      };
    }),
  );
  return actual;
}
