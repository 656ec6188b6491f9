// Microsoft Graph v1.0 as far as onboarding an application needs it: scopes, directory roles, upserts, replication lag
// and the error bodies that the service sends.
import { randomUUID, X509Certificate } from "node:crypto";
import { someReplica } from "./directory.ts";
import { chaosFor, type Fault, isTransport, takeFault } from "./faults.ts";
import {
  type Application,
  assignRole,
  type DelegatedGrant,
  type FederatedCredential,
  GRAPH_APP_ID,
  grantId,
  type KeyCredential,
  newApplication,
  newSecretText,
  type PasswordCredential,
  ROLE,
  removeApplication,
  removeServicePrincipal,
  resourcePrincipal,
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
export type Caller = {
  tenant: Tenant;
  userId: string | null;
  scopes: Set<string>;
  roles: Set<string>;
  wids: Set<string>;
  appId: string;
  /** Authentication contexts that the sign-in satisfied. */
  acrs: Set<string>;
  /** The client said that it understands claims challenges (CP1). */
  isCapable: boolean;
};
/** With chaos on, the service says the same thing in other words now and then, as it really does. */
const inOtherWords = (world: World) => world.chaos !== null && Math.random() < 0.3;

/** One call, the copy of the directory that it happens to reach, and who makes it. */
type Context = { world: World; base: string; caller: Caller; call: Call; replica: number };

class GraphFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details?: { code: string; message: string; target?: string }[],
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

/** Continuous access evaluation: what the token lacks, as Entra wants it in the next sign-in (docs: claims-challenge). */
export function challenge(base: string, claims: string, reason: string): GraphFailure {
  const encoded = Buffer.from(claims).toString("base64");
  return new GraphFailure(
    401,
    "InvalidAuthenticationToken",
    `Continuous access evaluation resulted in challenge with result: InteractionRequired and code: ${reason}`,
    undefined,
    {
      "www-authenticate": `Bearer realm="", authorization_uri="${base}/common/oauth2/authorize", client_id="${GRAPH_APP_ID}", errorDescription="Continuous access evaluation resulted in challenge with result: InteractionRequired and code: ${reason}", error="insufficient_claims", claims="${encoded}"`,
    },
  );
}

export function errorBody(code: string, message: string, requestId: string, clientRequestId: string, details?: unknown) {
  return {
    error: {
      code,
      message,
      innerError: {
        ...(code === "TooManyRequests" ? { code: "429" } : {}),
        date: new Date().toISOString().slice(0, 19),
        "request-id": requestId,
        "client-request-id": clientRequestId,
      },
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
/** A certificate's content is shown only where one application is asked for it by `$select` (docs: keycredential). */
const shownApplication = ({ passwords, federated: _, ...application }: Application, withKeys = false) => ({
  ...application,
  passwordCredentials: passwords.map(shownPassword),
  keyCredentials: application.keyCredentials.map((held) => (withKeys ? held : { ...held, key: null })),
});

/** The collection is replaced as a whole; what is there already may come without its content. */
function keyCredentialsOf(application: Application, wanted: unknown): KeyCredential[] {
  if (!Array.isArray(wanted)) throw badRequest("Invalid value specified for property 'keyCredentials' of resource 'Application'.");
  return (wanted as Partial<KeyCredential>[]).map((entry) => {
    const held = application.keyCredentials.find(({ keyId }) => keyId === entry.keyId);
    if (held) return held;
    if (entry.type !== "AsymmetricX509Cert" || entry.usage !== "Verify" || !entry.key)
      throw badRequest("Invalid value specified for property 'keyCredentials' of resource 'Application'.");
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(Buffer.from(entry.key, "base64"));
    } catch {
      throw new GraphFailure(400, "KeyCredentialsInvalidCertificate", "Key credential certificate is invalid.");
    }
    const end = new Date(entry.endDateTime ?? certificate.validTo);
    if (end.getTime() > new Date(certificate.validTo).getTime())
      throw new GraphFailure(400, "KeyCredentialsInvalidEndDate", "Key credential end date is invalid.");
    return {
      keyId: randomUUID(),
      displayName: entry.displayName ?? null,
      customKeyIdentifier:
        entry.customKeyIdentifier ?? Buffer.from(certificate.fingerprint.replaceAll(":", ""), "latin1").toString("base64"),
      type: "AsymmetricX509Cert",
      usage: "Verify",
      key: entry.key,
      startDateTime: new Date(entry.startDateTime ?? certificate.validFrom).toISOString(),
      endDateTime: end.toISOString(),
    };
  });
}

/** Trust in tokens of another issuer: 20 at most, issuer and subject once, exactly one audience (docs: federatedidentitycredential). */
function federatedIdentityCredentials({ base, caller, call, replica }: Context, application: Application, rest: string): Answer {
  const { tenant } = caller;
  const seen = tenant.applications.at(replica).find(({ id }) => id === application.id) ?? application;
  if (rest === "" && call.method === "GET") return collection(base, call, "federatedIdentityCredentials", seen.federated);
  const key = rest.match(/^(?:\(name='([^']*)'\)|\/(.+))$/);
  const name = key?.[1];
  const existing = application.federated.find((each) => each.name === name || each.id === key?.[2]);
  const keep = (federated: FederatedCredential[]) => tenant.applications.put({ ...application, federated });
  if (call.method === "GET" || call.method === "DELETE") {
    if (!existing) throw notFound(name ?? key?.[2] ?? "");
    if (call.method === "GET") return entity(base, call, "federatedIdentityCredentials", existing);
    keep(application.federated.filter((each) => each !== existing));
    return { status: 204 };
  }
  const isUpsert = call.method === "PATCH" && name !== undefined && (call.headers.prefer ?? "").includes("create-if-missing");
  if (call.method === "PATCH" && !existing && !isUpsert) throw notFound(name ?? "");
  const body = (call.body ?? {}) as Partial<FederatedCredential>;
  const wanted = { ...existing, ...body, name: existing?.name ?? name ?? body.name ?? "" };
  if (!wanted.name || wanted.name.length > 120 || !wanted.issuer || !wanted.subject || wanted.audiences?.length !== 1)
    throw badRequest("FederatedIdentityCredential must have name, issuer, subject and exactly one audience.");
  const others = application.federated.filter((each) => each !== existing);
  if (others.length >= 20)
    throw new GraphFailure(403, "Directory_QuotaExceeded", "The maximum number of federated identity credentials is 20.");
  if (others.some((each) => each.issuer === wanted.issuer && each.subject === wanted.subject))
    throw new GraphFailure(
      409,
      "Request_MultipleObjectsWithSameKeyValue",
      "FederatedIdentityCredential with this issuer and subject already exists.",
    );
  const made: FederatedCredential = {
    id: existing?.id ?? randomUUID(),
    name: wanted.name,
    issuer: wanted.issuer,
    subject: wanted.subject,
    audiences: wanted.audiences,
    description: wanted.description ?? null,
  };
  keep([...others, made]);
  return existing ? { status: 204 } : entity(base, call, "federatedIdentityCredentials", made, 201);
}
function shownServicePrincipal({ permissions, ...sp }: ServicePrincipal) {
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
  const start = filter.match(/^startswith\((\w+),\s*'((?:[^']|'')*)'\)$/i);
  if (start) {
    const wanted = start[2]!.replaceAll("''", "'").toLowerCase();
    return values.filter((value) =>
      String(value[start[1]!] ?? "")
        .toLowerCase()
        .startsWith(wanted),
    );
  }
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
  "api",
  "appRoles",
  "groupMembershipClaims",
  "identifierUris",
];

const withProperties = (application: Application, body: Record<string, unknown>): Application => ({
  ...application,
  ...Object.fromEntries(PATCHABLE.filter((name) => name in body).map((name) => [name, body[name]])),
});

/** App management policies: secrets forbidden, or their lifetime capped (docs: appmanagementpolicy). */
function requireAllowedSecret({ policies, id }: Tenant, start: Date, end: Date) {
  if (policies.secrets === "blocked")
    throw new GraphFailure(
      400,
      "CredentialTypeNotAllowedAsPerAppPolicy",
      `Credential type not allowed as per assigned policy '${guidOfPolicy(id)}'.`,
    );
  const days = (end.getTime() - start.getTime()) / 86_400_000;
  if (policies.maxSecretDays !== null && days > policies.maxSecretDays) {
    const message = `Credential lifetime exceeds the max value allowed as per assigned policy '${guidOfPolicy(id)}'.`;
    throw new GraphFailure(400, "CredentialInvalidLifetimeAsPerAppPolicy", message, [
      { code: "InvalidKeyEndDate", message, target: "EndDate" },
    ]);
  }
}
const guidOfPolicy = (tenantId: string) => `${tenantId.slice(0, 24)}000000000001`;

function addPassword({ world, caller, call }: Context, application: Application): Answer {
  const wanted = (call.body?.passwordCredential ?? {}) as { displayName?: string; endDateTime?: string };
  const now = new Date();
  const secret = newSecretText();
  const end = wanted.endDateTime ? new Date(wanted.endDateTime) : new Date(now.getTime() + 2 * 365 * 86_400_000);
  requireAllowedSecret(caller.tenant, now, end);
  const { minMs, maxMs } = world.lag.secret;
  const password: PasswordCredential = {
    keyId: randomUUID(),
    displayName: wanted.displayName ?? null,
    startDateTime: now.toISOString(),
    endDateTime: end.toISOString(),
    hint: secret.slice(0, 3),
    secret,
    usableAt: now.getTime() + minMs + Math.random() * Math.max(0, maxMs - minMs),
  };
  caller.tenant.applications.put({ ...application, passwords: [...application.passwords, password] });
  return { status: 200, body: { "@odata.context": "#microsoft.graph.passwordCredential", ...shownPassword(password), secretText: secret } };
}

const READ_APPLICATIONS = ["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];

function applications(context: Context): Answer {
  const { base, caller, call, replica } = context;
  const { tenant } = caller;
  const mayWrite = (application?: Application) => {
    requireScope(caller, "Application.ReadWrite.All");
    const isOwner = application && caller.userId !== null && application.ownerId === caller.userId;
    if (!isOwner) requireRole(caller, APP_WRITERS);
  };
  // An ordinary member may register applications unless the tenant says otherwise; it then owns them.
  const mayCreate = () => {
    requireScope(caller, "Application.ReadWrite.All");
    const isOrdinary = caller.userId !== null && !APP_WRITERS.some((role) => caller.wids.has(role));
    if (isOrdinary && (caller.wids.has(ROLE.globalReader) || !tenant.policies.usersMayRegister)) throw denied();
  };
  const created = (body: Record<string, unknown>, uniqueName: string | null) => {
    if (typeof body.displayName !== "string" || !body.displayName)
      throw badRequest("A value is required for property 'displayName' of resource 'Application'.", [
        { code: "MissingOrInvalid", message: "Missing", target: "displayName" },
      ]);
    const isOrdinary = caller.userId !== null && !APP_WRITERS.some((role) => caller.wids.has(role));
    const fresh = newApplication({ uniqueName, displayName: body.displayName });
    const application = tenant.applications.put({
      ...withProperties(fresh, body),
      ...("keyCredentials" in body ? { keyCredentials: keyCredentialsOf(fresh, body.keyCredentials) } : {}),
      ...(isOrdinary ? { ownerId: caller.userId } : {}),
    });
    return entity(base, call, "applications", shownApplication(application), 201);
  };

  if (call.path === "/applications") {
    if (call.method === "GET") {
      requireScope(caller, ...READ_APPLICATIONS);
      return collection(
        base,
        call,
        "applications",
        filtered(
          tenant.applications.at(replica).map((application) => shownApplication(application)),
          call.query.get("$filter"),
        ),
      );
    }
    mayCreate();
    return created(call.body ?? {}, typeof call.body?.uniqueName === "string" ? call.body.uniqueName : null);
  }
  const at = keyed(call.path, "applications");
  if (!at) throw badRequest(`Resource not found for the segment '${call.path}'.`);
  const fits = (application: Application) => application[at.key] === at.value;
  const upsert =
    call.method === "PATCH" && at.key === "uniqueName" && at.rest === "" && (call.headers.prefer ?? "").includes("create-if-missing");
  const primary = tenant.applications.find(fits);
  if (upsert && !primary) {
    mayCreate();
    return created(call.body ?? {}, at.value);
  }
  if (call.method === "GET") requireScope(caller, ...READ_APPLICATIONS);
  const seen = tenant.applications.at(replica).find(fits);
  if (call.method === "GET" && at.rest === "") {
    if (!seen) throw notFound(at.value);
    return entity(base, call, "applications", shownApplication(seen, call.query.get("$select")?.includes("keyCredentials")));
  }
  if (call.method === "GET" && at.rest.startsWith("/federatedIdentityCredentials")) {
    if (!seen) throw notFound(at.value);
    return federatedIdentityCredentials(context, seen, at.rest.slice("/federatedIdentityCredentials".length));
  }
  // An upsert works on the primary; every other write has to find the object on the copy that it reached first.
  if (!primary || (!upsert && !seen)) throw notFound(at.value);
  mayWrite(primary);
  if (call.method === "PATCH" && at.rest === "") {
    const body = call.body ?? {};
    const keys = "keyCredentials" in body ? { keyCredentials: keyCredentialsOf(primary, body.keyCredentials) } : {};
    tenant.applications.put({ ...withProperties(primary, body), ...keys });
    return { status: 204 };
  }
  if (at.rest.startsWith("/federatedIdentityCredentials"))
    return federatedIdentityCredentials(context, primary, at.rest.slice("/federatedIdentityCredentials".length));
  if (call.method === "DELETE" && at.rest === "") {
    removeApplication(tenant, primary);
    return { status: 204 };
  }
  if (call.method === "POST" && at.rest === "/addPassword") return addPassword(context, primary);
  if (call.method === "POST" && at.rest === "/removePassword") {
    const keyId = call.body?.keyId;
    if (!primary.passwords.some((password) => password.keyId === keyId))
      throw badRequest(`No password credential found with keyId '${String(keyId)}'.`);
    tenant.applications.put({ ...primary, passwords: primary.passwords.filter((password) => password.keyId !== keyId) });
    return { status: 204 };
  }
  throw badRequest(`Unsupported operation on '${call.path}'.`);
}

function assign({ world, base, caller, call, replica }: Context, pathSp: ServicePrincipal): Answer {
  const { tenant } = caller;
  const { principalId, resourceId, appRoleId } = (call.body ?? {}) as Record<string, string>;
  if (!principalId || !resourceId || !appRoleId)
    throw badRequest("One or more properties are missing: principalId, resourceId, appRoleId.");
  requireScope(caller, "AppRoleAssignment.ReadWrite.All");
  const resource = tenant.servicePrincipals.find((sp) => sp.id === resourceId);
  const principal = tenant.servicePrincipals.at(replica).find((sp) => sp.id === principalId);
  if (!principal) {
    if (inOtherWords(world)) throw badRequest("Not a valid reference update.");
    throw notFound(principalId);
  }
  if (!resource || (pathSp.id !== principalId && pathSp.id !== resourceId)) throw badRequest("Not a valid reference update.");
  requireRole(caller, resource.appId === GRAPH_APP_ID ? GRAPH_ROLE_GRANTERS : CONSENTERS);
  if (!resource.permissions.some((permission) => permission.kind === "Role" && permission.id === appRoleId))
    throw badRequest("Permission being assigned was not found on application");
  if (tenant.appRoleAssignments.find((a) => a.principalId === principalId && a.resourceId === resourceId && a.appRoleId === appRoleId)) {
    if (inOtherWords(world))
      throw new GraphFailure(409, "Request_MultipleObjectsWithSameKeyValue", "EntitlementGrant entry already exists.");
    throw badRequest("Permission being assigned already exists on the object");
  }
  return entity(base, call, "appRoleAssignments", assignRole(tenant, principal, resource, appRoleId), 201);
}

const noBackingApplication = (appId: string) => {
  const message = `The appId '${appId}' of the service principal does not reference a valid application object.`;
  return badRequest(message, [{ code: "NoBackingApplicationObject", message, target: "appId" }]);
};

function servicePrincipals(context: Context): Answer {
  const { world, base, caller, call, replica } = context;
  const { tenant } = caller;
  const create = (appId: string): Answer => {
    requireScope(caller, "Application.ReadWrite.All");
    const application = tenant.applications.find((candidate) => candidate.appId === appId);
    const isOwner = application && caller.userId !== null && application.ownerId === caller.userId;
    if (!isOwner) requireRole(caller, APP_WRITERS);
    if (!application && tenant.licensed.includes(appId)) {
      const sp = tenant.servicePrincipals.put(resourcePrincipal(tenant.id, appId));
      return entity(base, call, "servicePrincipals", shownServicePrincipal(sp), 201);
    }
    if (!application || !tenant.applications.at(replica).some((candidate) => candidate.appId === appId)) {
      if (application && inOtherWords(world))
        throw new GraphFailure(
          403,
          "Authorization_RequestDenied",
          "When using this permission, the backing application of the service principal being created must in the local tenant",
        );
      throw noBackingApplication(appId);
    }
    const sp = tenant.servicePrincipals.put({
      id: randomUUID(),
      appId,
      displayName: application.displayName,
      permissions: [],
      ownerId: application.ownerId,
      tags: (call.body?.tags as string[] | undefined) ?? [],
      createdDateTime: new Date().toISOString(),
    });
    return entity(base, call, "servicePrincipals", shownServicePrincipal(sp), 201);
  };

  if (call.path === "/servicePrincipals") {
    if (call.method === "GET") {
      requireScope(caller, ...READ_APPLICATIONS);
      return collection(
        base,
        call,
        "servicePrincipals",
        filtered(tenant.servicePrincipals.at(replica).map(shownServicePrincipal), call.query.get("$filter")),
      );
    }
    const appId = String(call.body?.appId ?? "");
    if (tenant.servicePrincipals.find((sp) => sp.appId === appId))
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
  const fits = (sp: ServicePrincipal) => sp[at.key] === at.value;
  const upsert =
    call.method === "PATCH" && at.key === "appId" && at.rest === "" && (call.headers.prefer ?? "").includes("create-if-missing");
  const primary = tenant.servicePrincipals.find(fits);
  if (upsert && !primary) return create(at.value);
  if (call.method === "GET") requireScope(caller, ...READ_APPLICATIONS);
  const seen = tenant.servicePrincipals.at(replica).find(fits);
  if (call.method === "GET" && !seen) throw notFound(at.value);
  if (call.method === "GET" && at.rest === "") return entity(base, call, "servicePrincipals", shownServicePrincipal(seen!));
  if (at.rest === "/appRoleAssignments" && call.method === "GET")
    return collection(
      base,
      call,
      "appRoleAssignments",
      tenant.appRoleAssignments.at(replica).filter((a) => a.principalId === seen!.id),
    );
  if (at.rest === "/oauth2PermissionGrants" && call.method === "GET")
    return collection(
      base,
      call,
      "oauth2PermissionGrants",
      tenant.grants.at(replica).filter((g) => g.clientId === seen!.id),
    );
  if (!primary || (!upsert && !seen)) throw notFound(at.value);
  if (at.rest === "" && (call.method === "PATCH" || call.method === "DELETE")) {
    requireScope(caller, "Application.ReadWrite.All");
    requireRole(caller, APP_WRITERS);
    if (call.method === "DELETE") removeServicePrincipal(tenant, primary);
    else {
      const { tags, accountEnabled } = call.body ?? {};
      tenant.servicePrincipals.put({
        ...primary,
        ...(Array.isArray(tags) ? { tags } : {}),
        ...(typeof accountEnabled === "boolean" ? { accountEnabled } : {}),
      });
    }
    return { status: 204 };
  }
  if ((at.rest === "/appRoleAssignments" || at.rest === "/appRoleAssignedTo") && call.method === "POST") return assign(context, primary);
  const assignment = at.rest.match(/^\/appRoleAssign(?:ments|edTo)\/(.+)$/);
  if (assignment && call.method === "DELETE") {
    requireScope(caller, "AppRoleAssignment.ReadWrite.All");
    requireRole(caller, CONSENTERS);
    const existing = tenant.appRoleAssignments.find((a) => a.id === assignment[1]);
    if (!existing) throw badRequest("EntitlementGrant being updated or deleted is not found.");
    tenant.appRoleAssignments.remove(existing.id);
    return { status: 204 };
  }
  throw badRequest(`Unsupported operation on '${call.path}'.`);
}

function delegatedGrants({ base, caller, call, replica }: Context): Answer {
  const { tenant } = caller;
  if (call.method === "GET")
    requireScope(caller, "DelegatedPermissionGrant.Read.All", "DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All");
  else {
    requireScope(caller, "DelegatedPermissionGrant.ReadWrite.All");
    requireRole(caller, CONSENTERS);
  }
  if (call.path === "/oauth2PermissionGrants") {
    if (call.method === "GET")
      return collection(base, call, "oauth2PermissionGrants", filtered(tenant.grants.at(replica), call.query.get("$filter")));
    const { clientId, consentType, principalId = null, resourceId, scope } = (call.body ?? {}) as Record<string, string>;
    const client = tenant.servicePrincipals.at(replica).find((sp) => sp.id === clientId);
    if (!client) throw notFound(String(clientId));
    const resource = tenant.servicePrincipals.find((sp) => sp.id === resourceId);
    if (!resource) throw badRequest("Specified resourceId was not found");
    const unknown = String(scope)
      .split(" ")
      .filter((value) => value && !resource.permissions.some((p) => p.kind === "Scope" && p.value === value));
    if (unknown.length > 0) throw badRequest(`Permission scope '${unknown[0]}' is not defined on the resource.`);
    const id = grantId(client.id, resource.id, principalId);
    if (tenant.grants.find((grant) => grant.id === id))
      throw new GraphFailure(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.");
    const grant: DelegatedGrant = tenant.grants.put({
      id,
      clientId: client.id,
      consentType: consentType as "AllPrincipals",
      principalId,
      resourceId: resource.id,
      scope: String(scope),
    });
    return entity(base, call, "oauth2PermissionGrants", grant, 201);
  }
  const id = decodeURIComponent(call.path.split("/")[2] ?? "");
  const primary = tenant.grants.find((candidate) => candidate.id === id);
  const seen = tenant.grants.at(replica).find((candidate) => candidate.id === id);
  if (!seen) throw notFound(id);
  if (call.method === "GET") return entity(base, call, "oauth2PermissionGrants", seen);
  if (!primary) throw notFound(id);
  if (call.method === "DELETE") tenant.grants.remove(id);
  else tenant.grants.put({ ...primary, scope: String(call.body?.scope ?? primary.scope) });
  return { status: 204 };
}

/** What products read: users, groups, calendars, mail, presence. Each needs its own permission. */
function content({ base, caller, call }: Context): Answer {
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
    const name = decodeURIComponent(user[1]!).toLowerCase();
    const found = tenant.users.find(({ id, userPrincipalName }) => id === name || userPrincipalName.toLowerCase() === name);
    const rest = user[2] ?? "";
    if (rest === "") requireScope(caller, "User.ReadBasic.All", "User.Read.All", "Directory.Read.All");
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

function route(context: Context): Answer {
  const { base, caller, call } = context;
  const { tenant } = caller;
  if (tenant.policies.stepUp === "call" && call.method !== "GET" && caller.userId && caller.isCapable && !caller.acrs.has(STEP_UP_CONTEXT))
    throw challenge(base, STEP_UP_CLAIMS, "TokenCreatedWithOutdatedPolicies");
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
  if (call.path.startsWith("/applications")) return applications(context);
  if (call.path.startsWith("/servicePrincipals")) return servicePrincipals(context);
  if (call.path.startsWith("/oauth2PermissionGrants")) return delegatedGrants(context);
  return content(context);
}

/** The authentication context that Conditional Access asks for here, and the claims that bring it. */
export const STEP_UP_CONTEXT = "c1";
export const STEP_UP_CLAIMS = JSON.stringify({ access_token: { acrs: { essential: true, value: STEP_UP_CONTEXT } } });

const CODE_OF_STATUS: Record<number, [code: string, message: string]> = {
  429: ["TooManyRequests", "Please retry again later."],
  500: ["InternalServerError", "An internal server error occurred while processing the operation."],
  502: ["BadGateway", "Bad gateway."],
  503: ["ServiceUnavailable", "The service is temporarily unavailable. Please retry again later."],
  504: ["GatewayTimeout", "The gateway did not get an answer in time."],
};

function faultAnswer(fault: Fault): GraphFailure {
  const status = fault.status!;
  const [code, message] = CODE_OF_STATUS[status] ?? ["UnknownError", "The fault that was asked for."];
  return new GraphFailure(status, fault.code ?? code, fault.message ?? message, fault.details, {
    ...(fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) }),
    ...(status === 429 ? { "x-ms-throttle-scope": "Tenant_Application/ReadWrite", "x-ms-throttle-information": "WriteLimitExceeded" } : {}),
  });
}

/** One call, alone or as a member of a batch. */
export function answer(world: World, base: string, caller: Caller, call: Call): Answer {
  const requestId = randomUUID();
  const clientRequestId = call.headers["client-request-id"];
  const { tenant } = caller;
  const headers = {
    "request-id": requestId,
    ...(clientRequestId ? { "client-request-id": clientRequestId } : {}),
    "x-ms-ags-diagnostic": JSON.stringify({
      ServerInfo: { DataCenter: "Sandbox", Slice: "E", Ring: "1", ScaleUnit: "000", RoleInstance: "SANDBOX" },
    }),
    "x-ms-resource-unit": "1",
  };
  const done = (result: Answer, code?: string) => {
    world.log.push({
      tenant: tenant.domains[0]!,
      method: call.method,
      path: call.path,
      status: result.status,
      ...(code ? { code } : {}),
      at: new Date().toISOString(),
    });
    if (world.log.length > 5_000) world.log.splice(0, 1_000);
    return result;
  };
  const failed = (failure: GraphFailure): Answer =>
    done(
      {
        status: failure.status,
        headers: { ...headers, ...failure.headers },
        body: errorBody(failure.code, failure.message, requestId, clientRequestId ?? requestId, failure.details),
      },
      failure.code,
    );
  tenant.counts.calls += 1;
  const fault =
    takeFault(world, tenant.id, call.method, call.path, (candidate) => candidate.status !== undefined) ??
    chaosFor(world.chaos, tenant.id, tenant.counts.calls, false);
  if (fault) {
    tenant.counts.disturbed += 1;
    return failed(faultAnswer(fault));
  }
  try {
    const result = route({ world, base, caller, call, replica: someReplica() });
    return done({ ...result, headers: { ...headers, ...result.headers } });
  } catch (error) {
    if (error instanceof GraphFailure) return failed(error);
    throw error;
  }
}

/** Of the request itself: lost, late, held or garbled. The same for a single call and for a batch. */
export function wireFault(world: World, tenant: Tenant, method: string, path: string): Fault | null {
  tenant.counts.requests += 1;
  const request = tenant.counts.requests;
  const fault =
    takeFault(
      world,
      tenant.id,
      method,
      path,
      (candidate) => isTransport(candidate) && (!candidate.hold || candidate.hold.request === request),
    ) ?? chaosFor(world.chaos, tenant.id, request, true);
  if (fault) tenant.counts.disturbed += 1;
  return fault ?? null;
}

/** JSON batching: up to 20 members; `dependsOn` orders them and a failed one fails its dependants with 424. */
export function batch(
  world: World,
  base: string,
  caller: Caller,
  body: { requests?: Record<string, unknown>[] },
  /** Carries out only so many members. */
  atMost = Number.POSITIVE_INFINITY,
): Answer {
  const requests = body.requests ?? [];
  const ids = new Set(requests.map(({ id }) => String(id).toLowerCase()));
  const refusal = (message: string): Answer => ({
    status: 400,
    body: errorBody("BadRequest", message, randomUUID(), randomUUID()),
  });
  if (requests.length === 0 || requests.length > 20 || ids.size !== requests.length) return refusal("Invalid batch payload format.");
  const withoutType = requests.find(
    ({ body: content, headers }) =>
      content !== undefined && !Object.keys((headers as object | undefined) ?? {}).some((name) => name.toLowerCase() === "content-type"),
  );
  if (withoutType) return refusal("Write request has to contain a Content-Type header.");
  const statuses = new Map<string, number>();
  const responses = requests.slice(0, atMost).map((request) => {
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
      path: decodeURI(url.pathname),
      query: url.searchParams,
      headers,
      body: (request.body as Record<string, unknown> | undefined) ?? null,
    });
    statuses.set(id, result.status);
    return { id, status: result.status, headers: result.headers ?? {}, ...(result.body === undefined ? {} : { body: result.body }) };
  });
  return { status: 200, body: { responses: responses.reverse() } };
}
