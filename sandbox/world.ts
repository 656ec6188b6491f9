// What exists in the sandbox: tenants, people, directory objects. All in memory; `newWorld()` starts afresh.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { Collection, type Lag } from "./directory.ts";
import type { Chaos, Fault } from "./faults.ts";
import permissionTable from "./permissions.json" with { type: "json" };

export const GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000";
const EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000";

export const ROLE = {
  globalAdministrator: "62e90394-69f5-4237-9190-012177145e10",
  privilegedRoleAdministrator: "e8611ab8-c189-46e8-94e1-60213ab1f814",
  applicationAdministrator: "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
  cloudApplicationAdministrator: "158c047a-c907-4556-b7ef-446551a6b5f7",
  globalReader: "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
  member: "b79fbf4d-3ef9-4689-8143-76b194e85509",
} as const;

export const ROLE_NAME: Record<string, string> = {
  [ROLE.globalAdministrator]: "Global Administrator",
  [ROLE.privilegedRoleAdministrator]: "Privileged Role Administrator",
  [ROLE.applicationAdministrator]: "Application Administrator",
  [ROLE.cloudApplicationAdministrator]: "Cloud Application Administrator",
  [ROLE.globalReader]: "Global Reader",
};

export type User = {
  id: string;
  displayName: string;
  userPrincipalName: string;
  wids: string[];
  portalRoles: string[];
  /** Access tokens made before this instant are no longer accepted (continuous access evaluation). */
  tokensValidFrom: number;
};
export type Permission = { id: string; value: string; kind: "Role" | "Scope"; adminConsentRequired: boolean };
type DirectoryObject = { id: string; [property: string]: unknown };
export type PasswordCredential = {
  keyId: string;
  displayName: string | null;
  startDateTime: string;
  endDateTime: string;
  hint: string;
  secret: string;
  /** From when the token endpoint accepts it. */
  usableAt: number;
};
export type KeyCredential = {
  keyId: string;
  displayName: string | null;
  customKeyIdentifier: string;
  type: "AsymmetricX509Cert";
  usage: "Verify";
  /** Base64 DER; shown only where a single object is asked for it by $select. */
  key: string;
  startDateTime: string;
  endDateTime: string;
};
export type FederatedCredential = {
  id: string;
  name: string;
  issuer: string;
  subject: string;
  audiences: string[];
  description: string | null;
};
export type Application = DirectoryObject & {
  appId: string;
  displayName: string;
  uniqueName: string | null;
  signInAudience: string;
  isFallbackPublicClient: boolean | null;
  publicClient: { redirectUris: string[] };
  web: { redirectUris: string[] };
  spa: { redirectUris: string[] };
  requiredResourceAccess: { resourceAppId: string; resourceAccess: { id: string; type: "Scope" | "Role" }[] }[];
  passwords: PasswordCredential[];
  keyCredentials: KeyCredential[];
  federated: FederatedCredential[];
  tags: string[];
};
export type ServicePrincipal = DirectoryObject & {
  appId: string;
  displayName: string;
  permissions: Permission[];
  /** False when an administrator disabled it: nobody gets a token as it or for it. */
  accountEnabled?: boolean;
};
export type AppRoleAssignment = DirectoryObject & { principalId: string; resourceId: string; appRoleId: string; createdDateTime: string };
export type DelegatedGrant = DirectoryObject & {
  clientId: string;
  consentType: "AllPrincipals" | "Principal";
  principalId: string | null;
  resourceId: string;
  scope: string;
};
/** What a tenant's own administrators decided. */
export type Policies = {
  secrets: "allowed" | "blocked";
  maxSecretDays: number | null;
  userConsent: boolean;
  usersMayRegister: boolean;
  /** Users must be assigned to the portal before they may sign in to it. */
  assignmentRequired: boolean;
  /** Where Conditional Access asks for more: at the sign-in page, when a Graph token is asked for, or at a Graph write. */
  stepUp: "sign-in" | "token" | "call" | null;
  /** An AADSTS number with which every sign-in is blocked. */
  blockSignIn: number | null;
};
export type Tenant = {
  id: string;
  displayName: string;
  domains: string[];
  users: User[];
  groups: { id: string; displayName: string }[];
  policies: Policies;
  /** First-party applications that the tenant's licences cover. */
  licensed: string[];
  applications: Collection<Application>;
  servicePrincipals: Collection<ServicePrincipal>;
  appRoleAssignments: Collection<AppRoleAssignment>;
  grants: Collection<DelegatedGrant>;
  /** How many requests and how many calls (members of batches included) were made, and how many were disturbed. */
  counts: { requests: number; calls: number; disturbed: number };
};
export type Kind = "application" | "servicePrincipal" | "appRoleAssignment" | "grant" | "secret";
export type World = {
  tenants: Tenant[];
  lag: Record<Kind, Lag>;
  latency: { graphMs: number; stsMs: number };
  faults: Fault[];
  chaos: Chaos | null;
  log: { tenant: string; method: string; path: string; status: number; code?: string; at: string }[];
  /** Every request to Graph as it went over the wire. */
  requests: {
    tenant: string;
    by: "user" | "application";
    method: string;
    path: string;
    members: number;
    startedAt: number;
    endedAt: number;
    status: number;
  }[];
  held: { tenant: string; request: number; method: string; path: string }[];
  /** Keys of token issuers outside, by issuer: what federated identity credentials trust. */
  issuers: Record<string, { keys: Record<string, unknown>[] }>;
};

/** A stable GUID from a name, so that a restarted sandbox knows the same people. */
export function guidOf(name: string): string {
  const h = createHash("sha256").update(`vestibule-sandbox/${name}`).digest("hex");
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-a${h.slice(17, 20)}-${h.slice(20, 32)}`;
}

const permissionsOf = (resourceAppId: string): Permission[] =>
  (permissionTable as unknown as Record<string, [string, "Role" | "Scope", string, boolean][]>)[resourceAppId]!.map(
    ([value, kind, id, adminConsentRequired]) => ({ id, value, kind, adminConsentRequired }),
  );

const person =
  (domain: string) =>
  (name: string, local: string, role?: string, portalRoles: string[] = []): User => ({
    id: guidOf(`${local}@${domain}`),
    displayName: name,
    userPrincipalName: `${local}@${domain}`,
    wids: role ? [role, ROLE.member] : [ROLE.member],
    portalRoles,
    tokensValidFrom: 0,
  });

const FIRST_PARTY: Record<string, string> = { [GRAPH_APP_ID]: "Microsoft Graph", [EXCHANGE_APP_ID]: "Office 365 Exchange Online" };
/** The service principal that a first-party application has in a tenant. */
export const resourcePrincipal = (tenantId: string, appId: string): ServicePrincipal => ({
  id: guidOf(`${tenantId}/sp/${appId}`),
  appId,
  displayName: FIRST_PARTY[appId] ?? appId,
  permissions: permissionsOf(appId),
});

const NO_POLICIES: Policies = {
  secrets: "allowed",
  maxSecretDays: null,
  userConsent: true,
  usersMayRegister: true,
  assignmentRequired: false,
  stepUp: null,
  blockSignIn: null,
};

function tenant(lag: World["lag"], displayName: string, domains: string[], users: User[], groups: string[]): Tenant {
  const id = guidOf(`tenant/${domains[0]}`);
  const servicePrincipals = new Collection<ServicePrincipal>(() => lag.servicePrincipal);
  for (const appId of Object.keys(FIRST_PARTY)) servicePrincipals.put(resourcePrincipal(id, appId), true);
  return {
    id,
    displayName,
    domains,
    users,
    groups: groups.map((name) => ({ id: guidOf(`${id}/group/${name}`), displayName: name })),
    policies: { ...NO_POLICIES },
    licensed: Object.keys(FIRST_PARTY),
    applications: new Collection<Application>(() => lag.application),
    servicePrincipals,
    appRoleAssignments: new Collection<AppRoleAssignment>(() => lag.appRoleAssignment),
    grants: new Collection<DelegatedGrant>(() => lag.grant),
    counts: { requests: 0, calls: 0, disturbed: 0 },
  };
}

/** A further tenant with one person for each role that matters. */
export function addTenant(world: World, domain: string, displayName = domain): Tenant {
  const member = person(domain);
  const added = tenant(
    world.lag,
    displayName,
    [domain],
    [
      member("Global Admin", "admin", ROLE.globalAdministrator),
      member("Privileged Role Admin", "roles", ROLE.privilegedRoleAdministrator),
      member("Cloud Application Admin", "apps", ROLE.cloudApplicationAdministrator),
      member("Member", "member"),
    ],
    ["Everyone"],
  );
  world.tenants.push(added);
  return added;
}

export type Portal = { clientId: string; clientSecret: string; origin: string };

/** The vendor's own system: a registration of the vendor's tenant that may fetch handoffs. Its secret opens nothing but the sandbox. */
export const VENDOR_SYSTEM = { clientId: guidOf("vendor/backend"), secret: "cirrus-backend-secret" };

/** The portal's own scope, as an entry of its service principal. */
export const portalScope = (clientId: string): Permission => ({
  id: guidOf(`${clientId}/access`),
  value: "access",
  kind: "Scope",
  adminConsentRequired: false,
});

const PORTAL_SCOPES = [
  ...["User.Read", "Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"],
  ...["User.ReadBasic.All", "Application.Read.All", "DelegatedPermissionGrant.Read.All"],
];
const PORTAL_ROLES = ["Support.Viewer", "Support.Agent", "Support.Manager", "Support.Operator", "Handoff.Collect"];
/** The portal's registration as its operator made it. */
function asTheVendorSetItUp(clientId: string) {
  const scopes = permissionsOf(GRAPH_APP_ID).filter(({ kind }) => kind === "Scope");
  return {
    identifierUris: [`api://${clientId}`],
    groupMembershipClaims: "DirectoryRole",
    verifiedPublisher: { displayName: "Cirrus", verifiedPublisherId: "1234567" },
    api: {
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: [{ id: portalScope(clientId).id, value: "access", isEnabled: true, type: "User" }],
    },
    appRoles: PORTAL_ROLES.map((value) => ({
      ...{ id: guidOf(`${clientId}/${value}`), value, displayName: value, description: value, isEnabled: true },
      allowedMemberTypes: [value === "Handoff.Collect" ? "Application" : "User"],
    })),
    requiredResourceAccess: [
      {
        resourceAppId: GRAPH_APP_ID,
        resourceAccess: PORTAL_SCOPES.map((name) => ({ id: scopes.find(({ value }) => value === name)!.id, type: "Scope" as const })),
      },
    ],
  };
}

/** Microsoft's own client for people at a terminal (Microsoft Graph Command Line Tools). */
export const COMMAND_LINE = { clientId: "14d82eec-204b-4c2f-b7e8-296a70dab67e", redirectUri: "http://localhost" };

export function newWorld(portal: Portal): World {
  const each = (): Lag => ({ minMs: 200, maxMs: 1500 });
  const lag = { application: each(), servicePrincipal: each(), appRoleAssignment: each(), grant: each(), secret: each() };
  const contoso = person("contoso.com");
  const fabrikam = person("fabrikam.de");
  const vendor = person("cirrus.example");
  const luware = person("luware.example");
  const vendorTenant = tenant(
    lag,
    "Cirrus",
    ["cirrus.example", "cirrus.onmicrosoft.com"],
    [
      vendor("Sam Support", "sam", undefined, ["Support.Agent"]),
      vendor("Vera Viewer", "vera", undefined, ["Support.Viewer"]),
      vendor("Maria Contact", "maria"),
      vendor("Mona Manager", "mona", undefined, ["Support.Manager"]),
      vendor("Olga Operator", "olga", ROLE.cloudApplicationAdministrator, ["Support.Operator"]),
    ],
    ["Support"],
  );
  vendorTenant.applications.put(
    {
      ...newApplication({ displayName: "Vestibule", signInAudience: "AzureADMultipleOrgs" }),
      appId: portal.clientId,
      spa: { redirectUris: [`${portal.origin}/auth/callback`] },
      ...asTheVendorSetItUp(portal.clientId),
      passwords: [
        {
          keyId: guidOf("portal/secret"),
          displayName: "portal",
          startDateTime: new Date(0).toISOString(),
          endDateTime: "2100-01-01T00:00:00Z",
          hint: portal.clientSecret.slice(0, 3),
          secret: portal.clientSecret,
          usableAt: 0,
        },
      ],
    },
    true,
  );
  const collect: Permission = {
    id: guidOf(`${portal.clientId}/collect`),
    value: "Handoff.Collect",
    kind: "Role",
    adminConsentRequired: true,
  };
  const portalPrincipal = vendorTenant.servicePrincipals.put(
    {
      id: guidOf("vendor/portal-sp"),
      appId: portal.clientId,
      displayName: "Vestibule",
      permissions: [portalScope(portal.clientId), collect],
    },
    true,
  );
  const { clientId, secret } = VENDOR_SYSTEM;
  vendorTenant.applications.put(
    {
      ...newApplication({ displayName: "Cirrus backend" }),
      appId: clientId,
      passwords: [
        {
          ...{ keyId: guidOf("vendor/backend-secret"), displayName: "backend", hint: secret.slice(0, 3), secret, usableAt: 0 },
          ...{ startDateTime: new Date(0).toISOString(), endDateTime: "2100-01-01T00:00:00Z" },
        },
      ],
    },
    true,
  );
  const backend = vendorTenant.servicePrincipals.put(
    { id: guidOf("vendor/backend-sp"), appId: clientId, displayName: "Cirrus backend", permissions: [] },
    true,
  );
  assignRole(vendorTenant, backend, portalPrincipal, collect.id);
  return {
    tenants: [
      vendorTenant,
      tenant(
        lag,
        "Contoso Ltd",
        ["contoso.com", "contoso.onmicrosoft.com"],
        [
          contoso("Adele Vance", "adele", ROLE.globalAdministrator),
          contoso("Priya Nair", "priya", ROLE.privilegedRoleAdministrator),
          contoso("Chris Green", "chris", ROLE.cloudApplicationAdministrator),
          contoso("Alex Wilber", "alex", ROLE.applicationAdministrator),
          contoso("Grace Reader", "grace", ROLE.globalReader),
          contoso("Nora Member", "nora"),
        ],
        ["Sales", "Service desk"],
      ),
      tenant(
        lag,
        "Fabrikam GmbH",
        ["fabrikam.de", "fabrikam.onmicrosoft.com"],
        [fabrikam("Gustav Klein", "gustav", ROLE.globalAdministrator), fabrikam("Nina Braun", "nina")],
        ["Vertrieb"],
      ),
      // Another vendor, whose staff signs in from a tenant of its own.
      tenant(
        lag,
        "Luware",
        ["luware.example", "luware.onmicrosoft.com"],
        [luware("Lea Agent", "lea", undefined, ["Support.Agent"]), luware("Leo Without", "leo")],
        ["Support"],
      ),
    ],
    lag,
    latency: { graphMs: 0, stsMs: 0 },
    faults: [],
    chaos: null,
    log: [],
    requests: [],
    held: [],
    issuers: {},
  };
}

export function newApplication(properties: Partial<Application>): Application {
  return {
    id: randomUUID(),
    appId: randomUUID(),
    displayName: "",
    uniqueName: null,
    isFallbackPublicClient: null,
    publicClient: { redirectUris: [] },
    web: { redirectUris: [] },
    spa: { redirectUris: [] },
    api: { requestedAccessTokenVersion: null, oauth2PermissionScopes: [] },
    appRoles: [],
    identifierUris: [],
    groupMembershipClaims: null,
    verifiedPublisher: null,
    requiredResourceAccess: [],
    passwords: [],
    keyCredentials: [],
    federated: [],
    tags: [],
    createdDateTime: new Date().toISOString(),
    ...properties,
    signInAudience: properties.signInAudience ?? "AzureADMyOrg",
  };
}

/** As long and as odd as Entra's: letters, digits and `~ . _ -`. */
export const newSecretText = () =>
  `${randomBytes(2).toString("hex").slice(0, 3)}8Q~${randomBytes(24).toString("base64url").slice(0, 31)}_.~`.slice(0, 40);

export const allUsers = (world: World) => world.tenants.flatMap((t) => t.users.map((user) => ({ tenant: t, user })));
export const tenantNamed = (world: World, name: string) => world.tenants.find(({ id, domains }) => id === name || domains.includes(name));

const guidBytes = (guid: string) => {
  const [a = "", b = "", c = "", d = "", e = ""] = guid.split("-");
  return Buffer.concat([
    Buffer.from(a, "hex").reverse(),
    Buffer.from(b, "hex").reverse(),
    Buffer.from(c, "hex").reverse(),
    Buffer.from(d, "hex"),
    Buffer.from(e, "hex"),
  ]);
};
/** Entra's ids of grants are their parts, little endian, one after the other. */
export const grantId = (clientId: string, resourceId: string, principalId: string | null) =>
  Buffer.concat([clientId, resourceId, ...(principalId ? [principalId] : [])].map(guidBytes)).toString("base64url");
const assignmentId = (principalId: string) => Buffer.concat([guidBytes(principalId), randomBytes(16)]).toString("base64url");

/** Makes one permission of a resource the application's for the whole tenant; once. */
export function assignRole(t: Tenant, principal: ServicePrincipal, resource: ServicePrincipal, appRoleId: string): AppRoleAssignment {
  return t.appRoleAssignments.put({
    id: assignmentId(principal.id),
    deletedDateTime: null,
    appRoleId,
    createdDateTime: new Date().toISOString(),
    principalDisplayName: principal.displayName,
    principalId: principal.id,
    principalType: "ServicePrincipal",
    resourceDisplayName: resource.displayName,
    resourceId: resource.id,
  });
}

/** Adds to what a client may do on a resource for one user or for everyone; grants are merged, never replaced. */
export function consent(
  t: Tenant,
  clientSp: ServicePrincipal,
  resourceSp: ServicePrincipal,
  principalId: string | null,
  scopes: string[],
  settled = true,
) {
  const id = grantId(clientSp.id, resourceSp.id, principalId);
  const existing = t.grants.find((grant) => grant.id === id);
  const held = existing?.scope.split(" ").filter(Boolean) ?? [];
  t.grants.put(
    {
      id,
      clientId: clientSp.id,
      resourceId: resourceSp.id,
      principalId,
      consentType: principalId ? "Principal" : "AllPrincipals",
      scope: [...new Set([...held, ...scopes])].join(" "),
    },
    settled,
  );
}

export function consented(t: Tenant, clientSpId: string, resourceSpId: string, userId: string): Set<string> {
  return new Set(
    t.grants
      .all()
      .filter(
        (grant) =>
          grant.clientId === clientSpId &&
          grant.resourceId === resourceSpId &&
          (grant.principalId === null || grant.principalId === userId),
      )
      .flatMap((grant) => grant.scope.split(" ").filter(Boolean)),
  );
}

/** An application goes with its service principal and with everything that was granted to it. */
export function removeServicePrincipal(t: Tenant, sp: ServicePrincipal) {
  t.servicePrincipals.remove(sp.id);
  for (const { id, principalId } of t.appRoleAssignments.all()) if (principalId === sp.id) t.appRoleAssignments.remove(id);
  for (const { id, clientId } of t.grants.all()) if (clientId === sp.id) t.grants.remove(id);
}
export function removeApplication(t: Tenant, application: Application) {
  t.applications.remove(application.id);
  const sp = t.servicePrincipals.find(({ appId }) => appId === application.appId);
  if (sp) removeServicePrincipal(t, sp);
}
