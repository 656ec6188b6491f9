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
  spaRedirectUris: string[];
  tags: string[];
  /** api → permission ids, of what the application asks for. */
  declared: { resourceAppId: string; resourceAccess: { id: string; type: "Scope" | "Role" }[] }[];
  credentials: { keyId: string; displayName: string | null; startDateTime?: string; endDateTime: string }[];
  /** Certificates, as Graph has them: writing the collection replaces it. */
  certificates: GraphKey[];
  federated: { name: string; issuer: string; subject: string; audiences: string[] }[];
  servicePrincipalId: string | null;
  /** Somebody disabled its service principal: no sign-in with it is let through. */
  isDisabled: boolean;
  grantedRoles: { resourceId: string; appRoleId: string; assignmentId: string }[];
  /** `principalId` null: for everyone in the tenant. */
  grantedScopes: { grantId: string; resourceId: string; principalId: string | null; scopes: string[] }[];
};
/** What a tenant holds that matters to the plan. Permission names and ids come from the tenant itself. */
export type Actual = {
  resources: Partial<Record<Api, ResourcePrincipal>>;
  registrations: Record<string, ActualRegistration | null>;
  /** Other applications of the same display name, by registration; they are left alone. */
  namesakes: Record<string, string[]>;
  /** Of a product that allows one registration per tenant: those that look like it and are not the one that is planned. */
  lookalikes: Record<string, Lookalike[]>;
  /** Object ids of accounts that permissions are granted for, by user principal name; null when there is no such account. */
  accounts: Record<string, string | null>;
};
export type Lookalike = { appId: string; displayName: string; because: string };
type GraphKey = {
  keyId: string;
  displayName: string | null;
  customKeyIdentifier: string | null;
  endDateTime: string;
  key?: string | null;
  [property: string]: unknown;
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
  spa?: { redirectUris: string[] };
  requiredResourceAccess: ActualRegistration["declared"];
  keyCredentials?: GraphKey[];
  passwordCredentials: ActualRegistration["credentials"];
};
type GraphServicePrincipal = {
  id: string;
  appRoles: { id: string; value: string; isEnabled: boolean }[];
  oauth2PermissionScopes: { id: string; value: string; isEnabled: boolean }[];
};
type Page<T> = { value: T[]; "@odata.nextLink"?: string };
type GraphAssignment = { id: string; resourceId: string; appRoleId: string };
type GraphGrant = { id: string; resourceId: string; consentType: string; principalId: string | null; scope: string };

const AGREEING_ABSENCES = 4;
const ABSENCE_PAUSE_MS = 300;
const APPLICATION_FIELDS =
  "id,appId,displayName,signInAudience,isFallbackPublicClient,tags,publicClient,web,spa,requiredResourceAccess,passwordCredentials,keyCredentials";
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

/** Where an application is found: by our key, or by its own ID when the admin picked one that was there before. */
export const applicationPath = ({ uniqueName, adopts }: DesiredRegistration) =>
  adopts ? `/applications(appId='${adopts}')` : `/applications(uniqueName='${uniqueName}')`;
const applicationRequest = (registration: DesiredRegistration) => get(`${applicationPath(registration)}?$select=${APPLICATION_FIELDS}`);
const federatedRequest = (registration: DesiredRegistration) => get(`${applicationPath(registration)}/federatedIdentityCredentials`);
const accountRequest = (account: string) => get(`/users/${encodeURIComponent(account)}?$select=id`);
const accountsOf = (registrations: readonly DesiredRegistration[]) => [
  ...new Set(registrations.flatMap(({ consentAccount }) => consentAccount ?? [])),
];

/** What hangs on a registration: its service principal, and what that was granted. */
export const hangingRequests = (appId: string) => {
  const sp = `/servicePrincipals(appId='${appId}')`;
  return [get(`${sp}?$select=id,accountEnabled`), get(`${sp}/appRoleAssignments`), get(`${sp}/oauth2PermissionGrants`)];
};

export type Hanging = Pick<ActualRegistration, "servicePrincipalId" | "isDisabled" | "grantedRoles" | "grantedScopes">;
/** `grants`: read one by one before; without them the list among the answers counts. */
export async function hangingOf(
  tenant: Tenant,
  answers: readonly (GraphAnswer | GraphError | undefined)[],
  grants: readonly (GraphGrant | null)[] | null,
): Promise<Hanging> {
  const sp = bodyOrNull<{ id: string; accountEnabled?: boolean | null }>(answers[0]);
  const roles = bodyOrNull<Page<GraphAssignment>>(answers[1]);
  const listed = grants ? null : bodyOrNull<Page<GraphGrant>>(answers[2]);
  const all = grants ?? (listed ? await tenant.rest(listed) : []);
  return {
    servicePrincipalId: sp?.id ?? null,
    isDisabled: sp?.accountEnabled === false,
    grantedRoles: (roles ? await tenant.rest(roles) : []).map(({ id, resourceId, appRoleId }) => ({
      resourceId,
      appRoleId,
      assignmentId: id,
    })),
    grantedScopes: all
      .filter((grant) => grant !== null)
      .map(({ id: grantId, resourceId, principalId, scope }) => ({
        grantId,
        resourceId,
        principalId: principalId ?? null,
        scopes: scope.split(" ").filter(Boolean),
      })),
  };
}

const registrationOf = (
  application: GraphApplication,
  federated: Page<ActualRegistration["federated"][number]> | null,
  hanging: Hanging,
): ActualRegistration => ({
  appId: application.appId,
  objectId: application.id,
  displayName: application.displayName,
  signInAudience: application.signInAudience,
  isFallbackPublicClient: application.isFallbackPublicClient === true,
  publicClientRedirectUris: application.publicClient.redirectUris,
  webRedirectUris: application.web.redirectUris,
  spaRedirectUris: application.spa?.redirectUris ?? [],
  tags: application.tags,
  declared: application.requiredResourceAccess,
  credentials: application.passwordCredentials,
  certificates: application.keyCredentials ?? [],
  federated: federated?.value ?? [],
  ...hanging,
});

const isFederated = ({ credential }: DesiredRegistration) => credential?.kind === "federated";

/** Reads the tenant: one round trip when nothing of ours is there, two when something is. */
export async function snapshot(tenant: Tenant, registrations: readonly DesiredRegistration[]): Promise<Actual> {
  const apis = apisOf(registrations);
  const accounts = accountsOf(registrations);
  const isAlone = registrations.some(({ onePerTenant }) => onePerTenant);
  const [answers, others] = await Promise.all([
    tenant.batch([
      ...apis.map(resourceRequest),
      ...registrations.map(applicationRequest),
      ...registrations.map(({ displayName }) =>
        get(`/applications?$filter=displayName eq '${quoted(displayName)}'&$select=id,appId,uniqueName`),
      ),
      ...accounts.map(accountRequest),
    ]),
    // Graph cannot filter by redirect URI.
    isAlone
      ? tenant.list<OtherApplication>("/applications?$select=id,appId,displayName,uniqueName,web,spa,publicClient,tags&$top=999")
      : [],
  ]);
  const actual: Actual = { resources: {}, registrations: {}, namesakes: {}, lookalikes: {}, accounts: {} };
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
  const afterNames = apis.length + 2 * registrations.length;
  for (const [index, account] of accounts.entries())
    actual.accounts[account] = bodyOrNull<{ id: string }>(answers[afterNames + index])?.id ?? null;
  await Promise.all(
    registrations.map(async (registration, index) => {
      const { id, uniqueName, adopts } = registration;
      const application = bodyOrNull<GraphApplication>(answers[apis.length + index]);
      const named = bodyOrNull<Page<{ appId: string; uniqueName: string | null }>>(answers[apis.length + registrations.length + index]);
      actual.namesakes[id] = (named?.value ?? [])
        .filter((other) => (adopts ? other.appId !== adopts : other.uniqueName !== uniqueName))
        .map(({ appId }) => appId);
      actual.lookalikes[id] = lookalikesOf(registration, application?.appId ?? null, others);
      if (!application) {
        actual.registrations[id] = null;
        return;
      }
      const hanging = await tenant.batch([
        ...hangingRequests(application.appId),
        ...(isFederated(registration) ? [federatedRequest(registration)] : []),
      ]);
      actual.registrations[id] = registrationOf(application, bodyOrNull(hanging[3]), await hangingOf(tenant, hanging, null));
    }),
  );
  return actual;
}

type OtherApplication = Pick<GraphApplication, "appId" | "displayName" | "tags" | "web" | "publicClient" | "spa"> & {
  uniqueName: string | null;
};
function lookalikesOf(
  { onePerTenant, productTag, uniqueName }: DesiredRegistration,
  own: string | null,
  others: readonly OtherApplication[],
): Lookalike[] {
  if (!onePerTenant) return [];
  const { redirectUriEndsWith: end } = onePerTenant;
  return others.flatMap((other) => {
    if (other.appId === own || other.uniqueName === uniqueName) return [];
    const { appId, displayName } = other;
    if (other.tags.includes(productTag)) return [{ appId, displayName, because: "it carries this product's tag" }];
    const uri = [other.web, other.spa, other.publicClient]
      .flatMap((each) => each?.redirectUris ?? [])
      .find((each) => end && each.endsWith(end));
    return uri ? [{ appId, displayName, because: `it has the redirect URI ${uri}` }] : [];
  });
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
  const account = registration.consentAccount ? (before.accounts[registration.consentAccount] ?? null) : null;
  const grantIds = Object.values(before.resources).flatMap((resource) =>
    (account ? [null, account] : [null]).map((principal) => delegatedGrantId(servicePrincipalId, resource.servicePrincipalId, principal)),
  );
  const answers = await tenant.batch([
    applicationRequest(registration),
    ...hangingRequests(appId).slice(0, 2),
    ...grantIds.map((id) => get(`/oauth2PermissionGrants/${id}`)),
    ...(isFederated(registration) ? [federatedRequest(registration)] : []),
  ]);
  const application = bodyOrNull<GraphApplication>(answers[0]);
  const grants = grantIds.map((_, index) => bodyOrNull<GraphGrant>(answers[3 + index]));
  const federated = bodyOrNull<Page<ActualRegistration["federated"][number]>>(answers[3 + grantIds.length]);
  return {
    ...before,
    registrations: {
      ...before.registrations,
      [registration.id]: application ? registrationOf(application, federated, await hangingOf(tenant, answers.slice(1, 3), grants)) : null,
    },
  };
}
