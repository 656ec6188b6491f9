/**
 * The portal's own registration in the tenant of whoever runs it: what it has to be, how far it is from that, and making it
 * so. The same code for Microsoft and for anything that speaks like it.
 */
import { randomUUID } from "node:crypto";
import { RESOURCE_APP_ID, type Tenant } from "../graph/graph.ts";

export const SCOPES = [
  "User.Read",
  "Application.ReadWrite.All",
  "AppRoleAssignment.ReadWrite.All",
  "DelegatedPermissionGrant.ReadWrite.All",
  "User.ReadBasic.All",
  "Application.Read.All",
  "DelegatedPermissionGrant.Read.All",
] as const;
const APP_ROLES = [
  ["Support.Viewer", "User", "Watches onboardings"],
  ["Support.Agent", "User", "Invites customers and helps them"],
  ["Support.Manager", "User", "Also makes API keys and webhooks"],
  ["Support.Operator", "User", "Also sees the state of the installation"],
  ["Handoff.Collect", "Application", "Fetches values that an admin released to the vendor's system"],
] as const;

type AppRole = {
  id: string;
  value: string;
  displayName: string;
  description: string;
  isEnabled: boolean;
  allowedMemberTypes: string[];
};
type Scope = { id: string; value: string; isEnabled: boolean; type: string; [words: string]: unknown };
type Access = { resourceAppId: string; resourceAccess: { id: string; type: string }[] };
/** As much of an application as is looked at (Graph: application resource type). */
export type PortalApplication = {
  id: string;
  appId: string;
  displayName: string;
  signInAudience: string;
  groupMembershipClaims: string | null;
  identifierUris: string[];
  spa: { redirectUris: string[] };
  api: { requestedAccessTokenVersion?: number | null; oauth2PermissionScopes?: Scope[] } | null;
  appRoles: AppRole[];
  requiredResourceAccess: Access[];
  verifiedPublisher: { displayName?: string | null } | null;
};
/** Microsoft Graph's delegated permissions by name. */
export type ScopeIds = ReadonlyMap<string, string>;

/** One thing that is not as it has to be. `change`: what a PATCH of the application mends it with; without one only a person can. */
export type Difference = { what: string; fix: string; change?: Record<string, unknown> };

const callback = (baseUrl: string) => `${baseUrl}/auth/callback`;
const accessScope = (): Scope => ({
  id: randomUUID(),
  value: "access",
  isEnabled: true,
  type: "User",
  adminConsentDisplayName: "Sign in to the onboarding portal",
  adminConsentDescription: "Lets the portal see who you are and which directory roles you hold.",
  userConsentDisplayName: "Sign in to the onboarding portal",
  userConsentDescription: "Lets the portal see who you are and which directory roles you hold.",
});

/** Everything that keeps this registration from serving the portal at `baseUrl`. Pure. Nothing that is there is taken away. */
export function differences(application: PortalApplication, baseUrl: string, scopeIds: ScopeIds): Difference[] {
  const { api, appRoles = [], appId, identifierUris = [], requiredResourceAccess = [], spa } = application;
  const found: Difference[] = [];
  if (application.signInAudience !== "AzureADMultipleOrgs")
    found.push({
      what: "Only accounts of its own tenant may sign in",
      fix: "Supported account types: accounts in any organizational directory.",
      change: { signInAudience: "AzureADMultipleOrgs" },
    });
  if (!spa?.redirectUris.includes(callback(baseUrl)))
    found.push({
      what: `The redirect URI ${callback(baseUrl)} is missing`,
      fix: "Authentication, single-page application: add it.",
      change: { spa: { redirectUris: [...(spa?.redirectUris ?? []), callback(baseUrl)] } },
    });
  if (application.groupMembershipClaims !== "DirectoryRole" && application.groupMembershipClaims !== "All")
    found.push({
      what: "Tokens do not say which directory roles somebody holds",
      fix: 'Manifest: "groupMembershipClaims": "DirectoryRole".',
      change: { groupMembershipClaims: "DirectoryRole" },
    });
  if (!identifierUris.includes(`api://${appId}`))
    found.push({
      what: `The application ID URI api://${appId} is missing`,
      fix: "Expose an API, Application ID URI.",
      change: { identifierUris: [...identifierUris, `api://${appId}`] },
    });
  const scope = api?.oauth2PermissionScopes?.find(({ value }) => value === "access");
  if (api?.requestedAccessTokenVersion !== 2 || !scope?.isEnabled) {
    const others = api?.oauth2PermissionScopes?.filter(({ value }) => value !== "access") ?? [];
    found.push({
      what: scope?.isEnabled ? "Access tokens are of version 1" : 'The scope "access" is not exposed',
      fix: 'Expose an API: a scope "access", consent by admins and users. Manifest: "requestedAccessTokenVersion": 2.',
      change: {
        api: {
          ...api,
          requestedAccessTokenVersion: 2,
          oauth2PermissionScopes: [...others, { ...(scope ?? accessScope()), isEnabled: true }],
        },
      },
    });
  }
  const missingRoles = APP_ROLES.filter(([value]) => !appRoles.some((role) => role.value === value && role.isEnabled));
  if (missingRoles.length > 0)
    found.push({
      what: `App roles are missing: ${missingRoles.map(([value]) => value).join(", ")}`,
      fix: "App roles: create them (Handoff.Collect for applications, the others for users/groups).",
      change: {
        appRoles: [
          ...appRoles.map((role) => (missingRoles.some(([value]) => value === role.value) ? { ...role, isEnabled: true } : role)),
          ...missingRoles
            .filter(([value]) => !appRoles.some((role) => role.value === value))
            .map(([value, member, description]) => ({
              ...{ id: randomUUID(), value, displayName: value, description, isEnabled: true, allowedMemberTypes: [member] },
            })),
        ],
      },
    });
  const declared = requiredResourceAccess.find(({ resourceAppId }) => resourceAppId === RESOURCE_APP_ID.graph)?.resourceAccess ?? [];
  const missingScopes = SCOPES.filter((name) => !declared.some(({ id, type }) => id === scopeIds.get(name) && type === "Scope"));
  if (missingScopes.length > 0)
    found.push({
      what: `Permissions are not declared: ${missingScopes.join(", ")}`,
      fix: "API permissions, Microsoft Graph, delegated: add them. Do not grant them here.",
      change: {
        requiredResourceAccess: [
          ...requiredResourceAccess.filter(({ resourceAppId }) => resourceAppId !== RESOURCE_APP_ID.graph),
          {
            resourceAppId: RESOURCE_APP_ID.graph,
            resourceAccess: [...declared, ...missingScopes.map((name) => ({ id: scopeIds.get(name) ?? "", type: "Scope" }))],
          },
        ],
      },
    });
  const names = new Set(scopeIds.values());
  const foreign = declared.filter(({ id, type }) => type === "Scope" && names.has(id) && !SCOPES.some((name) => scopeIds.get(name) === id));
  if (foreign.length > 0) {
    const byId = new Map([...scopeIds].map(([name, id]) => [id, name]));
    found.push({
      what: `It declares more than the portal needs: ${foreign.map(({ id }) => byId.get(id)).join(", ")}`,
      fix: "API permissions: remove them, unless you know what they are for. Customers see what is declared.",
    });
  }
  if (!application.verifiedPublisher?.displayName)
    found.push({
      what: "The publisher is not verified",
      fix: "Branding & properties, Publisher verification: associate your Partner One ID. Customers then see your name with a check mark.",
    });
  return found;
}

/** The registration by its application ID; null when the tenant does not have it. */
export async function read(graph: Tenant, appId: string): Promise<PortalApplication | null> {
  const { body } = await graph.call({ method: "GET", path: `/applications?$filter=appId eq '${appId}'` });
  return (body as { value: PortalApplication[] }).value[0] ?? null;
}

/** The ids of Graph's delegated permissions, as this tenant has them. */
export async function scopeIdsOf(graph: Tenant): Promise<ScopeIds> {
  const { body } = await graph.call({
    method: "GET",
    path: `/servicePrincipals(appId='${RESOURCE_APP_ID.graph}')?$select=id,oauth2PermissionScopes`,
  });
  const { oauth2PermissionScopes } = body as { oauth2PermissionScopes: { id: string; value: string }[] };
  return new Map(oauth2PermissionScopes.map(({ id, value }) => [value, id]));
}

/** Mends what a request can mend. Returns what was changed. */
export async function repair(graph: Tenant, application: PortalApplication, found: readonly Difference[]): Promise<string[]> {
  const mendable = found.filter(({ change }) => change);
  if (mendable.length > 0)
    await graph.call({
      method: "PATCH",
      path: `/applications/${application.id}`,
      body: Object.assign({}, ...mendable.map(({ change }) => change)) as Record<string, unknown>,
      repeatable: true,
      fresh: true,
    });
  return mendable.map(({ what }) => what);
}

/** Makes the registration and its service principal. The name finds it again after a lost answer: it is made once. */
export async function create(graph: Tenant, name: string, uniqueName: string): Promise<PortalApplication> {
  const path = `/applications(uniqueName='${uniqueName}')`;
  await graph.call({
    method: "PATCH",
    path,
    headers: { Prefer: "create-if-missing" },
    body: { displayName: name, signInAudience: "AzureADMultipleOrgs" },
    repeatable: true,
  });
  const { body } = await graph.call({ method: "GET", path, fresh: true });
  const application = body as PortalApplication;
  await graph.call({
    method: "PATCH",
    path: `/servicePrincipals(appId='${application.appId}')`,
    headers: { Prefer: "create-if-missing" },
    body: { appId: application.appId },
    repeatable: true,
    fresh: true,
  });
  return application;
}

/** Another secret of the registration; its value is here and nowhere else. */
export async function addSecret(graph: Tenant, application: PortalApplication, now: Date): Promise<{ value: string; endsAt: string }> {
  const endsAt = new Date(now.getTime() + 180 * 86_400_000).toISOString();
  const { body } = await graph.call({
    method: "POST",
    path: `/applications/${application.id}/addPassword`,
    body: { passwordCredential: { displayName: `Vestibule ${now.toISOString().slice(0, 10)}`, endDateTime: endsAt } },
    fresh: true,
  });
  return { value: (body as { secretText: string }).secretText, endsAt };
}
