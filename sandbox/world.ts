// What exists in the sandbox: tenants, people, directory objects. All in memory; `newWorld()` starts afresh.
import { createHash, randomBytes, randomUUID } from "node:crypto";
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

export type User = { id: string; displayName: string; userPrincipalName: string; wids: string[]; portalRoles: string[] };
export type Permission = { id: string; value: string; kind: "Role" | "Scope"; adminConsentRequired: boolean };
/** A directory object, with the moment from which a replica shows it. */
export type DirectoryObject = { id: string; visibleAt: number; [property: string]: unknown };
export type PasswordCredential = {
  keyId: string;
  displayName: string | null;
  startDateTime: string;
  endDateTime: string;
  hint: string;
  secret: string;
  visibleAt: number;
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
  tags: string[];
};
export type ServicePrincipal = DirectoryObject & { appId: string; displayName: string; permissions: Permission[] };
type AppRoleAssignment = DirectoryObject & { principalId: string; resourceId: string; appRoleId: string; createdDateTime: string };
export type DelegatedGrant = DirectoryObject & {
  clientId: string;
  consentType: "AllPrincipals" | "Principal";
  principalId: string | null;
  resourceId: string;
  scope: string;
};
export type Tenant = {
  id: string;
  displayName: string;
  domains: string[];
  users: User[];
  groups: { id: string; displayName: string }[];
  applications: Application[];
  servicePrincipals: ServicePrincipal[];
  appRoleAssignments: AppRoleAssignment[];
  grants: DelegatedGrant[];
};
/** `times` answers of Graph or of the token endpoint are replaced by this one. */
export type Fault = {
  method?: string;
  path: string;
  times: number;
  status?: number;
  code?: string;
  message?: string;
  retryAfter?: number;
  /** Close the connection before, or after, the effect took place. */
  reset?: "before" | "after";
  delayMs?: number;
};
export type World = {
  tenants: Tenant[];
  lag: { minMs: number; maxMs: number };
  faults: Fault[];
  log: { method: string; path: string; status: number; at: string }[];
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
  });

function resource(tenant: string, appId: string, displayName: string, permissions: Permission[]): ServicePrincipal {
  return { id: guidOf(`${tenant}/sp/${appId}`), visibleAt: 0, appId, displayName, permissions };
}

function tenant(displayName: string, domains: string[], users: User[], groups: string[]): Tenant {
  const id = guidOf(`tenant/${domains[0]}`);
  return {
    id,
    displayName,
    domains,
    users,
    groups: groups.map((name) => ({ id: guidOf(`${id}/group/${name}`), displayName: name })),
    applications: [],
    servicePrincipals: [
      resource(id, GRAPH_APP_ID, "Microsoft Graph", permissionsOf(GRAPH_APP_ID)),
      resource(id, EXCHANGE_APP_ID, "Office 365 Exchange Online", permissionsOf(EXCHANGE_APP_ID)),
    ],
    appRoleAssignments: [],
    grants: [],
  };
}

export type Portal = { clientId: string; clientSecret: string; origin: string };

/** The portal's own scope, as an entry of its service principal. */
export const portalScope = (clientId: string): Permission => ({
  id: guidOf(`${clientId}/access`),
  value: "access",
  kind: "Scope",
  adminConsentRequired: false,
});

export function newWorld(portal: Portal): World {
  const contoso = person("contoso.com");
  const fabrikam = person("fabrikam.de");
  const vendor = person("cirrus.example");
  const vendorTenant = tenant(
    "Cirrus",
    ["cirrus.example", "cirrus.onmicrosoft.com"],
    [
      vendor("Sam Support", "sam", undefined, ["Support.Agent"]),
      vendor("Vera Viewer", "vera", undefined, ["Support.Viewer"]),
      vendor("Maria Contact", "maria"),
    ],
    ["Support"],
  );
  const registration = newApplication({ displayName: "Vestibule", signInAudience: "AzureADMultipleOrgs" }, 0);
  registration.appId = portal.clientId;
  registration.spa.redirectUris = [`${portal.origin}/auth/callback`];
  registration.passwords.push({
    keyId: guidOf("portal/secret"),
    displayName: "portal",
    startDateTime: new Date(0).toISOString(),
    endDateTime: "2100-01-01T00:00:00Z",
    hint: portal.clientSecret.slice(0, 3),
    secret: portal.clientSecret,
    visibleAt: 0,
  });
  vendorTenant.applications.push(registration);
  vendorTenant.servicePrincipals.push({
    id: guidOf("vendor/portal-sp"),
    visibleAt: 0,
    appId: portal.clientId,
    displayName: "Vestibule",
    permissions: [portalScope(portal.clientId)],
  });
  return {
    tenants: [
      vendorTenant,
      tenant(
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
        "Fabrikam GmbH",
        ["fabrikam.de", "fabrikam.onmicrosoft.com"],
        [fabrikam("Gustav Klein", "gustav", ROLE.globalAdministrator), fabrikam("Nina Braun", "nina")],
        ["Vertrieb"],
      ),
    ],
    lag: { minMs: 200, maxMs: 1500 },
    faults: [],
    log: [],
  };
}

export function newApplication(properties: Partial<Application>, visibleAt: number): Application {
  return {
    id: randomUUID(),
    appId: randomUUID(),
    displayName: "",
    uniqueName: null,
    isFallbackPublicClient: null,
    publicClient: { redirectUris: [] },
    web: { redirectUris: [] },
    spa: { redirectUris: [] },
    requiredResourceAccess: [],
    passwords: [],
    tags: [],
    createdDateTime: new Date().toISOString(),
    ...properties,
    signInAudience: properties.signInAudience ?? "AzureADMyOrg",
    visibleAt,
  };
}

/** As long and as odd as Entra's: letters, digits and `~ . _ -`. */
export const newSecretText = () =>
  `${randomBytes(2).toString("hex").slice(0, 3)}8Q~${randomBytes(24).toString("base64url").slice(0, 31)}_.~`.slice(0, 40);

export const allUsers = (world: World) => world.tenants.flatMap((t) => t.users.map((user) => ({ tenant: t, user })));

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
export const assignmentId = (principalId: string) => Buffer.concat([guidBytes(principalId), randomBytes(16)]).toString("base64url");

/** When a write made now is seen by the replicas. */
export function replicatedAt(world: World, now: number): number {
  const { minMs, maxMs } = world.lag;
  return now + minMs + Math.floor(Math.random() * Math.max(0, maxMs - minMs));
}

/** Adds to what a client may do on a resource for one user or for everyone; grants are merged, never replaced. */
export function consent(
  tenant: Tenant,
  clientSp: ServicePrincipal,
  resourceSp: ServicePrincipal,
  principalId: string | null,
  scopes: string[],
) {
  const id = grantId(clientSp.id, resourceSp.id, principalId);
  const existing = tenant.grants.find((grant) => grant.id === id);
  if (existing) existing.scope = [...new Set([...existing.scope.split(" "), ...scopes])].join(" ").trim();
  else
    tenant.grants.push({
      id,
      visibleAt: 0,
      clientId: clientSp.id,
      resourceId: resourceSp.id,
      principalId,
      consentType: principalId ? "Principal" : "AllPrincipals",
      scope: scopes.join(" "),
    });
}

export function consented(tenant: Tenant, clientSpId: string, resourceSpId: string, userId: string): Set<string> {
  return new Set(
    tenant.grants
      .filter(
        (grant) =>
          grant.clientId === clientSpId &&
          grant.resourceId === resourceSpId &&
          (grant.principalId === null || grant.principalId === userId),
      )
      .flatMap((grant) => grant.scope.split(" ").filter(Boolean)),
  );
}
