// Microsoft Graph v1.0 as far as onboarding an application needs it: scopes, directory roles, upserts, replication lag
// and the error bodies that the service sends.
import { randomUUID } from "node:crypto";
import {
  type Application,
  assignmentId,
  type DelegatedGrant,
  type DirectoryObject,
  grantId,
  newApplication,
  newSecretText,
  type PasswordCredential,
  ROLE,
  replicatedAt,
  type ServicePrincipal,
  type Tenant,
  type World,
} from "./world.ts";

export type Call = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: Record<string, unknown> | null;
};
export type Answer = { status: number; body?: unknown; headers?: Record<string, string> };
/** Who calls, from a verified access token. */
export type Caller = { tenant: Tenant; userId: string | null; scopes: Set<string>; roles: Set<string>; wids: Set<string>; appId: string };

class GraphFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details?: { code: string; message: string; target?: string }[],
  ) {
    super(message);
  }
}

export function errorBody(code: string, message: string, requestId: string, clientRequestId: string, details?: unknown) {
  return {
    error: {
      code,
      message,
      innerError: { date: new Date().toISOString().slice(0, 19), "request-id": requestId, "client-request-id": clientRequestId },
      ...(details ? { details } : {}),
    },
  };
}

const notFound = (id: string) =>
  new GraphFailure(
    404,
    "Request_ResourceNotFound",
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  );
const denied = () => new GraphFailure(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
const badRequest = (message: string, details?: { code: string; message: string; target?: string }[]) =>
  new GraphFailure(400, "Request_BadRequest", message, details);

const APP_WRITERS = [ROLE.globalAdministrator, ROLE.applicationAdministrator, ROLE.cloudApplicationAdministrator];
const CONSENTERS = [...APP_WRITERS, ROLE.privilegedRoleAdministrator];
const GRAPH_ROLE_GRANTERS = [ROLE.globalAdministrator, ROLE.privilegedRoleAdministrator];

/** Delegated: one of the scopes. App-only: one of the roles. */
function requireScope(caller: Caller, ...anyOf: string[]) {
  const held = caller.userId ? caller.scopes : caller.roles;
  if (!anyOf.some((scope) => held.has(scope))) throw denied();
}
function requireRole(caller: Caller, anyOf: readonly string[]) {
  if (caller.userId && !anyOf.some((role) => caller.wids.has(role))) throw denied();
}

const visible = (object: DirectoryObject) => object.visibleAt <= Date.now();

function select(object: Record<string, unknown>, query: URLSearchParams) {
  const wanted = query
    .get("$select")
    ?.split(",")
    .map((name) => name.trim());
  return wanted ? Object.fromEntries(wanted.filter((name) => name in object).map((name) => [name, object[name]])) : object;
}

/** Pages of `$top` (100 by default), with `@odata.nextLink` while there is more. */
function collection(base: string, call: Call, entity: string, values: Record<string, unknown>[]): Answer {
  const top = Number(call.query.get("$top") ?? 100);
  const skip = Number(call.query.get("$skiptoken") ?? 0);
  const page = values.slice(skip, skip + top);
  const next = new URLSearchParams(call.query);
  next.set("$skiptoken", String(skip + top));
  return {
    status: 200,
    body: {
      "@odata.context": `${base}/v1.0/$metadata#${entity}`,
      ...(skip + top < values.length ? { "@odata.nextLink": `${base}/v1.0${call.path}?${next}` } : {}),
      value: page.map((value) => select(value, call.query)),
    },
  };
}
const entity = (base: string, call: Call, name: string, value: Record<string, unknown>, status = 200): Answer => ({
  status,
  body: { "@odata.context": `${base}/v1.0/$metadata#${name}/$entity`, ...select(value, call.query) },
});

const shownPassword = (p: PasswordCredential) => ({
  customKeyIdentifier: null,
  displayName: p.displayName,
  endDateTime: p.endDateTime,
  hint: p.hint,
  keyId: p.keyId,
  secretText: null as string | null,
  startDateTime: p.startDateTime,
});
function shownApplication({ passwords, visibleAt: _, ...application }: Application) {
  return { ...application, passwordCredentials: passwords.filter((p) => p.visibleAt <= Date.now()).map(shownPassword), keyCredentials: [] };
}
function shownServicePrincipal({ permissions, visibleAt: _, ...sp }: ServicePrincipal) {
  const common = ({ id, value }: { id: string; value: string }) => ({ id, value, isEnabled: true });
  return {
    accountEnabled: true,
    appRoleAssignmentRequired: false,
    servicePrincipalType: "Application",
    ...sp,
    servicePrincipalNames: [sp.appId],
    appRoles: permissions
      .filter((p) => p.kind === "Role")
      .map((p) => ({
        ...common(p),
        allowedMemberTypes: ["Application"],
        displayName: p.value,
        description: p.value,
        origin: "Application",
      })),
    oauth2PermissionScopes: permissions
      .filter((p) => p.kind === "Scope")
      .map((p) => ({ ...common(p), type: p.adminConsentRequired ? "Admin" : "User", adminConsentDisplayName: p.value })),
  };
}
const shown = ({ visibleAt: _, ...object }: DirectoryObject) => object;

/** `/applications(appId='x')` and `/applications/x` name the same kind of thing by another key. */
function keyed(path: string, root: string): { key: string; value: string; rest: string } | null {
  const alternate = path.match(new RegExp(`^/${root}\\((\\w+)='([^']*)'\\)(/.*)?$`));
  if (alternate) return { key: alternate[1]!, value: decodeURIComponent(alternate[2]!), rest: alternate[3] ?? "" };
  const direct = path.match(new RegExp(`^/${root}/([^/]+)(/.*)?$`));
  return direct ? { key: "id", value: decodeURIComponent(direct[1]!), rest: direct[2] ?? "" } : null;
}

function filtered<T extends Record<string, unknown>>(values: T[], filter: string | null): T[] {
  if (!filter) return values;
  const equals = [...filter.matchAll(/(\w+) eq '((?:[^']|'')*)'/g)];
  const tag = filter.match(/tags\/any\(\w+:\w+ eq '((?:[^']|'')*)'\)/);
  if (tag) return values.filter((value) => (value.tags as string[] | undefined)?.includes(tag[1]!.replaceAll("''", "'")));
  if (equals.length === 0)
    throw new GraphFailure(400, "Request_UnsupportedQuery", `Unsupported or invalid query filter clause specified: ${filter}`);
  return values.filter((value) => equals.every(([, name, text]) => value[name!] === text!.replaceAll("''", "'")));
}

const PATCHABLE = [
  "displayName",
  "signInAudience",
  "isFallbackPublicClient",
  "publicClient",
  "web",
  "spa",
  "requiredResourceAccess",
  "tags",
  "notes",
  "description",
];

function applyProperties(application: Application, body: Record<string, unknown>) {
  for (const name of PATCHABLE) if (name in body) (application as Record<string, unknown>)[name] = body[name];
}

function addPassword(world: World, application: Application, body: Record<string, unknown> | null): Answer {
  const wanted = (body?.passwordCredential ?? {}) as { displayName?: string; endDateTime?: string };
  const now = new Date();
  const secret = newSecretText();
  const end = wanted.endDateTime ? new Date(wanted.endDateTime) : new Date(now.getTime() + 2 * 365 * 86_400_000);
  const password: PasswordCredential = {
    keyId: randomUUID(),
    displayName: wanted.displayName ?? null,
    startDateTime: now.toISOString(),
    endDateTime: end.toISOString(),
    hint: secret.slice(0, 3),
    secret,
    visibleAt: replicatedAt(world, now.getTime()),
  };
  application.passwords.push(password);
  return { status: 200, body: { "@odata.context": "#microsoft.graph.passwordCredential", ...shownPassword(password), secretText: secret } };
}

function applications(world: World, base: string, caller: Caller, call: Call): Answer {
  const { tenant } = caller;
  const now = Date.now();
  const reading = ["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
  const mayWrite = (application?: Application) => {
    requireScope(caller, "Application.ReadWrite.All");
    const isOwner = application && caller.userId !== null && application.ownerId === caller.userId;
    if (!isOwner) requireRole(caller, APP_WRITERS);
  };
  // An ordinary member may register applications unless the tenant says otherwise; it then owns them.
  const mayCreate = () => {
    requireScope(caller, "Application.ReadWrite.All");
    if (caller.userId && caller.wids.has(ROLE.globalReader)) throw denied();
  };
  const created = (body: Record<string, unknown>, uniqueName: string | null) => {
    if (typeof body.displayName !== "string" || !body.displayName)
      throw badRequest("A value is required for property 'displayName' of resource 'Application'.", [
        { code: "MissingOrInvalid", message: "Missing", target: "displayName" },
      ]);
    const application = newApplication({ uniqueName, displayName: body.displayName }, replicatedAt(world, now));
    applyProperties(application, body);
    if (caller.userId && !APP_WRITERS.some((role) => caller.wids.has(role))) application.ownerId = caller.userId;
    tenant.applications.push(application);
    return entity(base, call, "applications", shownApplication(application), 201);
  };

  if (call.path === "/applications") {
    if (call.method === "GET") {
      requireScope(caller, ...reading);
      return collection(
        base,
        call,
        "applications",
        filtered(tenant.applications.filter(visible).map(shownApplication), call.query.get("$filter")),
      );
    }
    mayCreate();
    return created(call.body ?? {}, typeof call.body?.uniqueName === "string" ? call.body.uniqueName : null);
  }
  const at = keyed(call.path, "applications");
  if (!at) throw badRequest(`Resource not found for the segment '${call.path}'.`);
  const found = tenant.applications.find((application) => application[at.key] === at.value);
  const upsert =
    call.method === "PATCH" && at.key === "uniqueName" && at.rest === "" && (call.headers.prefer ?? "").includes("create-if-missing");
  if (upsert && !found) {
    mayCreate();
    return created(call.body ?? {}, at.value);
  }
  if (call.method === "GET") requireScope(caller, ...reading);
  // An upsert works on the primary; everything else asks a replica.
  if (!found || (!upsert && !visible(found))) throw notFound(at.value);
  if (call.method === "GET" && at.rest === "") return entity(base, call, "applications", shownApplication(found));
  mayWrite(found);
  if (call.method === "PATCH" && at.rest === "") {
    applyProperties(found, call.body ?? {});
    return { status: 204 };
  }
  if (call.method === "DELETE" && at.rest === "") {
    tenant.applications = tenant.applications.filter((application) => application !== found);
    const sp = tenant.servicePrincipals.find((candidate) => candidate.appId === found.appId);
    tenant.servicePrincipals = tenant.servicePrincipals.filter((candidate) => candidate !== sp);
    return { status: 204 };
  }
  if (call.method === "POST" && at.rest === "/addPassword") return addPassword(world, found, call.body);
  if (call.method === "POST" && at.rest === "/removePassword") {
    const keyId = call.body?.keyId;
    if (!found.passwords.some((password) => password.keyId === keyId))
      throw badRequest(`No password credential found with keyId '${String(keyId)}'.`);
    found.passwords = found.passwords.filter((password) => password.keyId !== keyId);
    return { status: 204 };
  }
  throw badRequest(`Unsupported operation on '${call.path}'.`);
}

function assign(world: World, base: string, caller: Caller, call: Call, pathSp: ServicePrincipal): Answer {
  const { tenant } = caller;
  const { principalId, resourceId, appRoleId } = (call.body ?? {}) as Record<string, string>;
  if (!principalId || !resourceId || !appRoleId)
    throw badRequest("One or more properties are missing: principalId, resourceId, appRoleId.");
  requireScope(caller, "AppRoleAssignment.ReadWrite.All");
  const resource = tenant.servicePrincipals.find((sp) => sp.id === resourceId);
  const principal = tenant.servicePrincipals.find((sp) => sp.id === principalId);
  if (!principal || !visible(principal)) throw notFound(principalId);
  if (!resource || (pathSp.id !== principalId && pathSp.id !== resourceId)) throw badRequest("Not a valid reference update.");
  const isMicrosoftGraph = resource.appId === "00000003-0000-0000-c000-000000000000";
  requireRole(caller, isMicrosoftGraph ? GRAPH_ROLE_GRANTERS : CONSENTERS);
  if (!resource.permissions.some((permission) => permission.kind === "Role" && permission.id === appRoleId))
    throw badRequest("Permission being assigned was not found on application");
  if (tenant.appRoleAssignments.some((a) => a.principalId === principalId && a.resourceId === resourceId && a.appRoleId === appRoleId))
    throw badRequest("Permission being assigned already exists on the object");
  const assignment = {
    id: assignmentId(principalId),
    visibleAt: replicatedAt(world, Date.now()),
    deletedDateTime: null,
    appRoleId,
    createdDateTime: new Date().toISOString(),
    principalDisplayName: principal.displayName,
    principalId,
    principalType: "ServicePrincipal",
    resourceDisplayName: resource.displayName,
    resourceId,
  };
  tenant.appRoleAssignments.push(assignment);
  return entity(base, call, "appRoleAssignments", shown(assignment), 201);
}

function servicePrincipals(world: World, base: string, caller: Caller, call: Call): Answer {
  const { tenant } = caller;
  const reading = ["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
  const create = (appId: string): Answer => {
    requireScope(caller, "Application.ReadWrite.All");
    const application = tenant.applications.find((candidate) => candidate.appId === appId);
    const isOwner = application && caller.userId !== null && application.ownerId === caller.userId;
    if (!isOwner) requireRole(caller, APP_WRITERS);
    if (!application || !visible(application))
      throw badRequest(`The appId '${appId}' of the service principal does not reference a valid application object.`, [
        {
          code: "NoBackingApplicationObject",
          message: `The appId '${appId}' of the service principal does not reference a valid application object.`,
          target: "appId",
        },
      ]);
    const sp: ServicePrincipal = {
      id: randomUUID(),
      visibleAt: replicatedAt(world, Date.now()),
      appId,
      displayName: application.displayName,
      permissions: [],
      ownerId: application.ownerId,
      tags: (call.body?.tags as string[] | undefined) ?? [],
      createdDateTime: new Date().toISOString(),
    };
    tenant.servicePrincipals.push(sp);
    return entity(base, call, "servicePrincipals", shownServicePrincipal(sp), 201);
  };

  if (call.path === "/servicePrincipals") {
    if (call.method === "GET") {
      requireScope(caller, ...reading);
      return collection(
        base,
        call,
        "servicePrincipals",
        filtered(tenant.servicePrincipals.filter(visible).map(shownServicePrincipal), call.query.get("$filter")),
      );
    }
    const appId = String(call.body?.appId ?? "");
    if (tenant.servicePrincipals.some((sp) => sp.appId === appId))
      throw new GraphFailure(
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        `The service principal cannot be created, updated, or restored because the service principal name ${appId} is already in use.`,
        [{ code: "ObjectConflict", message: "The service principal name is already in use.", target: "servicePrincipalNames" }],
      );
    return create(appId);
  }
  const at = keyed(call.path, "servicePrincipals");
  if (!at) throw badRequest(`Resource not found for the segment '${call.path}'.`);
  const found = tenant.servicePrincipals.find((sp) => sp[at.key] === at.value);
  const upsert =
    call.method === "PATCH" && at.key === "appId" && at.rest === "" && (call.headers.prefer ?? "").includes("create-if-missing");
  if (upsert && !found) return create(at.value);
  if (call.method === "GET") requireScope(caller, ...reading);
  if (!found || (!upsert && !visible(found))) throw notFound(at.value);

  if (at.rest === "" && call.method === "GET") return entity(base, call, "servicePrincipals", shownServicePrincipal(found));
  if (at.rest === "" && (call.method === "PATCH" || call.method === "DELETE")) {
    requireScope(caller, "Application.ReadWrite.All");
    requireRole(caller, APP_WRITERS);
    if (call.method === "DELETE") tenant.servicePrincipals = tenant.servicePrincipals.filter((sp) => sp !== found);
    else if (Array.isArray(call.body?.tags)) found.tags = call.body.tags;
    return { status: 204 };
  }
  if (at.rest === "/appRoleAssignments" && call.method === "GET")
    return collection(
      base,
      call,
      "appRoleAssignments",
      tenant.appRoleAssignments.filter((a) => a.principalId === found.id && visible(a)).map(shown),
    );
  if ((at.rest === "/appRoleAssignments" || at.rest === "/appRoleAssignedTo") && call.method === "POST")
    return assign(world, base, caller, call, found);
  if (at.rest === "/oauth2PermissionGrants" && call.method === "GET")
    return collection(base, call, "oauth2PermissionGrants", tenant.grants.filter((g) => g.clientId === found.id && visible(g)).map(shown));
  const assignment = at.rest.match(/^\/appRoleAssign(?:ments|edTo)\/(.+)$/);
  if (assignment && call.method === "DELETE") {
    requireScope(caller, "AppRoleAssignment.ReadWrite.All");
    requireRole(caller, CONSENTERS);
    const before = tenant.appRoleAssignments.length;
    tenant.appRoleAssignments = tenant.appRoleAssignments.filter((a) => a.id !== assignment[1]);
    if (before === tenant.appRoleAssignments.length) throw badRequest("EntitlementGrant being updated or deleted is not found.");
    return { status: 204 };
  }
  throw badRequest(`Unsupported operation on '${call.path}'.`);
}

function delegatedGrants(world: World, base: string, caller: Caller, call: Call): Answer {
  const { tenant } = caller;
  if (call.method === "GET") requireScope(caller, "DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All");
  else {
    requireScope(caller, "DelegatedPermissionGrant.ReadWrite.All");
    requireRole(caller, CONSENTERS);
  }
  if (call.path === "/oauth2PermissionGrants") {
    if (call.method === "GET")
      return collection(
        base,
        call,
        "oauth2PermissionGrants",
        filtered(tenant.grants.filter(visible).map(shown), call.query.get("$filter")),
      );
    const { clientId, consentType, principalId = null, resourceId, scope } = (call.body ?? {}) as Record<string, string>;
    const client = tenant.servicePrincipals.find((sp) => sp.id === clientId);
    if (!client || !visible(client)) throw notFound(String(clientId));
    const resource = tenant.servicePrincipals.find((sp) => sp.id === resourceId);
    if (!resource) throw badRequest("Specified resourceId was not found");
    const unknown = String(scope)
      .split(" ")
      .filter((value) => value && !resource.permissions.some((p) => p.kind === "Scope" && p.value === value));
    if (unknown.length > 0) throw badRequest(`Permission scope '${unknown[0]}' is not defined on the resource.`);
    const id = grantId(client.id, resource.id, principalId);
    if (tenant.grants.some((grant) => grant.id === id))
      throw new GraphFailure(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.");
    const grant: DelegatedGrant = {
      id,
      visibleAt: replicatedAt(world, Date.now()),
      clientId: client.id,
      consentType: consentType as "AllPrincipals",
      principalId,
      resourceId: resource.id,
      scope: String(scope),
    };
    tenant.grants.push(grant);
    return entity(base, call, "oauth2PermissionGrants", shown(grant), 201);
  }
  const id = decodeURIComponent(call.path.split("/")[2] ?? "");
  const grant = tenant.grants.find((candidate) => candidate.id === id);
  if (!grant || (call.method === "GET" && !visible(grant))) throw notFound(id);
  if (call.method === "GET") return entity(base, call, "oauth2PermissionGrants", shown(grant));
  if (call.method === "DELETE") tenant.grants = tenant.grants.filter((candidate) => candidate !== grant);
  else grant.scope = String(call.body?.scope ?? grant.scope);
  return { status: 204 };
}

/** What products read: users, groups, calendars, mail, presence. Each needs its own permission. */
function content(base: string, caller: Caller, call: Call): Answer {
  const { tenant } = caller;
  const shownUser = ({ id, displayName, userPrincipalName }: Tenant["users"][number]) => ({
    id,
    displayName,
    userPrincipalName,
    mail: userPrincipalName,
  });
  const user = call.path.match(/^\/users\/([^/]+)(\/.*)?$/);
  if (call.path === "/users") {
    requireScope(caller, "User.Read.All", "User.ReadBasic.All", "Directory.Read.All", "Directory.ReadWrite.All");
    return collection(base, call, "users", tenant.users.map(shownUser));
  }
  if (call.path === "/groups") {
    requireScope(caller, "Group.Read.All", "Directory.Read.All", "Directory.ReadWrite.All");
    return collection(base, call, "groups", tenant.groups);
  }
  if (user) {
    const found = tenant.users.find(({ id, userPrincipalName }) => id === user[1] || userPrincipalName === user[1]);
    const rest = user[2] ?? "";
    if (rest === "") requireScope(caller, "User.Read.All", "Directory.Read.All");
    else if (/^\/(events|calendar|calendarView)/.test(rest)) requireScope(caller, "Calendars.Read", "Calendars.ReadWrite");
    else if (/^\/(messages|mailFolders)/.test(rest)) requireScope(caller, "Mail.Read", "Mail.ReadWrite");
    else if (rest === "/presence") requireScope(caller, "Presence.Read.All", "Presence.ReadWrite.All");
    else throw badRequest(`Resource not found for the segment '${rest}'.`);
    if (!found) throw notFound(user[1]!);
    if (rest === "") return entity(base, call, "users", shownUser(found));
    if (rest === "/presence") return entity(base, call, "presence", { id: found.id, availability: "Available", activity: "Available" });
    return collection(base, call, "messages", []);
  }
  throw badRequest(`Resource not found for the segment '${call.path.slice(1)}'.`);
}

function route(world: World, base: string, caller: Caller, call: Call): Answer {
  const { tenant } = caller;
  if (call.path === "/organization") {
    requireScope(caller, "User.Read", "Organization.Read.All", "Directory.Read.All");
    return collection(base, call, "organization", [
      {
        id: tenant.id,
        displayName: tenant.displayName,
        tenantType: "AAD",
        verifiedDomains: tenant.domains.map((name, i) => ({
          capabilities: "Email, OfficeCommunicationsOnline",
          isDefault: i === 0,
          isInitial: name.endsWith(".onmicrosoft.com"),
          name,
          type: "Managed",
        })),
      },
    ]);
  }
  if (call.path === "/me") {
    requireScope(caller, "User.Read");
    const me = tenant.users.find(({ id }) => id === caller.userId);
    if (!me) throw badRequest("/me request is only valid with delegated authentication flow.");
    return entity(base, call, "users", {
      id: me.id,
      displayName: me.displayName,
      userPrincipalName: me.userPrincipalName,
      mail: me.userPrincipalName,
    });
  }
  if (call.path.startsWith("/applications")) return applications(world, base, caller, call);
  if (call.path.startsWith("/servicePrincipals")) return servicePrincipals(world, base, caller, call);
  if (call.path.startsWith("/oauth2PermissionGrants")) return delegatedGrants(world, base, caller, call);
  return content(base, caller, call);
}

/** One call, alone or as a member of a batch. */
export function answer(world: World, base: string, caller: Caller, call: Call): Answer {
  const requestId = randomUUID();
  const clientRequestId = call.headers["client-request-id"];
  const headers = {
    "request-id": requestId,
    ...(clientRequestId ? { "client-request-id": clientRequestId } : {}),
    "x-ms-ags-diagnostic": JSON.stringify({
      ServerInfo: { DataCenter: "Sandbox", Slice: "E", Ring: "1", ScaleUnit: "000", RoleInstance: "SANDBOX" },
    }),
    "x-ms-resource-unit": "1",
  };
  const failed = (failure: GraphFailure, extra: Record<string, string> = {}): Answer => ({
    status: failure.status,
    headers: { ...headers, ...extra },
    body: errorBody(failure.code, failure.message, requestId, clientRequestId ?? requestId, failure.details),
  });
  const fault = takeFault(world, call.method, call.path, (candidate) => candidate.status !== undefined);
  const done = (result: Answer) => {
    world.log.push({ method: call.method, path: call.path, status: result.status, at: new Date().toISOString() });
    if (world.log.length > 5_000) world.log.splice(0, 1_000);
    return result;
  };
  if (fault?.status) {
    const code =
      fault.code ?? ({ 429: "TooManyRequests", 503: "ServiceUnavailable" } as Record<number, string>)[fault.status] ?? "UnknownError";
    return done(
      failed(
        new GraphFailure(fault.status, code, fault.message ?? "Please retry again later."),
        fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) },
      ),
    );
  }
  try {
    const result = route(world, base, caller, call);
    return done({ ...result, headers: { ...headers, ...result.headers } });
  } catch (error) {
    if (error instanceof GraphFailure) return done(failed(error));
    throw error;
  }
}

/** The next fault that fits the call; each serves `times` calls. */
export function takeFault(world: World, method: string, path: string, fits: (fault: World["faults"][number]) => boolean) {
  const fault = world.faults.find(
    (candidate) =>
      candidate.times > 0 && (!candidate.method || candidate.method === method) && new RegExp(candidate.path).test(path) && fits(candidate),
  );
  if (fault) fault.times -= 1;
  return fault;
}

/** JSON batching: up to 20 members; `dependsOn` orders them and a failed one fails its dependants with 424. */
export function batch(world: World, base: string, caller: Caller, body: { requests?: Record<string, unknown>[] }): Answer {
  const requests = body.requests ?? [];
  const ids = new Set(requests.map(({ id }) => String(id).toLowerCase()));
  if (requests.length === 0 || requests.length > 20 || ids.size !== requests.length)
    return { status: 400, body: errorBody("BadRequest", "Invalid batch payload format.", randomUUID(), randomUUID()) };
  const statuses = new Map<string, number>();
  const responses = requests.map((request) => {
    const id = String(request.id);
    const predecessors = (request.dependsOn as string[] | undefined) ?? [];
    if (predecessors.some((predecessor) => (statuses.get(predecessor) ?? 500) >= 400)) {
      statuses.set(id, 424);
      return { id, status: 424, headers: {}, body: errorBody("FailedDependency", "Failed Dependency", randomUUID(), randomUUID()) };
    }
    const url = new URL(String(request.url).replace(/^\/?/, "/"), base);
    const headers = Object.fromEntries(
      Object.entries((request.headers as Record<string, string> | undefined) ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const result = answer(world, base, caller, {
      method: String(request.method ?? "GET").toUpperCase(),
      path: url.pathname,
      query: url.searchParams,
      headers,
      body: (request.body as Record<string, unknown> | undefined) ?? null,
    });
    statuses.set(id, result.status);
    return { id, status: result.status, headers: result.headers ?? {}, ...(result.body === undefined ? {} : { body: result.body }) };
  });
  return { status: 200, body: { responses: responses.reverse() } };
}
