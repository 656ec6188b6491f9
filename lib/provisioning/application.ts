/** The application object: what it becomes, what that adds, and what stays. Graph replaces collections, so everything is written whole. */
import { RESOURCE_APP_ID } from "../graph/graph.ts";
import type { DesiredRegistration } from "./desired.ts";
import type { Actual, ActualRegistration, Api } from "./snapshot.ts";
import { counted } from "./words.ts";

export type ApplicationBody = {
  displayName: string;
  signInAudience: string;
  isFallbackPublicClient: boolean;
  publicClient: { redirectUris: string[] };
  web: { redirectUris: string[] };
  /** Left out where nothing of the kind is wanted or there. */
  spa?: { redirectUris: string[] };
  requiredResourceAccess: { resourceAppId: string; resourceAccess: { id: string; type: "Scope" | "Role" }[] }[];
  tags: string[];
};

export const union = <T>(...lists: readonly (readonly T[])[]) => [...new Set(lists.flat())];

/** The permission's id in this tenant; null when the tenant does not know it. */
export const idOf = (actual: Actual, { api, kind, value }: { api: Api; kind: "application" | "delegated"; value: string }) =>
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
  const isAdopted = desired.adopts !== null && existing;
  const spa = union(existing?.spaRedirectUris ?? [], desired.spaRedirectUris);
  return {
    // The customer may have renamed it; the name is theirs once it exists.
    displayName: existing?.displayName ?? desired.displayName,
    // Of a registration that was there before, whoever else uses it keeps what they rely on.
    signInAudience: isAdopted ? existing.signInAudience : desired.signInAudience,
    isFallbackPublicClient: desired.isFallbackPublicClient || Boolean(isAdopted && existing.isFallbackPublicClient),
    ...(spa.length > 0 ? { spa: { redirectUris: spa } } : {}),
    publicClient: { redirectUris: union(existing?.publicClientRedirectUris ?? [], desired.publicClientRedirectUris) },
    web: {
      redirectUris: union(
        // The portal's own address stays only while Microsoft's consent page needs it.
        (existing?.webRedirectUris ?? []).filter((uri) => uri !== desired.consentCallback.uri || desired.consentCallback.isWanted),
        desired.webRedirectUris,
        desired.consentCallback.isWanted ? [desired.consentCallback.uri] : [],
      ),
    },
    requiredResourceAccess: [...declared].map(([resourceAppId, access]) => ({
      resourceAppId,
      resourceAccess: [...access].map(([key, type]) => ({ id: key.slice(type.length + 1), type })),
    })),
    tags: union(existing?.tags ?? [], desired.tags, existing ? [] : [desired.mark]),
  };
}

const sizeOfDeclared = (declared: ApplicationBody["requiredResourceAccess"]) =>
  declared.reduce((sum, { resourceAccess }) => sum + resourceAccess.length, 0);

/** What the body adds to what is there, in words. */
export function applicationChanges(body: ApplicationBody, existing: ActualRegistration): string[] {
  return [
    ...(body.signInAudience !== existing.signInAudience ? ["single tenant"] : []),
    ...(body.isFallbackPublicClient !== existing.isFallbackPublicClient
      ? [body.isFallbackPublicClient ? "allow public client flows" : "no public client flows"]
      : []),
    ...body.publicClient.redirectUris.filter((uri) => !existing.publicClientRedirectUris.includes(uri)).map((uri) => `redirect URI ${uri}`),
    ...body.web.redirectUris.filter((uri) => !existing.webRedirectUris.includes(uri)).map((uri) => `redirect URI ${uri}`),
    ...(body.spa?.redirectUris ?? []).filter((uri) => !existing.spaRedirectUris.includes(uri)).map((uri) => `redirect URI ${uri}`),
    ...existing.webRedirectUris
      .filter((uri) => !body.web.redirectUris.includes(uri))
      .map((uri) => `no longer ${uri}, which this portal had added`),
    ...(sizeOfDeclared(body.requiredResourceAccess) !== sizeOfDeclared(existing.declared) ? ["declared permissions"] : []),
    ...(body.tags.some((tag) => !existing.tags.includes(tag)) ? ["tags"] : []),
  ];
}

/** What an adopted registration has beside what is planned: it stays. */
export function keptOf(desired: DesiredRegistration, existing: ActualRegistration, actual: Actual): string[] {
  const names = new Map(
    Object.values(actual.resources).flatMap(({ roles }) => Object.entries(roles).map(([value, id]) => [id, value] as const)),
  );
  const wanted = new Set(desired.permissions.map(({ value }) => value));
  const uris = [
    ...existing.webRedirectUris.filter((uri) => !desired.webRedirectUris.includes(uri)),
    ...existing.publicClientRedirectUris.filter((uri) => !desired.publicClientRedirectUris.includes(uri)),
    ...existing.spaRedirectUris.filter((uri) => !desired.spaRedirectUris.includes(uri)),
  ];
  const granted = union(
    existing.grantedRoles.map(({ appRoleId }) => names.get(appRoleId) ?? appRoleId),
    existing.grantedScopes.flatMap(({ scopes }) => scopes),
  ).filter((value) => !wanted.has(value));
  const credentials = existing.credentials.filter(({ displayName }) => !displayName?.startsWith(desired.mark)).length;
  return [
    ...(uris.length > 0 ? [`${counted(uris.length, "redirect URI")} (${uris.join(", ")})`] : []),
    ...(granted.length > 0 ? [`${counted(granted.length, "permission")} (${granted.join(", ")})`] : []),
    ...(credentials > 0 ? [counted(credentials, "secret")] : []),
    ...(existing.certificates.length > 0 ? [counted(existing.certificates.length, "certificate")] : []),
  ];
}
