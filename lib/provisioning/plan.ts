import { createHash } from "node:crypto";
import type { ApprovalItem } from "../audit/events.ts";
import { RESOURCE_APP_ID } from "../graph/graph.ts";
import { applicationBody, applicationChanges, idOf, keptOf, union } from "./application.ts";
import type { DesiredCredential, DesiredRegistration } from "./desired.ts";
import { credentialWrite, isCredentialThere } from "./public-credential.ts";
import { type Abilities, MAY } from "./roles.ts";
import { type Actual, type ActualRegistration, type Api, applicationPath } from "./snapshot.ts";
import { apiName, counted } from "./words.ts";

/** `toConfirm`: what the vendor has still to say about it. */
type PlannedPermission = { value: string; id: string | null; isGranted: boolean; toConfirm?: string };
type OperationKind = "resource" | "application" | "service-principal" | "grant-application" | "grant-delegated" | "credential";
/** create / change / remove something, leave it as it is, or be unable to. */
export type Effect = "create" | "change" | "same" | "blocked" | "remove";

export type Operation = {
  id: string;
  registration: string;
  kind: OperationKind;
  effect: Effect;
  /** Set when this person's roles do not allow it: the least role that does. */
  needsRole: string | null;
  /** The roles that may do it, least privileged first. */
  roles: readonly string[];
  title: string;
  detail: string;
  api?: Api;
  permissions: PlannedPermission[];
  /** The Graph requests that it stands for; what is known only after an earlier step stands in braces. */
  requests: { method: string; path: string; headers?: Record<string, string>; body?: unknown }[];
};

/** What this onboarding knows of a credential that it issued and proved. */
export type KnownCredentials = Readonly<Record<string, { verifiedKeyId?: string | null | undefined }>>;

/** An application that has our key but not our mark: somebody else's, never touched. */
const isForeign = ({ productTag, adopts }: DesiredRegistration, existing: ActualRegistration) =>
  adopts === null && !existing.tags.includes(productTag);

/** What planning one registration goes by. */
type Planning = {
  desired: DesiredRegistration;
  actual: Actual;
  existing: ActualRegistration | null;
  abilities: Abilities;
  known: KnownCredentials;
};
const operation = (
  { desired }: Planning,
  kind: OperationKind,
  rest: Omit<Operation, "id" | "registration" | "kind">,
  suffix = "",
): Operation => ({ id: `${desired.id}.${kind}${suffix}`, registration: desired.id, kind, ...rest });
const needs = (effect: Effect, may: boolean, roles: readonly string[]) => ({
  roles,
  needsRole: effect === "same" || effect === "blocked" || may ? null : roles[0]!,
});

function planRegistration(desired: DesiredRegistration, actual: Actual, abilities: Abilities, known: KnownCredentials): Operation[] {
  const planning: Planning = { desired, actual, existing: actual.registrations[desired.id] ?? null, abilities, known };
  const blocked = planBlocked(planning);
  if (blocked) return [blocked];
  return [
    ...planResources(planning),
    planApplication(planning),
    planServicePrincipal(planning),
    ...planGrants(planning),
    ...(desired.credential ? [planCredential(planning, desired.credential)] : []),
  ];
}

/** Why nothing can be done with the application as it is; null when something can. */
function planBlocked(planning: Planning): Operation | null {
  const { desired, actual, existing } = planning;
  const notPossible = (title: string, detail: string) =>
    operation(planning, "application", {
      effect: "blocked",
      ...needs("blocked", true, MAY.register),
      title,
      detail,
      permissions: [],
      requests: [],
    });
  const lookalikes = actual.lookalikes[desired.id] ?? [];
  if (desired.adopts && actual.registrations[desired.id] === null)
    return notPossible(
      `The registration ${desired.adopts} is not in your tenant`,
      `It was picked for ${desired.displayName}, and is gone or not shown yet. Pick another one, or let a new one be made.`,
    );
  if (!existing && lookalikes.length > 0)
    return notPossible(
      `${desired.displayName} may exist only once in a tenant`,
      `There is one already: ${lookalikes.map(({ displayName, appId, because }) => `"${displayName}" (application ID ${appId}); ${because}`).join(". ")}. Use that one, below: only what is missing is added.`,
    );
  if (existing && isForeign(desired, existing))
    return notPossible(
      `The key ${desired.uniqueName} belongs to another application`,
      `"${existing.displayName}" (application ID ${existing.appId}) has the key that this product uses, but not its tag "${desired.productTag}", so it is left alone. If it is not needed, delete it under App registrations, also from Deleted applications, and check again. If it was made by this portal, put the tag back.`,
    );
  return null;
}

/** Services of Microsoft's that the tenant does not show yet. */
function planResources(planning: Planning): Operation[] {
  const { desired, actual, abilities } = planning;
  const operations: Operation[] = [];
  for (const api of union(desired.permissions.map((permission) => permission.api)))
    if (!actual.resources[api])
      operations.push(
        operation(
          planning,
          "resource",
          {
            effect: "create",
            api,
            ...needs("create", abilities.canRegister, MAY.register),
            title: `Add ${apiName(api)} to your tenant`,
            detail: "Its service principal is missing. Microsoft adds it when a licence of yours includes the service.",
            permissions: [],
            requests: [
              {
                method: "PATCH",
                path: `/v1.0/servicePrincipals(appId='${RESOURCE_APP_ID[api]}')`,
                headers: { Prefer: "create-if-missing" },
                body: { appId: RESOURCE_APP_ID[api] },
              },
            ],
          },
          `.${api}`,
        ),
      );
  return operations;
}

function planApplication(planning: Planning): Operation {
  const { desired, actual, existing, abilities } = planning;
  const body = applicationBody(desired, actual);
  const changes = existing ? applicationChanges(body, existing) : [];
  const namesakes = actual.namesakes[desired.id] ?? [];
  const aboutNamesakes =
    namesakes.length > 0 ? `. Left alone: ${counted(namesakes.length, "other registration")} of that name (${namesakes.join(", ")})` : "";

  const isNew = !existing && desired.adopts === null;
  const applicationEffect: Effect = isNew ? "create" : !existing || changes.length > 0 ? "change" : "same";
  const uris = body.publicClient.redirectUris.length + body.web.redirectUris.length + (body.spa?.redirectUris.length ?? 0);
  const kept = existing && desired.adopts ? keptOf(desired, existing, actual) : [];
  const aboutScoped =
    desired.scoped.length > 0
      ? `. Not granted here, since Exchange grants it for chosen mailboxes only: ${desired.scoped.map(({ value }) => value).join(", ")}`
      : "";
  const aboutKept = kept.length > 0 ? `. Kept as it is, not ours: ${kept.join("; ")}` : "";
  return operation(planning, "application", {
    effect: applicationEffect,
    ...needs(applicationEffect, abilities.canRegister, MAY.register),
    title: isNew
      ? `Create the app registration ${desired.displayName}`
      : desired.adopts
        ? `Use the app registration ${existing?.displayName ?? desired.adopts}${existing && existing.displayName !== desired.displayName ? ` for ${desired.displayName}` : ""}`
        : changes.length > 0
          ? `Change the app registration ${desired.displayName}`
          : `App registration ${desired.displayName}`,
    detail: !isNew
      ? changes.length > 0
        ? `Adds ${changes.join(", ")}${aboutScoped}${aboutKept}${aboutNamesakes}`
        : `Already there${aboutKept}${aboutNamesakes}`
      : `${[
          "Single tenant",
          ...(desired.isFallbackPublicClient ? ["public client flows allowed"] : []),
          ...(uris > 0 ? [counted(uris, "redirect URI")] : []),
          `${counted(desired.permissions.length, "permission")} declared`,
        ].join(", ")}${aboutScoped}${aboutNamesakes}`,
    permissions: [],
    requests: [
      {
        method: "PATCH",
        path: `/v1.0${applicationPath(desired)}`,
        ...(desired.adopts ? {} : { headers: { Prefer: "create-if-missing" } }),
        body,
      },
    ],
  });
}

function planServicePrincipal(planning: Planning): Operation {
  const { desired, existing, abilities } = planning;
  const principalEffect: Effect = !existing?.servicePrincipalId ? "create" : existing.isDisabled ? "change" : "same";
  const [title, detail] = {
    create: ["Create its service principal", "The application's identity in your tenant; shown under Enterprise applications"],
    change: ["Enable its service principal", "Somebody disabled it: no sign-in with the application is let through"],
    same: [`Service principal of ${desired.displayName}`, "Already there"],
  }[principalEffect] as [string, string];
  return operation(planning, "service-principal", {
    effect: principalEffect,
    ...needs(principalEffect, abilities.canRegister, MAY.register),
    title,
    detail,
    permissions: [],
    requests: [
      {
        method: "PATCH",
        path: `/v1.0/servicePrincipals(appId='${existing?.appId ?? desired.adopts ?? "{appId}"}')`,
        headers: { Prefer: "create-if-missing" },
        ...(principalEffect === "change" ? { body: { accountEnabled: true } } : {}),
      },
    ],
  });
}

/** One operation for each kind of permission of each resource. */
function planGrants(planning: Planning): Operation[] {
  const { desired, actual, existing, abilities } = planning;
  const operations: Operation[] = [];
  const principalId = existing?.servicePrincipalId ?? "{servicePrincipalId}";
  const { consentAccount } = desired;
  const accountId = consentAccount ? (actual.accounts[consentAccount] ?? null) : null;
  for (const kind of ["application", "delegated"] as const)
    for (const api of union(desired.permissions.filter((p) => p.kind === kind).map((p) => p.api))) {
      const resource = actual.resources[api];
      const held = (existing?.grantedScopes ?? []).filter(({ resourceId }) => resourceId === resource?.servicePrincipalId);
      const forAll = held.find((grant) => grant.principalId === null);
      // What everyone may, the one account may too.
      const granted = consentAccount ? held.find((grant) => grant.principalId === accountId) : forAll;
      const isWithoutAccount = kind === "delegated" && consentAccount !== null && accountId === null;
      const permissions = desired.permissions
        .filter((permission) => permission.kind === kind && permission.api === api)
        .map((permission): PlannedPermission => {
          const id = idOf(actual, permission);
          const isGranted =
            kind === "application"
              ? existing?.grantedRoles.some(({ resourceId, appRoleId }) => resourceId === resource?.servicePrincipalId && appRoleId === id)
              : granted?.scopes.includes(permission.value) || forAll?.scopes.includes(permission.value);
          const { value, toConfirm } = permission;
          return { value, id, isGranted: isGranted === true, ...(toConfirm ? { toConfirm } : {}) };
        });
      // Of a resource that is not there yet, nothing is known yet.
      const unknown = resource ? permissions.filter(({ id }) => !id) : [];
      const missing = permissions.filter(({ isGranted }) => !isGranted);
      const effect: Effect =
        unknown.length > 0 || isWithoutAccount ? "blocked" : missing.length === 0 ? "same" : granted ? "change" : "create";
      const resourceId = resource?.servicePrincipalId ?? `{${apiName(api)}}`;
      const may =
        kind === "delegated" ? abilities.canGrantDelegated : api === "graph" ? abilities.canGrantApplication : abilities.canGrantDelegated;
      operations.push(
        operation(
          planning,
          `grant-${kind}`,
          {
            effect,
            api,
            ...needs(effect, may, kind === "application" && api === "graph" ? MAY.grantGraphApplication : MAY.grantDelegated),
            title:
              effect === "same"
                ? `${kind === "application" ? "Application" : "Delegated"} permissions of ${apiName(api)}`
                : `Grant ${counted(missing.length, `${kind} permission`)}`,
            detail: isWithoutAccount
              ? `Your tenant has no account ${consentAccount}. Correct the account, or grant for everyone.`
              : effect === "blocked"
                ? `Your tenant's ${apiName(api)} does not have ${unknown.map(({ value }) => value).join(", ")}. Leave the feature out, or ask the vendor.`
                : effect === "same"
                  ? "Already granted"
                  : kind === "application"
                    ? `Application permissions of ${apiName(api)}, for the whole tenant, with admin consent`
                    : `Delegated permissions of ${apiName(api)}, ${consentAccount ? `for ${consentAccount} only` : "with admin consent"}${granted ? "; what is granted already stays" : ""}`,
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
                          consentType: consentAccount ? "Principal" : "AllPrincipals",
                          principalId: consentAccount ? accountId : null,
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
  return operations;
}

function planCredential(planning: Planning, credential: DesiredCredential): Operation {
  const { desired, existing, abilities, known } = planning;
  const keyId = known[desired.id]?.verifiedKeyId;
  const isThere = Boolean(
    existing &&
      (credential.kind === "secret"
        ? keyId && existing.credentials.some((held) => held.keyId === keyId)
        : isCredentialThere(credential, existing)),
  );
  const effect: Effect = isThere ? "same" : "create";
  const objectId = existing?.objectId ?? "{objectId}";
  const common = { effect, ...needs(effect, abilities.canRegister, MAY.register), permissions: [] };
  switch (credential.kind) {
    case "secret":
      return operation(planning, "credential", {
        ...common,
        title: isThere
          ? "Client secret"
          : desired.mayShorten
            ? `Issue a client secret, valid as long as your tenant allows, at most ${counted(credential.months, "month")}`
            : `Issue a client secret, valid for ${counted(credential.months, "month")}`,
        detail: isThere ? "Already issued and handed over here" : "Sealed for the vendor's contact at once. Nobody here sees it.",
        requests: [
          {
            method: "POST",
            path: `/v1.0/applications/${objectId}/addPassword`,
            body: { passwordCredential: { displayName: "Vestibule …", endDateTime: `now + ${credential.months} months` } },
          },
        ],
      });
    case "certificate": {
      const { path, ...write } = credentialWrite(credential, existing, objectId);
      return operation(planning, "credential", {
        ...common,
        title: isThere ? "The vendor's certificate" : "Add the vendor's public certificate",
        detail: `Thumbprint ${credential.thumbprint}, ${credential.subject}, valid until ${credential.endsAt.slice(0, 10)}. ${isThere ? "Already there." : "No secret exists and nothing secret travels: the private key stays with the vendor."}`,
        requests: [{ ...write, path: `/v1.0${path}` }],
      });
    }
    case "federated": {
      const { path, ...write } = credentialWrite(credential, existing, objectId);
      return operation(planning, "credential", {
        ...common,
        title: isThere ? "Federated identity credential" : "Add a federated identity credential",
        detail: `Trusts tokens of ${credential.issuer} for ${credential.subject}. ${isThere ? "Already there." : "No secret exists and nothing secret travels."}`,
        requests: [{ ...write, path: `/v1.0${path}` }],
      });
    }
  }
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
  const accounts = Object.fromEntries(desired.flatMap(({ consentAccount: upn }) => (upn ? [[upn, `{object id of ${upn}}`]] : [])));
  return { resources, registrations: {}, namesakes: {}, lookalikes: {}, accounts };
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
  const isNews = desired.some(({ id, mark }) => {
    const existing = actual.registrations[id];
    return existing && approved[`${id}.application`] === "create" && !existing.tags.includes(mark);
  });
  return (
    !isNews &&
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

const kindOf = ({ kind }: Operation) => (kind === "grant-application" ? "application" : kind === "grant-delegated" ? "delegated" : null);

/** The single grants that need a higher role than this person's. */
export const grantsNeeding = (operations: readonly Operation[]): ApprovalItem[] =>
  operations.flatMap((operation) => {
    const kind = kindOf(operation);
    if (!kind || !operation.needsRole || !operation.api) return [];
    const { id: step, api } = operation;
    return operation.permissions.filter(({ isGranted }) => !isGranted).map(({ value }) => ({ step, api, kind, value }));
  });

/** The grants among the operations that were asked for, with no other permission in them. */
export const restrictedTo = (items: readonly ApprovalItem[], operations: readonly Operation[]): Operation[] =>
  operations.flatMap((operation) => {
    const asked = items.filter(({ step }) => step === operation.id).map(({ value }) => value);
    if (asked.length === 0) return [];
    const permissions = operation.permissions.filter(({ value }) => asked.includes(value));
    const missing = permissions.filter(({ isGranted }) => !isGranted).length;
    if (missing === 0 && operation.effect !== "blocked") return [{ ...operation, permissions, effect: "same", needsRole: null }];
    const kind = operation.kind === "grant-application" ? "application" : "delegated";
    return [{ ...operation, permissions, title: `Grant ${counted(missing, `${kind} permission`)}` }];
  });
