import { createHash } from "node:crypto";
import { RESOURCE_APP_ID } from "../graph/graph.ts";
import type { DesiredRegistration } from "./desired.ts";
import type { Actual, ActualRegistration, Api } from "./snapshot.ts";

const API_NAME: Record<Api, string> = { graph: "Microsoft Graph", exchange: "Office 365 Exchange Online" };
const apiName = (api: Api) => API_NAME[api];

/** Directory role template ids, and what each may do here (docs: rbac-application-apis-write, grant-admin-consent). */
const ROLE = {
  globalAdministrator: "62e90394-69f5-4237-9190-012177145e10",
  privilegedRoleAdministrator: "e8611ab8-c189-46e8-94e1-60213ab1f814",
  applicationAdministrator: "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
  cloudApplicationAdministrator: "158c047a-c907-4556-b7ef-446551a6b5f7",
} as const;
const ROLE_NAME: Record<string, string> = {
  [ROLE.globalAdministrator]: "Global Administrator",
  [ROLE.privilegedRoleAdministrator]: "Privileged Role Administrator",
  [ROLE.applicationAdministrator]: "Application Administrator",
  [ROLE.cloudApplicationAdministrator]: "Cloud Application Administrator",
  "f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
  "cf1c38e5-3621-4004-a7cb-879624dced7c": "Application Developer",
};
const REGISTER: readonly string[] = [ROLE.globalAdministrator, ROLE.applicationAdministrator, ROLE.cloudApplicationAdministrator];
const GRANT_DELEGATED: readonly string[] = [...REGISTER, ROLE.privilegedRoleAdministrator];
const GRANT_GRAPH_APPLICATION: readonly string[] = [ROLE.globalAdministrator, ROLE.privilegedRoleAdministrator];

export type Abilities = { roleNames: string[]; canRegister: boolean; canGrantDelegated: boolean; canGrantApplication: boolean };

/** What a person's directory roles allow here. A custom role may allow more: Graph's own answer decides in the end. */
export function abilitiesOf(directoryRoles: readonly string[]): Abilities {
  const has = (roles: readonly string[]) => directoryRoles.some((role) => roles.includes(role));
  return {
    roleNames: directoryRoles.flatMap((role) => ROLE_NAME[role] ?? []),
    canRegister: has(REGISTER),
    canGrantDelegated: has(GRANT_DELEGATED),
    canGrantApplication: has(GRANT_GRAPH_APPLICATION),
  };
}

type PlannedPermission = { value: string; id: string | null; isGranted: boolean };
type OperationKind = "application" | "service-principal" | "grant-application" | "grant-delegated" | "credential";
/** create / change something, leave it as it is, or be unable to. */
export type Effect = "create" | "change" | "same" | "blocked";

export type Operation = {
  id: string;
  registration: string;
  kind: OperationKind;
  effect: Effect;
  /** Set when this person's roles do not allow it. */
  needsRole: string | null;
  title: string;
  detail: string;
  api?: Api;
  permissions: PlannedPermission[];
  /** The Graph requests that it stands for; what is known only after an earlier step stands in braces. */
  requests: { method: string; path: string; headers?: Record<string, string>; body?: unknown }[];
};

export type ApplicationBody = {
  displayName: string;
  signInAudience: string;
  isFallbackPublicClient: boolean;
  publicClient: { redirectUris: string[] };
  web: { redirectUris: string[] };
  requiredResourceAccess: { resourceAppId: string; resourceAccess: { id: string; type: "Scope" | "Role" }[] }[];
  tags: string[];
};

const union = <T>(...lists: readonly (readonly T[])[]) => [...new Set(lists.flat())];

/** The permission's id in this tenant; null when the tenant does not know it. */
const idOf = (actual: Actual, { api, kind, value }: { api: Api; kind: "application" | "delegated"; value: string }) =>
  (kind === "application" ? actual.resources[api]?.roles[value] : actual.resources[api]?.scopes[value]) ?? null;

/** The application with everything we ask for, and whatever it already has beside it: Graph replaces collections. */
export function applicationBody(desired: DesiredRegistration, actual: Actual): ApplicationBody {
  const existing = actual.registrations[desired.id];
  const declared = new Map<string, Map<string, "Scope" | "Role">>();
  for (const { resourceAppId, resourceAccess } of existing?.declared ?? [])
    declared.set(resourceAppId, new Map(resourceAccess.map(({ id, type }) => [`${type}/${id}`, type])));
  for (const permission of desired.permissions) {
    const id = idOf(actual, permission);
    if (!id) continue;
    const resource = declared.get(RESOURCE_APP_ID[permission.api]) ?? new Map<string, "Scope" | "Role">();
    const type = permission.kind === "application" ? "Role" : "Scope";
    declared.set(RESOURCE_APP_ID[permission.api], resource.set(`${type}/${id}`, type));
  }
  return {
    // The customer may have renamed it; the name is theirs once it exists.
    displayName: existing?.displayName ?? desired.displayName,
    signInAudience: desired.signInAudience,
    isFallbackPublicClient: desired.isFallbackPublicClient,
    publicClient: { redirectUris: union(existing?.publicClientRedirectUris ?? [], desired.publicClientRedirectUris) },
    web: { redirectUris: union(existing?.webRedirectUris ?? [], desired.webRedirectUris) },
    requiredResourceAccess: [...declared].map(([resourceAppId, access]) => ({
      resourceAppId,
      resourceAccess: [...access].map(([key, type]) => ({ id: key.slice(type.length + 1), type })),
    })),
    tags: union(existing?.tags ?? [], desired.tags, existing ? [] : [desired.mark]),
  };
}

const sizeOfDeclared = (declared: ApplicationBody["requiredResourceAccess"]) =>
  declared.reduce((sum, { resourceAccess }) => sum + resourceAccess.length, 0);

function applicationChanges(body: ApplicationBody, existing: ActualRegistration): string[] {
  return [
    ...(body.signInAudience !== existing.signInAudience ? ["single tenant"] : []),
    ...(body.isFallbackPublicClient !== existing.isFallbackPublicClient
      ? [body.isFallbackPublicClient ? "allow public client flows" : "no public client flows"]
      : []),
    ...body.publicClient.redirectUris.filter((uri) => !existing.publicClientRedirectUris.includes(uri)).map((uri) => `redirect URI ${uri}`),
    ...body.web.redirectUris.filter((uri) => !existing.webRedirectUris.includes(uri)).map((uri) => `redirect URI ${uri}`),
    ...(sizeOfDeclared(body.requiredResourceAccess) !== sizeOfDeclared(existing.declared) ? ["declared permissions"] : []),
    ...(body.tags.some((tag) => !existing.tags.includes(tag)) ? ["tags"] : []),
  ];
}

const counted = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** What this onboarding knows of a credential that it issued and proved. */
export type KnownCredentials = Readonly<Record<string, { verifiedKeyId?: string | null | undefined }>>;

function planRegistration(desired: DesiredRegistration, actual: Actual, abilities: Abilities, known: KnownCredentials): Operation[] {
  const existing = actual.registrations[desired.id] ?? null;
  const body = applicationBody(desired, actual);
  const changes = existing ? applicationChanges(body, existing) : [];
  const operation = (kind: OperationKind, rest: Omit<Operation, "id" | "registration" | "kind">, suffix = ""): Operation => ({
    id: `${desired.id}.${kind}${suffix}`,
    registration: desired.id,
    kind,
    ...rest,
  });
  const needs = (effect: Effect, may: boolean, role: string) => (effect === "same" || effect === "blocked" || may ? null : role);
  const operations: Operation[] = [];

  const applicationEffect: Effect = !existing ? "create" : changes.length > 0 ? "change" : "same";
  const uris = body.publicClient.redirectUris.length + body.web.redirectUris.length;
  operations.push(
    operation("application", {
      effect: applicationEffect,
      needsRole: needs(applicationEffect, abilities.canRegister, "Cloud Application Administrator"),
      title: existing
        ? changes.length > 0
          ? `Change the app registration ${desired.displayName}`
          : `App registration ${desired.displayName}`
        : `Create the app registration ${desired.displayName}`,
      detail: existing
        ? changes.length > 0
          ? `Adds ${changes.join(", ")}`
          : "Already there"
        : [
            "Single tenant",
            ...(desired.isFallbackPublicClient ? ["public client flows allowed"] : []),
            ...(uris > 0 ? [counted(uris, "redirect URI")] : []),
            `${counted(desired.permissions.length, "permission")} declared`,
          ].join(", "),
      permissions: [],
      requests: [
        { method: "PATCH", path: `/v1.0/applications(uniqueName='${desired.uniqueName}')`, headers: { Prefer: "create-if-missing" }, body },
      ],
    }),
  );

  const principalEffect: Effect = existing?.servicePrincipalId ? "same" : "create";
  operations.push(
    operation("service-principal", {
      effect: principalEffect,
      needsRole: needs(principalEffect, abilities.canRegister, "Cloud Application Administrator"),
      title: principalEffect === "same" ? `Service principal of ${desired.displayName}` : "Create its service principal",
      detail:
        principalEffect === "same" ? "Already there" : "The application's identity in your tenant; shown under Enterprise applications",
      permissions: [],
      requests: [
        {
          method: "PATCH",
          path: `/v1.0/servicePrincipals(appId='${existing?.appId ?? "{appId}"}')`,
          headers: { Prefer: "create-if-missing" },
        },
      ],
    }),
  );

  const principalId = existing?.servicePrincipalId ?? "{servicePrincipalId}";
  for (const kind of ["application", "delegated"] as const)
    for (const api of union(desired.permissions.filter((p) => p.kind === kind).map((p) => p.api))) {
      const resource = actual.resources[api];
      const granted = existing?.grantedScopes.find(({ resourceId }) => resourceId === resource?.servicePrincipalId);
      const permissions = desired.permissions
        .filter((permission) => permission.kind === kind && permission.api === api)
        .map((permission): PlannedPermission => {
          const id = idOf(actual, permission);
          const isGranted =
            kind === "application"
              ? existing?.grantedRoles.some(({ resourceId, appRoleId }) => resourceId === resource?.servicePrincipalId && appRoleId === id)
              : granted?.scopes.includes(permission.value);
          return { value: permission.value, id, isGranted: isGranted === true };
        });
      const unknown = permissions.filter(({ id }) => !id);
      const missing = permissions.filter(({ isGranted }) => !isGranted);
      const effect: Effect = unknown.length > 0 ? "blocked" : missing.length === 0 ? "same" : granted ? "change" : "create";
      const resourceId = resource?.servicePrincipalId ?? `{${apiName(api)}}`;
      const may =
        kind === "delegated" ? abilities.canGrantDelegated : api === "graph" ? abilities.canGrantApplication : abilities.canGrantDelegated;
      operations.push(
        operation(
          `grant-${kind}`,
          {
            effect,
            api,
            needsRole: needs(
              effect,
              may,
              kind === "application" && api === "graph" ? "Privileged Role Administrator" : "Cloud Application Administrator",
            ),
            title:
              effect === "same"
                ? `${kind === "application" ? "Application" : "Delegated"} permissions of ${apiName(api)}`
                : `Grant ${counted(missing.length, `${kind} permission`)}`,
            detail:
              effect === "blocked"
                ? `Your tenant's ${apiName(api)} does not have ${unknown.map(({ value }) => value).join(", ")}. Leave the feature out, or ask the vendor.`
                : effect === "same"
                  ? "Already granted"
                  : kind === "application"
                    ? `Application permissions of ${apiName(api)}, for the whole tenant, with admin consent`
                    : `Delegated permissions of ${apiName(api)}, with admin consent${granted ? "; what is granted already stays" : ""}`,
            permissions,
            requests:
              kind === "application"
                ? missing.map(({ id }) => ({
                    method: "POST",
                    path: `/v1.0/servicePrincipals/${resourceId}/appRoleAssignedTo`,
                    body: { principalId, resourceId, appRoleId: id ?? "{appRoleId}" },
                  }))
                : granted
                  ? [
                      {
                        method: "PATCH",
                        path: `/v1.0/oauth2PermissionGrants/${granted.grantId}`,
                        body: {
                          scope: union(
                            granted.scopes,
                            permissions.map(({ value }) => value),
                          ).join(" "),
                        },
                      },
                    ]
                  : [
                      {
                        method: "POST",
                        path: "/v1.0/oauth2PermissionGrants",
                        body: {
                          clientId: principalId,
                          consentType: "AllPrincipals",
                          principalId: null,
                          resourceId,
                          scope: permissions.map(({ value }) => value).join(" "),
                        },
                      },
                    ],
          },
          `.${api}`,
        ),
      );
    }

  if (desired.secretMonths !== null) {
    const keyId = known[desired.id]?.verifiedKeyId;
    const isThere = Boolean(keyId && existing?.credentials.some((credential) => credential.keyId === keyId));
    operations.push(
      operation("credential", {
        effect: isThere ? "same" : "create",
        needsRole: needs(isThere ? "same" : "create", abilities.canRegister, "Cloud Application Administrator"),
        title: isThere ? "Client secret" : `Issue a client secret, valid for ${counted(desired.secretMonths, "month")}`,
        detail: isThere ? "Already issued and handed over here" : "Sealed for the vendor's contact at once. Nobody here sees it.",
        permissions: [],
        requests: [
          {
            method: "POST",
            path: `/v1.0/applications/${existing?.objectId ?? "{objectId}"}/addPassword`,
            body: { passwordCredential: { displayName: "Vestibule …", endDateTime: `now + ${desired.secretMonths} months` } },
          },
        ],
      }),
    );
  }
  return operations;
}

/** Everything that would happen, in the order in which it would. Pure: planning on the result of applying changes nothing. */
export const plan = (
  desired: readonly DesiredRegistration[],
  actual: Actual,
  abilities: Abilities,
  known: KnownCredentials = {},
): Operation[] => desired.flatMap((registration) => planRegistration(registration, actual, abilities, known));

/** A tenant in which nothing of ours is there yet, with the permissions that Microsoft publishes: what a plan assumes before it may look. */
export const assumedEmpty = (desired: readonly DesiredRegistration[]): Actual => {
  const resources: Actual["resources"] = {};
  for (const { permissions } of desired)
    for (const { api, kind, value } of permissions) {
      const resource = resources[api] ?? { servicePrincipalId: `{${apiName(api)}}`, roles: {}, scopes: {} };
      resources[api] = resource;
      resource[kind === "application" ? "roles" : "scopes"][value] = `{${value}}`;
    }
  return { resources, registrations: {} };
};

export const isChange = ({ effect }: Operation) => effect === "create" || effect === "change";

/** What was approved: each operation's effect, by its id. */
export type ApprovedEffects = Readonly<Record<string, Effect>>;

/**
 * Whether the plan, as it is now, does nothing that was not approved. What this onboarding has made itself since then
 * is progress, not news; an application of the same key that somebody else made is news.
 */
export function isWithin(
  approved: ApprovedEffects,
  operations: readonly Operation[],
  desired: readonly DesiredRegistration[],
  actual: Actual,
): boolean {
  const isForeign = desired.some(({ id, mark }) => {
    const existing = actual.registrations[id];
    return existing && approved[`${id}.application`] === "create" && !existing.tags.includes(mark);
  });
  return (
    !isForeign &&
    operations.every(({ id, effect }) => effect === "same" || (effect !== "blocked" && ["create", "change"].includes(approved[id] ?? "")))
  );
}

/** What an approval is for. Ids that are known only later do not count; what is done and to which permission does. */
export const planDigest = (operations: readonly Operation[]) =>
  createHash("sha256")
    .update(
      JSON.stringify(
        operations.map(({ id, effect, title, detail, permissions }) => [
          id,
          effect,
          title,
          detail,
          permissions.map(({ value, isGranted }) => [value, isGranted]),
        ]),
      ),
    )
    .digest("base64url");
