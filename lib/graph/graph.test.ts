import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { newKeyRing } from "../../scripts/servers";
import { Secret } from "../secret";
import { connect, delegatedGrantId, GraphError, type Wait } from "./graph";

/** Answers of the server that plays Graph, one for each request in turn. */
let script: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];
let seen: { method: string; url: string; headers: IncomingMessage["headers"] }[] = [];
let server: Server;

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push({ method: request.method!, url: request.url!, headers: request.headers });
    script.shift()!(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  Object.assign(process.env, {
    GRAPH_URL: `http://localhost:${(server.address() as AddressInfo).port}`,
    BASE_URL: "http://localhost:3000",
    AZURE_TENANT_ID: "11111111-1111-4111-8111-111111111111",
    AZURE_CLIENT_ID: "22222222-2222-4222-8222-222222222222",
    AZURE_CLIENT_SECRET: "x",
    SMTP_URL: "smtp://localhost:1",
    VESTIBULE_KEYS: newKeyRing(),
  });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  script = [];
  seen = [];
});

const answer =
  (status: number, body?: unknown, headers: Record<string, string> = {}) =>
  (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { "content-type": "application/json", "request-id": "r", ...headers });
    response.end(typeof body === "string" ? body : body === undefined ? undefined : JSON.stringify(body));
  };
const failure = (code: string, message: string, details: { code: string }[] = []) => ({ error: { code, message, details } });
const NOT_FOUND = answer(
  404,
  failure("Request_ResourceNotFound", "Resource 'x' does not exist or one of its queried reference-property objects are not present."),
);
const hangUp = (request: IncomingMessage) => request.socket.destroy();

function tenant() {
  const waits: Wait[] = [];
  const calls: { status: number; code?: string; clientRequestId: string }[] = [];
  const graph = connect({
    token: async () => new Secret("token-of-the-admin"),
    onWait: (wait) => void waits.push(wait),
    onCall: (call) => void calls.push(call),
  });
  return { graph, waits, calls };
}
const patch = { method: "PATCH", path: "/applications(uniqueName='x')", body: { displayName: "X" } } as const;

test("an object that was just made is waited for; one that never was is not", async () => {
  script = [NOT_FOUND, NOT_FOUND, answer(200, { id: "1" })];
  const { graph, waits } = tenant();
  expect((await graph.call({ method: "GET", path: "/applications/1" }, { fresh: true })).body).toEqual({ id: "1" });
  expect(waits.map(({ reason }) => reason)).toEqual(["replication", "replication"]);
  script = [NOT_FOUND];
  await expect(graph.call({ method: "GET", path: "/applications/1" })).rejects.toMatchObject({ meaning: "not-found", status: 404 });
});

test("Retry-After is obeyed and told", async () => {
  script = [answer(429, failure("TooManyRequests", "Please retry again later."), { "retry-after": "1" }), answer(204)];
  const { graph, waits } = tenant();
  const began = Date.now();
  await graph.call(patch);
  expect(waits).toMatchObject([{ reason: "throttled", words: "Microsoft asked us to slow down." }]);
  expect(waits[0]!.retryAt.getTime()).toBeGreaterThanOrEqual(began + 1000);
});

test("an answer that was lost is asked for again only where that cannot do the thing twice", async () => {
  script = [hangUp, answer(204)];
  const { graph, calls } = tenant();
  expect((await graph.call(patch, { repeatable: true })).status).toBe(204);
  expect(calls).toMatchObject([{ status: 0, code: "ConnectionLost" }, { status: 204 }]);
  script = [hangUp];
  await expect(graph.call({ method: "POST", path: "/applications/1/addPassword", body: {} })).rejects.toMatchObject({
    code: "ConnectionLost",
  });
  expect(seen).toHaveLength(3);
});

test.each([
  [
    400,
    failure("Request_BadRequest", "The appId 'x' of the service principal does not reference a valid application object.", [
      { code: "NoBackingApplicationObject" },
    ]),
    "replicating",
  ],
  [
    403,
    failure(
      "Authorization_RequestDenied",
      "When using this permission, the backing application of the service principal being created must in the local tenant",
    ),
    "replicating",
  ],
  [400, failure("Request_BadRequest", "Not a valid reference update."), "replicating"],
  [
    409,
    failure("Directory_ConcurrencyViolation", "Error due to concurrent requests being made to the tenant. Please wait briefly and retry."),
    "conflict",
  ],
])("status %i %o passes by itself", async (status, body, meaning) => {
  script = [answer(status, body), answer(201, { id: "1" })];
  const { graph, waits } = tenant();
  expect((await graph.call(patch)).status).toBe(201);
  expect(waits, meaning).toHaveLength(1);
});

test.each([
  [403, failure("Authorization_RequestDenied", "Insufficient privileges to complete the operation."), "denied"],
  [400, failure("CredentialTypeNotAllowedAsPerAppPolicy", "Credential type not allowed as per assigned policy 'p'."), "credential-policy"],
  [400, failure("Request_BadRequest", "Permission being assigned already exists on the object"), "already-there"],
  [409, failure("Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists."), "already-there"],
  [401, failure("InvalidAuthenticationToken", "Access token is empty."), "unauthenticated"],
  [400, failure("Request_BadRequest", "A value is required for property 'displayName'."), "other"],
])("status %i %o is told at once as %s", async (status, body, meaning) => {
  script = [answer(status, body)];
  const { graph, waits } = tenant();
  const error = await graph.call(patch, { fresh: true, repeatable: true }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(GraphError);
  expect(error).toMatchObject({ meaning, status, requestId: "r" });
  expect(waits).toEqual([]);
});

test("an answer that is not JSON is an outage, not a crash", async () => {
  script = [answer(502, "<html>Bad gateway</html>"), answer(200, { ok: true })];
  expect((await tenant().graph.call({ method: "GET", path: "/organization" })).body).toEqual({ ok: true });
});

test("every page of a list is read", async () => {
  script = [
    answer(200, { value: [1, 2], "@odata.nextLink": "https://graph.example/v1.0/oauth2PermissionGrants?$skiptoken=2" }),
    answer(200, { value: [3] }),
  ];
  expect(await tenant().graph.list("/oauth2PermissionGrants")).toEqual([1, 2, 3]);
  expect(seen.map(({ url }) => url)).toEqual(["/v1.0/oauth2PermissionGrants", "/v1.0/oauth2PermissionGrants?$skiptoken=2"]);
});

test("only the members of a batch that failed in passing are sent again", async () => {
  const member = (id: string, status: number, body: unknown = {}, headers = {}) => ({ id, status, headers, body });
  script = [
    answer(200, {
      responses: [
        member("1", 429, failure("TooManyRequests", "Please retry again later."), { "Retry-After": "0" }),
        member("0", 200, { id: "a" }),
        member("2", 404, failure("Request_ResourceNotFound", "gone")),
      ],
    }),
    answer(200, { responses: [member("1", 200, { id: "b" })] }),
  ];
  const answers = await tenant().graph.batch(["/a", "/b", "/c"].map((path) => ({ method: "GET" as const, path })));
  expect(answers[0]).toMatchObject({ body: { id: "a" } });
  expect(answers[1]).toMatchObject({ body: { id: "b" } });
  expect(answers[2]).toMatchObject({ meaning: "not-found" });
});

test("the token goes to the configured Graph and nowhere else", async () => {
  script = [answer(200, {})];
  const { graph, calls } = tenant();
  await graph.call({ method: "GET", path: "/me" });
  expect(seen[0]!.headers).toMatchObject({ authorization: "Bearer token-of-the-admin", "client-request-id": calls[0]!.clientRequestId });
  await expect(graph.call({ method: "GET", path: "https://graph.elsewhere.example/v1.0/me" })).rejects.toThrow(
    /configured Microsoft Graph only/,
  );
  expect(seen).toHaveLength(1);
});

test("a sign-in that is over comes out as what it is, and is not waited for", async () => {
  class SignInOver extends Error {}
  const graph = connect({ token: () => Promise.reject(new SignInOver("over")) });
  await expect(graph.call({ method: "GET", path: "/me" })).rejects.toThrow(SignInOver);
});

test("the id of a grant is its two GUIDs, little endian", () => {
  expect(
    Buffer.from(delegatedGrantId("00112233-4455-6677-8899-aabbccddeeff", "00000000-0000-0000-0000-000000000001"), "base64url").toString(
      "hex",
    ),
  ).toBe("33221100554477668899aabbccddeeff00000000000000000000000000000001");
});
