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
async function aCode(upn: string, scope: string, also: Record<string, string> = {}) {
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
  if (answer.status === 200) answer = await post("/sandbox/consent", { request, user, decision: "accept", ...also }, { cookie });
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
async function graphAs(upn: string, scopes: string, more: Record<string, string> = {}) {
  const { fragment, verifier } = await aCode(upn, `api://${PORTAL_CLIENT_ID}/access openid profile ${scopes}`);
  const { access_token: assertion } = (await (await redeem(fragment.get("code")!, verifier)).json()) as { access_token: string };
  const answer = await post(`/${contoso.id}/oauth2/v2.0/token`, {
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    client_id: PORTAL_CLIENT_ID,
    client_secret: SECRET,
    assertion,
    requested_token_use: "on_behalf_of",
    scope: scopes,
    ...more,
  });
  if (!answer.ok) throw new Error(await answer.text());
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

// ---- What the switchboard switches -----------------------------------------------------------------------------------

const switched = async (path: string, body: unknown) =>
  (await fetch(`${url}/_sandbox/${path}`, { method: "POST", body: JSON.stringify(body) })).json();
const afresh = async () => {
  await switched("reset", {});
  await switched("lag", { minMs: 0, maxMs: 0 });
};
type Body = { error?: { code: string; message: string; details?: object[]; innerError: Record<string, string> } };
const bodyOf = async (answer: Response) => (await answer.json()) as Body;
async function anApplication(graph: Awaited<ReturnType<typeof graphAs>>, name = "policy-test") {
  const path = `/applications(uniqueName='${name}')`;
  await graph("PATCH", path, { displayName: "Test" }, upsert);
  return (await (await graph("GET", path)).json()) as { id: string; appId: string };
}

test("copies of the directory differ for a while: an object is seen, then not, then again, and in the end for good", async () => {
  await afresh();
  await switched("lag", { kind: "application", minMs: 0, maxMs: 1200 });
  const graph = await graphAs("adele@contoso.com", WRITE);
  await graph("PATCH", "/applications(uniqueName='flipping')", { displayName: "Test" }, upsert);
  const seen: boolean[] = [];
  const until = Date.now() + 1300;
  while (Date.now() < until) seen.push((await graph("GET", "/applications(uniqueName='flipping')")).status === 200);
  const changes = seen.filter((is, index) => index > 0 && is !== seen[index - 1]).length;
  expect(changes, "more than once from not there to there").toBeGreaterThan(1);
  for (let read = 0; read < 10; read++) expect((await graph("GET", "/applications(uniqueName='flipping')")).status).toBe(200);
});

test("an older version of an object can be read after a newer one", async () => {
  await afresh();
  const graph = await graphAs("adele@contoso.com", WRITE);
  const { id } = await anApplication(graph, "versions");
  await switched("lag", { kind: "application", minMs: 300, maxMs: 300 });
  await graph("PATCH", `/applications/${id}`, { displayName: "New" });
  const nameOf = async () => ((await (await graph("GET", `/applications/${id}`)).json()) as { displayName: string }).displayName;
  expect(await nameOf()).toBe("Test");
  await expect.poll(nameOf).toBe("New");
});

test.each([
  [429, "TooManyRequests", { code: "429" }],
  [500, "InternalServerError", {}],
  [502, "BadGateway", {}],
  [503, "ServiceUnavailable", {}],
  [504, "GatewayTimeout", {}],
])("%i has Graph's body, and its headers alone and in a batch", async (status, code, inner) => {
  await afresh();
  const graph = await graphAs("adele@contoso.com", WRITE);
  await switched("faults", { path: "^/applications", times: 2, status, retryAfter: 3 });
  const alone = await graph("GET", "/applications");
  expect(alone.status).toBe(status);
  expect(alone.headers.get("retry-after")).toBe("3");
  const body = await bodyOf(alone);
  expect(body.error).toMatchObject({ code, innerError: { "request-id": alone.headers.get("request-id"), ...inner } });
  expect(body.error!.innerError.date, "without a zone").toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  const batch = await graph("POST", "/$batch", { requests: [{ id: "1", method: "GET", url: "/applications" }] });
  expect(batch.status).toBe(200);
  const { responses } = (await batch.json()) as { responses: { status: number; headers: Record<string, string>; body: Body }[] };
  expect(responses[0]).toMatchObject({ status, body: { error: { code } } });
  expect(responses[0]!.headers["retry-after"]).toBe("3");
});

test("a connection is lost before the effect, after it, or in the middle of a batch", async () => {
  await afresh();
  const graph = await graphAs("adele@contoso.com", WRITE);
  const create = (name: string) => graph("PATCH", `/applications(uniqueName='${name}')`, { displayName: name }, upsert);
  const isThere = async (name: string) => (await graph("GET", `/applications(uniqueName='${name}')`)).status === 200;
  await switched("faults", { method: "PATCH", path: "before", times: 1, reset: "before" });
  await expect(create("before")).rejects.toThrow();
  expect(await isThere("before")).toBe(false);
  await switched("faults", { method: "PATCH", path: "after", times: 1, reset: "after" });
  await expect(create("after")).rejects.toThrow();
  expect(await isThere("after")).toBe(true);
  await switched("faults", { path: "batch$", times: 1, reset: "middle" });
  const member = (name: string) => ({
    id: name,
    method: "PATCH",
    url: `/applications(uniqueName='${name}')`,
    headers: { ...upsert, "Content-Type": "application/json" },
    body: { displayName: name },
  });
  await expect(graph("POST", "/$batch", { requests: [member("one"), member("two")] })).rejects.toThrow();
  expect([await isThere("one"), await isThere("two")]).toEqual([true, false]);
});

test("policies on secrets answer with Graph's two codes", async () => {
  await afresh();
  const graph = await graphAs("adele@contoso.com", WRITE);
  const { id } = await anApplication(graph);
  const addPassword = (days: number) =>
    graph("POST", `/applications/${id}/addPassword`, {
      passwordCredential: { displayName: "x", endDateTime: new Date(Date.now() + days * 86_400_000).toISOString() },
    });
  await switched("tenants/contoso.com/policies", { maxSecretDays: 90 });
  expect(await bodyOf(await addPassword(180))).toMatchObject({
    error: {
      code: "CredentialInvalidLifetimeAsPerAppPolicy",
      message: expect.stringMatching(/^Credential lifetime exceeds the max value allowed as per assigned policy '[0-9a-f-]{36}'\.$/),
      details: [{ code: "InvalidKeyEndDate", target: "EndDate" }],
    },
  });
  expect((await addPassword(90)).status).toBe(200);
  expect(
    (await graph("POST", `/applications/${id}/addPassword`, { passwordCredential: { displayName: "x" } })).status,
    "the default of two years is too long, too",
  ).toBe(400);
  await switched("tenants/contoso.com/policies", { secrets: "blocked" });
  expect(await bodyOf(await addPassword(1))).toMatchObject({
    error: {
      code: "CredentialTypeNotAllowedAsPerAppPolicy",
      message: expect.stringMatching(/^Credential type not allowed as per assigned policy/),
    },
  });
});

test("a new secret is not accepted at once", async () => {
  await afresh();
  await switched("lag", { kind: "secret", minMs: 400, maxMs: 400 });
  const graph = await graphAs("adele@contoso.com", WRITE);
  const { id, appId } = await anApplication(graph);
  await graph("PATCH", `/servicePrincipals(appId='${appId}')`, { appId }, upsert);
  const { secretText } = (await (await graph("POST", `/applications/${id}/addPassword`, { passwordCredential: {} })).json()) as {
    secretText: string;
  };
  const signIn = () =>
    post(`/${contoso.id}/oauth2/v2.0/token`, {
      grant_type: "client_credentials",
      client_id: appId,
      client_secret: secretText,
      scope: `${url}/.default`,
    });
  const early = await signIn();
  expect(early.status).toBe(401);
  expect(await early.json()).toMatchObject({ error: "invalid_client", error_codes: [7000215] });
  await expect.poll(async () => (await signIn()).status).toBe(200);
});

test("an ordinary member registers applications and owns them, unless the tenant says otherwise", async () => {
  await afresh();
  await aCode("adele@contoso.com", `api://${PORTAL_CLIENT_ID}/access openid ${WRITE}`, { organization: "yes" });
  const member = await graphAs("nora@contoso.com", WRITE);
  const created = await member("PATCH", "/applications(uniqueName='by-a-member')", { displayName: "Mine" }, upsert);
  expect(created.status).toBe(201);
  const { id } = (await created.json()) as { id: string };
  expect((await member("POST", `/applications/${id}/addPassword`, { passwordCredential: {} })).status, "the owner").toBe(200);
  await switched("tenants/contoso.com/policies", { usersMayRegister: false });
  expect((await member("PATCH", "/applications(uniqueName='another')", { displayName: "Mine" }, upsert)).status).toBe(403);
});

test("tokens that were ended are answered with a claims challenge to capable clients, and without to others", async () => {
  await afresh();
  const CAPABLE = JSON.stringify({ access_token: { xms_cc: { values: ["CP1"] } } });
  const plain = await graphAs("adele@contoso.com", WRITE);
  const capable = await graphAs("adele@contoso.com", WRITE, { claims: CAPABLE });
  await switched("users/adele@contoso.com/revoke", {});
  const challenged = await capable("GET", "/applications");
  expect(challenged.status).toBe(401);
  const header = challenged.headers.get("www-authenticate")!;
  expect(header).toContain('error="insufficient_claims"');
  expect(JSON.parse(Buffer.from(/claims="([^"]+)"/.exec(header)![1]!, "base64").toString())).toMatchObject({
    access_token: { nbf: { essential: true } },
  });
  expect((await bodyOf(challenged)).error).toMatchObject({
    code: "InvalidAuthenticationToken",
    message: expect.stringContaining("TokenIssuedBeforeRevocationTimestamp"),
  });
  expect((await plain("GET", "/applications")).headers.get("www-authenticate")).toBeNull();
});

test("Conditional Access at on-behalf-of asks for claims; a role that is activated later needs a fresh token", async () => {
  await afresh();
  await switched("tenants/contoso.com/policies", { stepUp: "token" });
  const refused = await graphAs("adele@contoso.com", WRITE).catch((error: Error) => error);
  expect(String(refused)).toContain("AADSTS50076");
  expect(String(refused)).toContain("interaction_required");
  expect(String(refused)).toContain("acrs");
  await switched("tenants/contoso.com/policies", { stepUp: null });
  const before = await graphAs("chris@contoso.com", WRITE);
  const resource = (await (await before("GET", "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')")).json()) as {
    id: string;
    appRoles: { id: string; value: string }[];
  };
  const { appId } = await anApplication(before, "role-test");
  await before("PATCH", `/servicePrincipals(appId='${appId}')`, { appId }, upsert);
  const { id: principalId } = (await (await before("GET", `/servicePrincipals(appId='${appId}')`)).json()) as { id: string };
  const grant = (graph: typeof before) =>
    graph("POST", `/servicePrincipals/${resource.id}/appRoleAssignedTo`, {
      principalId,
      resourceId: resource.id,
      appRoleId: resource.appRoles[0]!.id,
    });
  await switched("users/chris@contoso.com/roles", { wids: ["62e90394-69f5-4237-9190-012177145e10"] });
  expect((await grant(before)).status, "the old token").toBe(403);
  expect((await grant(await graphAs("chris@contoso.com", WRITE))).status, "a fresh one").toBe(201);
});

test("a Microsoft service without its service principal can be added when a licence covers it, and not otherwise", async () => {
  await afresh();
  const EXCHANGE = "00000002-0000-0ff1-ce00-000000000000";
  const graph = await graphAs("adele@contoso.com", WRITE);
  const add = () => graph("PATCH", `/servicePrincipals(appId='${EXCHANGE}')`, { appId: EXCHANGE }, upsert);
  await switched("tenants/contoso.com/resources/remove", { appId: EXCHANGE, licensed: true });
  expect((await graph("GET", `/servicePrincipals(appId='${EXCHANGE}')`)).status).toBe(404);
  expect((await add()).status).toBe(201);
  await switched("tenants/contoso.com/resources/remove", { appId: EXCHANGE });
  expect(await bodyOf(await add())).toMatchObject({
    error: { code: "Request_BadRequest", details: [{ code: "NoBackingApplicationObject" }] },
  });
});

test("drift: somebody removes a grant, adds a redirect URI, deletes the service principal", async () => {
  await afresh();
  const view = async () =>
    (await (await fetch(`${url}/_sandbox/tenants/contoso.com`)).json()) as {
      applications: { web: { redirectUris: string[] }; servicePrincipals: { roles: string[]; grants: unknown[] }[] }[];
    };
  await switched("tenants/contoso.com/applications", { displayName: "By hand", roles: 3, scopes: ["User.Read"] });
  expect((await view()).applications[0]!.servicePrincipals[0]).toMatchObject({ roles: { length: 3 }, grants: { length: 1 } });
  await switched("tenants/contoso.com/drift", { kind: "remove-grant" });
  await switched("tenants/contoso.com/drift", { kind: "add-redirect-uri", value: "https://own.example" });
  expect((await view()).applications[0]).toMatchObject({
    web: { redirectUris: ["https://own.example"] },
    servicePrincipals: [{ grants: [] }],
  });
  await switched("tenants/contoso.com/drift", { kind: "delete-service-principal" });
  expect((await view()).applications[0]!.servicePrincipals).toEqual([]);
});

test("the same seed disturbs the same calls", async () => {
  const statuses = async () => {
    await afresh();
    const graph = await graphAs("adele@contoso.com", WRITE);
    await switched("chaos", { seed: 42, rate: 0.4 });
    const seen: (number | string)[] = [];
    for (let call = 0; call < 30; call++)
      seen.push(
        await graph("GET", "/applications").then(
          ({ status }) => status,
          () => "lost",
        ),
      );
    return seen;
  };
  const first = await statuses();
  expect(first.filter((status) => status !== 200).length).toBeGreaterThan(5);
  expect(await statuses()).toEqual(first);
  await afresh();
});

test("Microsoft's consent page grants what an application declares, and says admin_consent=True even when it was refused", async () => {
  await afresh();
  const graph = await graphAs("adele@contoso.com", WRITE);
  const { id, appId } = await anApplication(graph, "consent-test");
  const callback = "https://portal.example/back";
  const userRead = "df021288-bdef-4463-88db-98f22de89214";
  await graph("PATCH", `/applications/${id}`, {
    web: { redirectUris: [callback] },
    requiredResourceAccess: [{ resourceAppId: "00000003-0000-0000-c000-000000000000", resourceAccess: [{ id: userRead, type: "Role" }] }],
  });
  const visit = async (upn: string, decision: string) => {
    const query = new URLSearchParams({ client_id: appId, scope: `${url}/.default`, redirect_uri: callback, state: "s" });
    const page = await (await fetch(`${url}/${contoso.id}/v2.0/adminconsent?${query}`)).text();
    const request = /name="request" value="([^"]+)"/.exec(page)![1]!;
    const user = contoso.users.find(({ userPrincipalName }) => userPrincipalName === upn)!.id;
    const signedIn = await post("/sandbox/signin", { request, user });
    const cookie = signedIn.headers.get("set-cookie")!.split(";")[0]!;
    const path = decision === "refused" ? "/sandbox/refused" : "/sandbox/consent";
    return new URL((await post(path, { request, user, decision }, { cookie })).headers.get("location")!).searchParams;
  };
  expect(Object.fromEntries(await visit("chris@contoso.com", "refused"))).toMatchObject({ admin_consent: "True", error: "access_denied" });
  const granted = Object.fromEntries(await visit("adele@contoso.com", "accept"));
  expect(granted).toMatchObject({ admin_consent: "True", state: "s" });
  expect(granted).not.toHaveProperty("error");
  const view = (await (await fetch(`${url}/_sandbox/tenants/contoso.com`)).json()) as {
    applications: { servicePrincipals: { roles: string[] }[] }[];
  };
  expect(view.applications[0]!.servicePrincipals[0]!.roles).toEqual(["User.Read.All"]);
});
