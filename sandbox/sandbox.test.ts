import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort, PORTAL_CLIENT_ID, type Running, startSandbox } from "../scripts/servers";

const SECRET = "portal-secret";
let sandbox: Running;
let url: string;
let portal: string;
let contoso: { id: string; users: { id: string; userPrincipalName: string }[] };

beforeAll(async () => {
  const ports = { portal: await freePort(), sandbox: await freePort(), mail: await freePort() };
  portal = `http://localhost:${ports.portal}`;
  ({ sandbox, url } = await startSandbox(ports, SECRET));
  const state = (await (await fetch(`${url}/_sandbox/state`)).json()) as { tenants: (typeof contoso & { domains: string[] })[] };
  contoso = state.tenants.find(({ domains }) => domains.includes("contoso.com"))!;
});
afterAll(() => sandbox.stop());

const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, { method: "POST", body: new URLSearchParams(form), headers, redirect: "manual" });
const authorizeUrl = (challenge: Record<string, string>, scope: string) =>
  `${url}/organizations/oauth2/v2.0/authorize?${new URLSearchParams({ client_id: PORTAL_CLIENT_ID, response_type: "code", redirect_uri: `${portal}/auth/callback`, scope, state: "s", nonce: "n", response_mode: "fragment", ...challenge })}`;

/** Signs in as somebody, accepts everything, and gives the code with its verifier. */
async function aCode(upn: string, scope: string) {
  const verifier = randomBytes(32).toString("base64url");
  const page = await (
    await fetch(
      authorizeUrl({ code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" }, scope),
    )
  ).text();
  const request = /name="request" value="([^"]+)"/.exec(page)![1]!;
  const user = contoso.users.find(({ userPrincipalName }) => userPrincipalName === upn)!.id;
  let answer = await post("/sandbox/signin", { request, user });
  const cookie = answer.headers.get("set-cookie")!.split(";")[0]!;
  if (answer.status === 200) answer = await post("/sandbox/consent", { request, user, decision: "accept" }, { cookie });
  const location = answer.headers.get("location");
  return { verifier, fragment: new URLSearchParams(location?.split("#")[1] ?? ""), page: location ? "" : await answer.text() };
}
const redeem = (code: string, verifier: string, headers: Record<string, string> = { origin: portal }) =>
  post(
    `/organizations/oauth2/v2.0/token`,
    {
      grant_type: "authorization_code",
      client_id: PORTAL_CLIENT_ID,
      code,
      code_verifier: verifier,
      redirect_uri: `${portal}/auth/callback`,
      scope: `api://${PORTAL_CLIENT_ID}/access openid`,
    },
    headers,
  );
const WRITE = ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"].join(" ");
async function graphAs(upn: string, scopes: string) {
  const { fragment, verifier } = await aCode(upn, `api://${PORTAL_CLIENT_ID}/access openid profile ${scopes}`);
  const { access_token: assertion } = (await (await redeem(fragment.get("code")!, verifier)).json()) as { access_token: string };
  const answer = await post(`/${contoso.id}/oauth2/v2.0/token`, {
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    client_id: PORTAL_CLIENT_ID,
    client_secret: SECRET,
    assertion,
    requested_token_use: "on_behalf_of",
    scope: scopes,
  });
  const token = ((await answer.json()) as { access_token: string }).access_token;
  return (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}/v1.0${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
}
const upsert = { Prefer: "create-if-missing" };

test("sign-in demands PKCE with S256, the right verifier, a known redirect URI, and redeems a code once", async () => {
  const plain = await fetch(authorizeUrl({ code_challenge: "x", code_challenge_method: "plain" }, "openid"), { redirect: "manual" });
  expect(new URLSearchParams(plain.headers.get("location")!.split("#")[1]).get("error")).toBe("invalid_request");
  const elsewhere = await fetch(
    authorizeUrl({}, "openid").replace(encodeURIComponent(`${portal}/auth/callback`), encodeURIComponent("https://evil.example")),
    { redirect: "manual" },
  );
  expect(await elsewhere.text()).toContain("AADSTS50011");
  const { fragment, verifier } = await aCode("adele@contoso.com", `api://${PORTAL_CLIENT_ID}/access openid`);
  const code = fragment.get("code")!;
  expect(await (await redeem(code, "another")).json()).toMatchObject({ error: "invalid_grant", error_codes: [501481] });
  expect(await (await redeem(code, verifier, {})).json(), "a single-page redirect is redeemed cross-origin only").toMatchObject({
    error_codes: [9002327],
  });
  expect((await redeem(code, verifier)).status).toBe(200);
  expect(await (await redeem(code, verifier)).json()).toMatchObject({ error_codes: [54005] });
});

test("a member cannot consent to what only an administrator may grant", async () => {
  const { page } = await aCode("nora@contoso.com", `api://${PORTAL_CLIENT_ID}/access ${WRITE}`);
  expect(page).not.toContain("code=");
});

test("Graph refuses a missing token, a missing scope and a missing role with its own words", async () => {
  expect(await (await fetch(`${url}/v1.0/organization`)).json()).toMatchObject({
    error: { code: "InvalidAuthenticationToken", message: "Access token is empty." },
  });
  const reading = await graphAs("grace@contoso.com", "User.Read");
  expect((await reading("GET", "/organization")).status).toBe(200);
  const refused = await reading("GET", "/applications");
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({
    error: {
      code: "Authorization_RequestDenied",
      message: "Insufficient privileges to complete the operation.",
      innerError: { "request-id": refused.headers.get("request-id") },
    },
  });
});

test("an application appears after a while, its service principal waits for it, and both upserts are idempotent", async () => {
  await fetch(`${url}/_sandbox/lag`, { method: "POST", body: JSON.stringify({ minMs: 400, maxMs: 400 }) });
  const graph = await graphAs("adele@contoso.com", WRITE);
  const path = "/applications(uniqueName='sandbox-test')";
  const created = await graph("PATCH", path, { displayName: "Test" }, upsert);
  expect(created.status).toBe(201);
  const { appId, id } = (await created.json()) as { appId: string; id: string };
  expect((await graph("GET", `/applications/${id}`)).status, "not copied yet").toBe(404);
  const early = await graph("PATCH", `/servicePrincipals(appId='${appId}')`, {}, upsert);
  expect(await early.json()).toMatchObject({ error: { code: "Request_BadRequest", details: [{ code: "NoBackingApplicationObject" }] } });
  expect((await graph("PATCH", path, { displayName: "Test" }, upsert)).status, "the same again").toBe(204);
  await expect.poll(async () => (await graph("GET", `/applications/${id}`)).status).toBe(200);
  expect((await graph("PATCH", `/servicePrincipals(appId='${appId}')`, {}, upsert)).status).toBe(201);
  expect(await (await graph("POST", "/servicePrincipals", { appId })).json()).toMatchObject({
    error: { code: "Request_MultipleObjectsWithSameKeyValue", details: [{ code: "ObjectConflict" }] },
  });
});

test("application permissions of Microsoft Graph need a privileged role, and a second grant says that it is there", async () => {
  const graph = await graphAs("adele@contoso.com", WRITE);
  const lesser = await graphAs("chris@contoso.com", WRITE);
  const resource = (await (await graph("GET", "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')")).json()) as {
    id: string;
    appRoles: { id: string; value: string }[];
  };
  const application = (await (await graph("GET", "/applications(uniqueName='sandbox-test')")).json()) as { appId: string };
  let principalId = "";
  await expect
    .poll(async () => {
      principalId = ((await (await graph("GET", `/servicePrincipals(appId='${application.appId}')`)).json()) as { id: string }).id;
      return principalId;
    })
    .toBeTruthy();
  const body = { principalId, resourceId: resource.id, appRoleId: resource.appRoles.find(({ value }) => value === "User.Read.All")!.id };
  expect((await lesser("POST", `/servicePrincipals/${resource.id}/appRoleAssignedTo`, body)).status).toBe(403);
  expect((await graph("POST", `/servicePrincipals/${resource.id}/appRoleAssignedTo`, body)).status).toBe(201);
  expect(await (await graph("POST", `/servicePrincipals/${resource.id}/appRoleAssignedTo`, body)).json()).toMatchObject({
    error: { code: "Request_BadRequest", message: "Permission being assigned already exists on the object" },
  });
});

test("a batch answers each member by itself, and a failed predecessor fails its dependants", async () => {
  const graph = await graphAs("adele@contoso.com", WRITE);
  const answer = await graph("POST", "/$batch", {
    requests: [
      { id: "1", method: "GET", url: "/applications/none" },
      { id: "2", method: "GET", url: "/applications", dependsOn: ["1"] },
      { id: "3", method: "GET", url: "/applications" },
    ],
  });
  const { responses } = (await answer.json()) as { responses: { id: string; status: number }[] };
  expect(Object.fromEntries(responses.map(({ id, status }) => [id, status]))).toEqual({ 1: 404, 2: 424, 3: 200 });
});
