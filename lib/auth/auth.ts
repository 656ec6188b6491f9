/**
 * Who is asking, and with which right. Sign-in happens in the browser with MSAL; this room checks the token that
 * comes back, keeps the session, mints the proofs that other rooms ask for, and gets Graph tokens on behalf of the
 * person. No Graph token ever leaves the server.
 */
import { ConfidentialClientApplication } from "@azure/msal-node";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { redirect } from "next/navigation";
import { config } from "../config.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import type { Program, SignedIn, Support, VendorSystem } from "../proof.ts";
import { Secret } from "../secret.ts";
import { AADSTS_WORDS, type Words } from "../vocabulary.ts";
import * as apiKeys from "./api-keys.ts";
import * as session from "./session.ts";
import { aadstsOf, REFUSED_SIGN_IN, SIGN_IN_AGAIN, type StsRefusal, stsRefusal, wordsOfAadsts } from "./sts.ts";

/** App roles of the portal, from the least to the most: each may do what those before it may. */
const SUPPORT_ROLES: readonly string[] = ["Support.Viewer", "Support.Agent", "Support.Manager", "Support.Operator"];

/** What the portal needs of the tenant: to write what was planned or only to read it; and to look up an account that is named in the plan. */
export type Access = { isWriting: boolean; namesAccount: boolean };
export const WRITING: Access = { isWriting: true, namesAccount: false };
/** What the portal asks for after the plan was read; the least that does the job. */
export const scopesFor = ({ isWriting, namesAccount }: Access): string[] => [
  ...(isWriting
    ? ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"]
    : ["Application.Read.All", "DelegatedPermissionGrant.Read.All"]),
  ...(namesAccount ? ["User.ReadBasic.All"] : []),
];
const graphScope = (name: string) => `${config().GRAPH_URL}/${name}`;

/** MSAL wants an https authority even where a sandbox on loopback answers over http; the endpoints come from here. */
export function authorityOf(tenant: string) {
  const host = config().AZURE_AUTHORITY_HOST;
  const { host: hostname } = new URL(host);
  const base = `${host}/${tenant}`;
  return {
    authority: `https://${hostname}/${tenant}`,
    knownAuthorities: [hostname],
    authorityMetadata: JSON.stringify({
      issuer: `${host}/{tenantid}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      end_session_endpoint: `${base}/oauth2/v2.0/logout`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
    }),
    cloudDiscoveryMetadata: JSON.stringify({
      tenant_discovery_endpoint: `${base}/v2.0/.well-known/openid-configuration`,
      metadata: [{ preferred_network: hostname, preferred_cache: hostname, aliases: [hostname] }],
    }),
  };
}

export type BrowserSettings = ReturnType<typeof authorityOf> & {
  clientId: string;
  redirectUri: string;
  apiScope: string;
  readScopes: string[];
  planScopes: string[];
};

/** What the browser's MSAL needs; nothing of it is secret. `access` is what it asks for when a plan is to be carried out or read. */
export const browserSettings = (access: Access = WRITING): BrowserSettings => ({
  ...authorityOf("organizations"),
  clientId: config().AZURE_CLIENT_ID,
  redirectUri: `${config().BASE_URL}/auth/callback`,
  apiScope: `api://${config().AZURE_CLIENT_ID}/access`,
  readScopes: [graphScope("User.Read")],
  planScopes: scopesFor(access).map(graphScope),
});

const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();
const keysOf = (tenantId: string) => {
  let keys = keySets.get(tenantId);
  if (!keys) {
    keys = createRemoteJWKSet(new URL(`${config().AZURE_AUTHORITY_HOST}/${tenantId}/discovery/v2.0/keys`));
    if (keySets.size > 1000) keySets.clear();
    keySets.set(tenantId, keys);
  }
  return keys;
};
const CLOCK_TOLERANCE_S = 60;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const strings = (value: unknown) => (Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : []);

/**
 * Opens a session from the access token that the browser got for the portal's own scope. Issuer and keys are those
 * of the token's own tenant; audience, client and scope must be the portal's. A token opens one session.
 */
export async function signIn(accessToken: string, now: Date): Promise<Outcome<{ tenantId: string; name: string }>> {
  let claims: Awaited<ReturnType<typeof jwtVerify>>["payload"];
  try {
    const tenantId = String(decodeJwt(accessToken).tid);
    if (!GUID.test(tenantId)) return refuse(REFUSED_SIGN_IN);
    ({ payload: claims } = await jwtVerify(accessToken, keysOf(tenantId), {
      issuer: `${config().AZURE_AUTHORITY_HOST}/${tenantId}/v2.0`,
      audience: config().AZURE_CLIENT_ID,
      algorithms: ["RS256"],
      requiredClaims: ["exp", "oid", "scp"],
      clockTolerance: CLOCK_TOLERANCE_S,
    }));
    if (
      claims.tid !== tenantId ||
      claims.ver !== "2.0" ||
      claims.azp !== config().AZURE_CLIENT_ID ||
      !String(claims.scp).split(" ").includes("access")
    )
      return refuse(REFUSED_SIGN_IN);
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("ERR_J")) return refuse(REFUSED_SIGN_IN);
    throw error;
  }
  // Whoever finds the token in a log or a history comes too late.
  const endsAt = new Date(((claims.exp ?? 0) + CLOCK_TOLERANCE_S) * 1000);
  if (!(await session.isFirstUse(accessToken, endsAt, now))) return refuse(REFUSED_SIGN_IN);
  const name = String(claims.name ?? "");
  await session.open(
    {
      tenantId: String(claims.tid),
      objectId: String(claims.oid),
      name,
      username: String(claims.preferred_username ?? ""),
      wids: strings(claims.wids),
      roles: strings(claims.roles),
    },
    { assertion: accessToken },
    now,
  );
  return accept({ tenantId: String(claims.tid), name });
}

export const signOut = session.close;
export const revokeSessions = session.revoke;
/** Whether somebody who asked before may still: what stays open has to ask again now and then. */
export const isStillSignedIn = ({ sessionId }: Pick<SignedIn, "sessionId">): Promise<boolean> => session.isOpen(sessionId);

const proofOf = (row: session.SessionRow): SignedIn =>
  ({
    tenantId: row.tenantId,
    objectId: row.objectId,
    name: row.name,
    username: row.username,
    directoryRoles: row.wids,
    sessionId: row.id,
    holdKey: row.holdKey,
    since: row.createdAt,
  }) as unknown as SignedIn;

export async function findSignedIn(): Promise<SignedIn | null> {
  const row = await session.read();
  return row && proofOf(row);
}

/** Who sent this `Cookie` header, for what is served without Next. */
export async function findSignedInBy(cookies: string): Promise<SignedIn | null> {
  const row = await session.readFrom(cookies);
  return row && proofOf(row);
}

/**
 * Roles count from the tenants that are named in the settings alone: an administrator of any other tenant can assign the
 * same roles to anybody there.
 */
export async function findSupport(): Promise<Support | null> {
  const row = await session.read();
  const rank = Math.max(-1, ...(row?.roles ?? []).map((role) => SUPPORT_ROLES.indexOf(role)));
  if (!row || rank < 0) return null;
  const { AZURE_TENANT_ID, VENDOR_TENANTS } = config();
  const own = VENDOR_TENANTS.filter(({ tenantId }) => tenantId === row.tenantId).map(({ vendor }) => vendor);
  const vendors = row.tenantId === AZURE_TENANT_ID ? "all" : own;
  if (vendors.length === 0) return null;
  return { ...proofOf(row), mayChange: rank >= 1, mayManage: rank >= 2, mayOperate: rank >= 3 && vendors === "all", vendors };
}

/** The program whose API key this is, with the right that is asked for; what may be tried, and how often, is the caller's. */
export async function programOf(authorization: string | null, now: Date): Promise<Outcome<apiKeys.KeyHolder, typeof apiKeys.NO_KEY>> {
  const [, key = ""] = /^Bearer (vst_[\w-]{10,80})$/.exec(authorization ?? "") ?? [];
  const row = key ? await apiKeys.findByKey(key, now) : null;
  if (!row) return refuse(apiKeys.NO_KEY);
  const program = {
    keyId: row.id,
    name: row.name,
    username: `API key ${row.prefix}`,
    vendors: [row.vendorId],
    mayChange: row.scopes.includes("write"),
    mayManage: false,
    mayOperate: false,
  } as unknown as Program;
  const system = row.scopes.includes("collect") ? ({ applicationId: row.id, vendors: [row.vendorId] } as unknown as VendorSystem) : null;
  return accept({ program, rights: row.scopes, system, key });
}
const COLLECT = "Handoff.Collect";
const NO_TOKEN = {
  code: "auth.token",
  status: 401,
  message: "A token of the vendor's own tenant for this portal is needed (OAuth 2.0 client credentials, docs/operator.md).",
} as const;
const NO_ROLE = {
  code: "auth.role",
  status: 403,
  message: `This application does not have the app role ${COLLECT} of the portal.`,
} as const;
/** The vendor's system, from the token of its request: app-only, of the vendor's tenant, for this portal, with the role. */
export async function vendorSystemOf(authorization: string | null): Promise<Outcome<VendorSystem, typeof NO_TOKEN | typeof NO_ROLE>> {
  const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_AUTHORITY_HOST } = config();
  const [, token = ""] = /^Bearer ([\w.-]+)$/.exec(authorization ?? "") ?? [];
  try {
    const { payload } = await jwtVerify(token, keysOf(AZURE_TENANT_ID), {
      issuer: `${AZURE_AUTHORITY_HOST}/${AZURE_TENANT_ID}/v2.0`,
      audience: AZURE_CLIENT_ID,
      algorithms: ["RS256"],
      requiredClaims: ["exp", "azp"],
      clockTolerance: CLOCK_TOLERANCE_S,
    });
    // A person's token has scopes; what a person may do here is decided by their session.
    if (payload.tid !== AZURE_TENANT_ID || payload.ver !== "2.0" || payload.scp !== undefined) return refuse(NO_TOKEN);
    if (!strings(payload.roles).includes(COLLECT)) return refuse(NO_ROLE);
    return accept({ applicationId: String(payload.azp), vendors: "all" } as unknown as VendorSystem);
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("ERR_J")) return refuse(NO_TOKEN);
    throw error;
  }
}

/** Signed out goes to the sign-in page and comes back; signed in without the role goes to an explanation. */
export async function requireSupport(returnTo: string): Promise<Support> {
  const support = await findSupport();
  if (support) return support;
  redirect((await session.read()) ? "/no-access" : `/sign-in?to=${encodeURIComponent(returnTo)}`);
}

/** Microsoft Graph asks for more by claims challenges only of clients that say they understand them (docs: claims-challenge). */
const CAPABILITIES = ["CP1"];
const ownClient = (tenantId: string) =>
  new ConfidentialClientApplication({
    auth: {
      clientId: config().AZURE_CLIENT_ID,
      clientSecret: config().AZURE_CLIENT_SECRET,
      clientCapabilities: CAPABILITIES,
      ...authorityOf(tenantId),
    },
  });

/**
 * A Graph token on behalf of the signed-in person (OAuth 2.0 on-behalf-of). `isFresh` leaves the cache out, for a token
 * that Graph no longer takes.
 */
export async function graphToken(
  person: Pick<SignedIn, "sessionId" | "tenantId">,
  scopes: readonly string[],
  isFresh = false,
): Promise<Outcome<Secret, StsRefusal>> {
  const vault = await session.vaultOf(person.sessionId);
  if (!vault) return refuse(SIGN_IN_AGAIN);
  const client = ownClient(person.tenantId);
  if (vault.msalCache) client.getTokenCache().deserialize(vault.msalCache);
  try {
    const result = await client.acquireTokenOnBehalfOf({
      oboAssertion: vault.assertion,
      scopes: scopes.map(graphScope),
      skipCache: isFresh,
    });
    if (!result) return refuse(SIGN_IN_AGAIN);
    if (!result.fromCache)
      await session.keepVault(person.sessionId, {
        assertion: vault.assertion,
        msalCache: withoutRefreshTokens(client.getTokenCache().serialize()),
      });
    return accept(new Secret(result.accessToken));
  } catch (error) {
    return refuse(stsRefusal(error));
  }
}

/** MSAL keeps refresh tokens for on-behalf-of although nothing here uses them: they would outlive the person's session by months. */
function withoutRefreshTokens(cache: string): string {
  const { RefreshToken: _, ...kept } = JSON.parse(cache) as Record<string, unknown>;
  return JSON.stringify({ ...kept, RefreshToken: {} });
}

/** Forgets the Graph tokens of a session: what was approved is done. The next thing that is approved gets new ones. */
export async function dropGraphTokens({ sessionId }: Pick<SignedIn, "sessionId">): Promise<void> {
  const vault = await session.vaultOf(sessionId);
  if (vault) await session.keepVault(sessionId, { assertion: vault.assertion });
}

/** Of the permissions that a run needs, those that the tenant has not given the portal; consent can be partial. */
export async function missingScopes(person: Pick<SignedIn, "sessionId" | "tenantId">, access: Access): Promise<string[]> {
  const missing: string[] = [];
  for (const scope of scopesFor(access)) {
    const token = await graphToken(person, [scope]);
    if (!token.ok && token.refusal.code === "auth.consent-needed") missing.push(scope);
  }
  return missing;
}

/** An app-only token of somebody else's application, never cached: it proves that the credential works. */
export async function appToken(application: {
  tenantId: string;
  appId: string;
  secret: Secret;
}): Promise<Outcome<{ token: Secret; roles: string[] }, StsRefusal>> {
  const client = new ConfidentialClientApplication({
    auth: { clientId: application.appId, clientSecret: application.secret.expose(), ...authorityOf(application.tenantId) },
  });
  try {
    const result = await client.acquireTokenByClientCredential({ scopes: [graphScope(".default")], skipCache: true });
    if (!result) return refuse(SIGN_IN_AGAIN);
    return accept({ token: new Secret(result.accessToken), roles: strings(decodeJwt(result.accessToken).roles) });
  } catch (error) {
    return refuse(stsRefusal(error));
  }
}

export type { StsRefusal };

export type SignInFailure = Words & { aadsts: number | null };
/** What a failed sign-in means, from MSAL's text. */
export function explainSignInFailure(text: string): SignInFailure {
  const aadsts = aadstsOf(text);
  if (!aadsts && /state|no_token_request_cache|hash/i.test(text))
    return {
      aadsts,
      code: "auth.state",
      message: "This answer does not belong to a sign-in that this window started. Nothing was changed.",
      action: "Start again from where you were.",
      who: "You",
    };
  return { aadsts, ...wordsOfAadsts(aadsts) };
}

/** In words, from the code that the trail keeps. */
export function meaningOfConsentRefusal(code: string): string {
  const words = Object.values(AADSTS_WORDS).find((candidate) => candidate.code === code);
  return words ? `${words.message} ${words.action}` : "Nothing was changed. Approve again to be asked once more.";
}
