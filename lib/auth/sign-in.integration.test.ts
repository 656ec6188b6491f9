import { createSecretKey } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { useDatabase } from "../../scripts/test-database";
import { db } from "../db";
import * as auth from "./auth";
import * as session from "./session";

const jar = new Map<string, string>();
vi.mock("next/headers", () => ({
  cookies: async () => ({
    get: (name: string) => (jar.has(name) ? { name, value: jar.get(name)! } : undefined),
    set: (name: string, value: string) => jar.set(name, value),
    delete: (name: string) => jar.delete(name),
  }),
}));

const CONTOSO = "aaaaaaaa-0000-4000-8000-000000000001";
const FABRIKAM = "bbbbbbbb-0000-4000-8000-000000000002";
const PORTAL = "22222222-2222-4222-8222-222222222222";
const ADELE = "cccccccc-0000-4000-8000-000000000003";
const REFRESH = "0.a-refresh-token-that-must-not-be-kept";

const keyPairs: Record<string, Awaited<ReturnType<typeof generateKeyPair>>> = {};
let database: Awaited<ReturnType<typeof useDatabase>>;
let host: string;
/** Entra's keys and its token endpoint, as little of them as a sign-in needs. */
const entra = createServer(async (request, response) => {
  const [, tenant = "", ...rest] = (request.url ?? "").split("/");
  response.setHeader("content-type", "application/json");
  if (rest.join("/") === "discovery/v2.0/keys")
    return void response.end(JSON.stringify({ keys: [{ ...(await exportJWK(keyPairs[tenant]!.publicKey)), kid: tenant, alg: "RS256" }] }));
  response.end(
    JSON.stringify({
      ...{ token_type: "Bearer", scope: "User.Read", expires_in: 3600, access_token: "a-graph-token" },
      ...{ refresh_token: REFRESH, client_info: Buffer.from(JSON.stringify({ uid: ADELE, utid: tenant })).toString("base64url") },
    }),
  );
});
beforeAll(async () => {
  database = await useDatabase("sign_in");
  for (const tenant of [CONTOSO, FABRIKAM]) keyPairs[tenant] = await generateKeyPair("RS256", { extractable: true });
  await new Promise<void>((resolve) => entra.listen(0, "127.0.0.1", resolve));
  host = `http://localhost:${(entra.address() as AddressInfo).port}`;
  process.env.AZURE_AUTHORITY_HOST = host;
});
afterAll(async () => {
  entra.close();
  await db().$disconnect();
  await database.close();
});
beforeEach(() => jar.clear());

const now = () => Math.floor(Date.now() / 1000);
let made = 0;
type Changes = { [K in keyof JWTPayload]: JWTPayload[K] | undefined };
const claimsOf = (changes: Changes = {}): JWTPayload =>
  ({
    ...{ iss: `${host}/${CONTOSO}/v2.0`, aud: PORTAL, azp: PORTAL, tid: CONTOSO, oid: ADELE, ver: "2.0", scp: "access" },
    ...{ name: "Adele", preferred_username: "adele@contoso.com", wids: [], iat: now(), nbf: now(), exp: now() + 3600, uti: String(made++) },
    ...changes,
  }) as JWTPayload;
const tokenOf = (changes: Changes = {}, signer = CONTOSO, header: Partial<JWTHeaderParameters> = {}) =>
  new SignJWT(claimsOf(changes)).setProtectedHeader({ alg: "RS256", kid: signer, ...header }).sign(keyPairs[signer]!.privateKey);
const signIn = async (token: string | Promise<string>) => auth.signIn(await token, new Date());
const cookie = () => [...jar.values()][0];

test("a token of the person's own tenant for this portal opens a session; the database knows no token of it", async () => {
  const token = await tokenOf();
  expect(await signIn(token)).toMatchObject({ ok: true, value: { tenantId: CONTOSO, name: "Adele" } });
  expect(await session.readFrom(`other=1; vestibule=${cookie()}`)).toMatchObject({ objectId: ADELE, username: "adele@contoso.com" });
  const rows = JSON.stringify(await database.query(`SELECT "digest", encode("sealed", 'escape') AS sealed, "username" FROM "Session"`));
  for (const part of [token, ...cookie()!.split(".")]) expect(rows).not.toContain(part);
});

test("a token that was used once opens no second session", async () => {
  const token = await tokenOf();
  expect(await signIn(token)).toMatchObject({ ok: true });
  jar.clear();
  expect(await signIn(token)).toMatchObject({ ok: false, refusal: { status: 403 } });
  expect(jar.size).toBe(0);
});

const REFUSED: Record<string, () => string | Promise<string>> = {
  "of another audience": () => tokenOf({ aud: "https://graph.microsoft.com" }),
  "of another issuer": () => tokenOf({ iss: "https://evil.example/v2.0" }),
  "of another tenant's issuer": () => tokenOf({ iss: `${host}/${FABRIKAM}/v2.0` }),
  "that names one tenant and is signed by another": () => tokenOf({}, FABRIKAM),
  "that names one tenant's key and is signed by another's": () => tokenOf({}, FABRIKAM, { kid: CONTOSO }),
  "that is over": () => tokenOf({ exp: now() - 120 }),
  "without an end": () => tokenOf({ exp: undefined }),
  "of the future": () => tokenOf({ nbf: now() + 600 }),
  "that another application got": () => tokenOf({ azp: "33333333-3333-4333-8333-333333333333" }),
  "without the portal's scope": () => tokenOf({ scp: "User.Read" }),
  "of a program, without a person": () => tokenOf({ scp: undefined, roles: ["access"] }),
  "without an object id": () => tokenOf({ oid: undefined }),
  "of version 1": () => tokenOf({ ver: "1.0" }),
  "whose tenant is a path": () => tokenOf({ tid: "../common" }),
  "without a signature (alg none)": () => new UnsecuredJWT(claimsOf()).encode(),
  "signed with the public key as a password (HS256)": async () =>
    new SignJWT(claimsOf())
      .setProtectedHeader({ alg: "HS256", kid: CONTOSO })
      .sign(createSecretKey(Buffer.from(await exportSPKI(keyPairs[CONTOSO]!.publicKey)))),
  "whose header brings its own key": async () => {
    const own = await generateKeyPair("RS256", { extractable: true });
    return new SignJWT(claimsOf())
      .setProtectedHeader({ alg: "RS256", kid: CONTOSO, jwk: await exportJWK(own.publicKey), jku: "http://localhost:1/keys" })
      .sign(own.privateKey);
  },
  "whose content was changed": async () => {
    const [header, , signature] = (await tokenOf()).split(".");
    return [header, Buffer.from(JSON.stringify(claimsOf({ oid: "somebody-else" }))).toString("base64url"), signature].join(".");
  },
  "that is none": () => "not-a-token",
};
test.each(Object.entries(REFUSED))("a token %s opens nothing", async (_, token) => {
  expect(await signIn(token())).toMatchObject({ ok: false, refusal: { status: 403 } });
  expect(jar.size).toBe(0);
});

test("signing in again changes the cookie and keeps the session; the cookie before opens nothing", async () => {
  await signIn(tokenOf());
  const first = cookie()!;
  const before = await session.readFrom(`vestibule=${first}`);
  await signIn(tokenOf());
  expect(cookie()).not.toBe(first);
  expect(await session.readFrom(`vestibule=${cookie()}`)).toMatchObject({ id: before!.id, holdKey: before!.holdKey });
  expect(await session.readFrom(`vestibule=${first}`)).toBeNull();
});

test("a cookie that somebody else planted is not taken over: another person's session ends, an invented one stays unknown", async () => {
  await signIn(tokenOf());
  const planted = cookie()!;
  await signIn(tokenOf({ oid: "dddddddd-0000-4000-8000-000000000004", preferred_username: "bob@contoso.com" }));
  expect(cookie()).not.toBe(planted);
  expect(await session.readFrom(`vestibule=${planted}`)).toBeNull();
  const invented = `${"A".repeat(43)}.${"B".repeat(43)}`;
  jar.set("vestibule", invented);
  await signIn(tokenOf());
  expect(cookie()).not.toContain("A".repeat(43));
  expect(cookie()).not.toContain("B".repeat(43));
});

test("a session is over an hour after it was last used, eight hours after the sign-in, and when it is signed out", async () => {
  await signIn(tokenOf());
  const header = `vestibule=${cookie()}`;
  const { id } = (await session.readFrom(header))!;
  await database.query(`UPDATE "Session" SET "lastSeenAt" = now() - interval '61 minutes' WHERE "id" = '${id}'`);
  expect(await session.readFrom(header)).toBeNull();
  await database.query(`UPDATE "Session" SET "lastSeenAt" = now(), "expiresAt" = now() - interval '1 second' WHERE "id" = '${id}'`);
  expect(await session.readFrom(header)).toBeNull();
  jar.clear();
  await signIn(tokenOf());
  const signedOut = `vestibule=${cookie()}`;
  await auth.signOut(false);
  expect(await session.readFrom(signedOut)).toBeNull();
  expect(jar.size).toBe(0);
});

test("signing out everywhere ends that person's sessions and nobody else's", async () => {
  await database.query(`DELETE FROM "Session"`);
  const cookies: string[] = [];
  for (const oid of [ADELE, ADELE, "dddddddd-0000-4000-8000-000000000004"]) {
    jar.clear();
    await signIn(tokenOf({ oid }));
    cookies.push(cookie()!);
  }
  jar.set("vestibule", cookies[0]!);
  await auth.signOut(true);
  const alive = await Promise.all(cookies.map((each) => session.readFrom(`vestibule=${each}`)));
  expect(alive.map(Boolean)).toEqual([false, false, true]);
  expect(await auth.revokeSessions(FABRIKAM)).toBe(0);
  expect(await auth.revokeSessions(CONTOSO)).toBe(1);
});

test("no refresh token is kept, and no Graph token once what was approved is done", async () => {
  await signIn(tokenOf());
  const { id } = (await session.readFrom(`vestibule=${cookie()}`))!;
  const person = { sessionId: id, tenantId: CONTOSO };
  expect(await auth.graphToken(person, ["User.Read"])).toMatchObject({ ok: true });
  const kept = (await session.vaultOf(id))!;
  expect(kept.msalCache).toContain("a-graph-token");
  expect(kept.msalCache).not.toContain(REFRESH);
  await auth.dropGraphTokens(person);
  expect((await session.vaultOf(id))!.msalCache).toBeUndefined();
});
