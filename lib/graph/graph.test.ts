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
  const calls: { path: string; status: number; code?: string; clientRequestId: string }[] = [];
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
  expect((await graph.call({ method: "GET", path: "/applications/1", fresh: true })).body).toEqual({ id: "1" });
  expect(waits.map(({ reason }) => reason)).toEqual(["replication", "replication"]);
  script = [NOT_FOUND];
  await expect(graph.call({ method: "GET", path: "/applications/1" })).rejects.toMatchObject({ meaning: "not-found", status: 404 });
});

test("Retry-After is obeyed and told", async () => {
  script = [answer(429, failure("TooManyRequests", "Please retry again later."), { "retry-after": "1" }), answer(204)];
  const { graph, waits } = tenant();
  const began = Date.now();
  await graph.call(patch);
  expect(waits).toMatchObject([{ reason: "throttled", words: "Microsoft asked us to slow down.", code: "TooManyRequests" }]);
  expect(waits[0]!.retryAt.getTime()).toBeGreaterThanOrEqual(began + 1000);
});

test("an answer that was lost is asked for again only where that cannot do the thing twice", async () => {
  script = [hangUp, answer(204)];
  const { graph, calls } = tenant();
  expect((await graph.call({ ...patch, repeatable: true })).status).toBe(204);
  expect(calls).toMatchObject([{ status: 0, code: "ConnectionLost" }, { status: 204 }]);
  script = [hangUp];
  await expect(graph.call({ method: "POST", path: "/applications/1/addPassword", body: {} })).rejects.toMatchObject({
    code: "ConnectionLost",
  });
  expect(seen).toHaveLength(3);
});

/** GRAPH's errors word for word: what each means, and whether it is waited for when the object is new. */
const ERRORS: [status: number, body: ReturnType<typeof failure>, meaning: string, isWaitedFor: boolean][] = [
  [
    404,
    failure("Request_ResourceNotFound", "Resource 'x' does not exist or one of its queried reference-property objects are not present."),
    "not-found",
    true,
  ],
  [404, failure("Directory_ObjectNotFound", "Unable to read the company information from the directory."), "replicating", true],
  [
    400,
    failure("Request_BadRequest", "The appId 'x' of the service principal does not reference a valid application object.", [
      { code: "NoBackingApplicationObject" },
    ]),
    "replicating",
    true,
  ],
  [
    403,
    failure(
      "Authorization_RequestDenied",
      "When using this permission, the backing application of the service principal being created must in the local tenant",
    ),
    "replicating",
    true,
  ],
  [400, failure("Request_BadRequest", "Not a valid reference update."), "replicating", true],
  [400, failure("Request_BadRequest", "Specified resourceId was not found"), "replicating", true],
  [400, failure("Request_BadRequest", "Permission being assigned was not found on application"), "replicating", true],
  [
    400,
    failure(
      "Request_BadRequest",
      "Property api.preAuthorizedApplications.delegatedPermissionIds has a Permission Id that cannot be found in the AppPermissions sets.",
      [{ code: "InvalidValue" }],
    ),
    "replicating",
    true,
  ],
  [
    409,
    failure("Directory_ConcurrencyViolation", "Error due to concurrent requests being made to the tenant. Please wait briefly and retry."),
    "conflict",
    true,
  ],
  [409, failure("Conflict", "The object is not in a consistent state."), "conflict", true],
  [429, failure("TooManyRequests", "Please retry again later."), "throttled", true],
  [500, failure("InternalServerError", "An internal server error occurred."), "outage", true],
  [502, failure("BadGateway", "Bad gateway."), "outage", true],
  [503, failure("ServiceUnavailable", "The service is unavailable."), "outage", true],
  [504, failure("GatewayTimeout", "The gateway timed out."), "outage", true],
  [403, failure("Authorization_RequestDenied", "Insufficient privileges to complete the operation."), "denied", false],
  [
    400,
    failure("CredentialTypeNotAllowedAsPerAppPolicy", "Credential type not allowed as per assigned policy 'p'."),
    "credential-type",
    false,
  ],
  [
    400,
    failure("CredentialInvalidLifetimeAsPerAppPolicy", "Credential lifetime exceeds the max value allowed as per assigned policy 'p'.", [
      { code: "InvalidKeyEndDate" },
    ]),
    "credential-lifetime",
    false,
  ],
  [400, failure("SignInAudienceNotAllowedAsPerAppPolicy", "Not allowed."), "audience-policy", false],
  [400, failure("Request_BadRequest", "Permission being assigned already exists on the object"), "already-there", false],
  [409, failure("Request_MultipleObjectsWithSameKeyValue", "EntitlementGrant entry already exists."), "already-there", false],
  [409, failure("Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists."), "already-there", false],
  [
    409,
    failure(
      "Request_MultipleObjectsWithSameKeyValue",
      "The service principal cannot be created, updated, or restored because the service principal name x is already in use.",
      [{ code: "ObjectConflict" }],
    ),
    "already-there",
    false,
  ],
  [400, failure("Request_BadRequest", "EntitlementGrant being updated or deleted is not found."), "not-found", false],
  [400, failure("Request_BadRequest", "No password credential found with keyId 'x'."), "not-found", false],
  [
    400,
    failure("Request_BadRequest", "A conflicting object with one or more of the specified property values is present in the directory."),
    "name-taken",
    false,
  ],
  [
    409,
    failure("Request_MultipleObjectsWithSameKeyValue", "Another object with the same value for property uniqueName already exists.", [
      { code: "ObjectConflict" },
    ]),
    "name-taken",
    false,
  ],
  [403, failure("Directory_QuotaExceeded", "The directory object quota limit for the principal has been exceeded."), "quota", false],
  [400, failure("Request_BadRequest", "A value is required for property 'displayName'."), "other", false],
];
test.each(ERRORS)("status %i %o means %s", async (status, body, meaning, isWaitedFor) => {
  script = [answer(status, body), answer(201, { id: "1" })];
  const { graph, waits } = tenant();
  const result = await graph.call({ ...patch, fresh: true, repeatable: true }).catch((thrown: unknown) => thrown);
  expect(waits).toHaveLength(isWaitedFor ? 1 : 0);
  if (isWaitedFor) return expect(result).toMatchObject({ status: 201 });
  expect(result).toBeInstanceOf(GraphError);
  expect(result).toMatchObject({ meaning, status, requestId: "r" });
});
test.each(ERRORS.filter(([, , meaning]) => meaning === "replicating" || meaning === "not-found"))(
  "status %i %o is not waited for when nothing was made moments ago",
  async (status, body, meaning) => {
    script = [answer(status, body), answer(201, { id: "1" })];
    const { graph, waits } = tenant();
    const result = await graph.call(patch).catch((thrown: unknown) => thrown);
    if (body.error.code === "Directory_ObjectNotFound") return expect(waits).toHaveLength(1);
    expect(result).toMatchObject({ meaning });
    expect(waits).toEqual([]);
  },
);

test("a token that is not taken is replaced once; a second refusal is told", async () => {
  const refused = answer(401, failure("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."));
  const asked: boolean[] = [];
  const graph = connect({
    token: async (isFresh) => {
      asked.push(isFresh);
      return new Secret("t");
    },
  });
  script = [refused, answer(200, {})];
  await graph.call({ method: "GET", path: "/me" });
  expect(asked).toEqual([false, true]);
  script = [refused, refused];
  await expect(graph.call({ method: "GET", path: "/me" })).rejects.toMatchObject({ meaning: "unauthenticated" });
});

test("a claims challenge is never repeated with the same token, and its claims are handed on as JSON", async () => {
  const claims = { access_token: { nbf: { essential: true, value: "1604106651" } } };
  script = [
    answer(401, failure("InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge"), {
      "www-authenticate": `PoP realm="", nonce="x", Bearer realm="", authorization_uri="https://login.example", error="insufficient_claims", claims="${Buffer.from(JSON.stringify(claims)).toString("base64")}", errorDescription="x"`,
    }),
  ];
  const error = (await tenant()
    .graph.call({ ...patch, repeatable: true })
    .catch((thrown: unknown) => thrown)) as GraphError;
  expect(error.meaning).toBe("claims");
  expect(JSON.parse(error.claims!)).toEqual(claims);
  expect(seen).toHaveLength(1);
});

test("what is about to be written is told, and waited for, before it is sent", async () => {
  const order: string[] = [];
  const graph = connect({
    token: async () => new Secret("t"),
    onIntent: async (calls) => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`intent ${calls[0]!.clientRequestId} after ${seen.length}`);
    },
    onCall: ({ clientRequestId, status }) => void order.push(`${status} ${clientRequestId}`),
  });
  script = [answer(204), answer(200, {})];
  await graph.call(patch);
  const id = seen[0]!.headers["client-request-id"];
  expect(order).toEqual([`intent ${id} after 0`, `204 ${id}`]);
  await graph.call({ method: "GET", path: "/me" });
  expect(order, "reads need no intent").toHaveLength(3);
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

const write = (path: string, more = {}) => ({ method: "POST" as const, path, body: {}, repeatable: true, fresh: true, ...more });
const chainMember = (id: string, status: number, body: unknown = {}) => ({ id, status, headers: {}, body });

test("a chain stops at a refusal: what follows is not tried, and says so", async () => {
  script = [
    answer(200, {
      responses: [
        chainMember("2", 424, failure("FailedDependency", "Failed Dependency")),
        chainMember("1", 403, failure("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")),
        chainMember("0", 201),
      ],
    }),
  ];
  const answers = await tenant().graph.chain([write("/a"), write("/b"), write("/c")], () => false);
  expect(answers).toMatchObject([{ status: 201 }, { meaning: "denied" }, { meaning: "not-tried" }]);
});

test("a chain goes on behind what was there already, and waits for replication", async () => {
  script = [
    answer(200, {
      responses: [
        chainMember("0", 400, failure("Request_BadRequest", "Permission being assigned already exists on the object")),
        chainMember("1", 424),
      ],
    }),
    answer(200, { responses: [chainMember("1", 404, failure("Request_ResourceNotFound", "Resource 'x' does not exist"))] }),
    answer(200, { responses: [chainMember("1", 201)] }),
  ];
  const { graph, waits } = tenant();
  const answers = await graph.chain([write("/a"), write("/b")], ({ meaning }) => meaning === "already-there");
  expect(answers).toMatchObject([{ meaning: "already-there" }, { status: 201 }]);
  expect(waits).toHaveLength(1);
});

test("when the answer to a chain is lost, only what may be sent twice is sent again", async () => {
  script = [hangUp, answer(200, { responses: [chainMember("0", 201)] })];
  const { graph, calls } = tenant();
  const answers = await graph.chain([write("/grant"), write("/addPassword", { repeatable: false })], () => false);
  expect(answers).toMatchObject([{ status: 201 }, { meaning: "outage", code: "ConnectionLost" }]);
  expect(calls.map(({ path, status }) => [path, status])).toEqual([
    ["/grant", 0],
    ["/addPassword", 0],
    ["/grant", 201],
  ]);
});

test("a token that is refused in the middle of a chain does not repeat what was done before it", async () => {
  script = [
    answer(200, {
      responses: [
        chainMember("0", 401, failure("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")),
        chainMember("1", 200, { keyId: "k" }),
      ],
    }),
    answer(200, { responses: [chainMember("0", 201)] }),
  ];
  const { graph } = tenant();
  const answers = await graph.chain([write("/grant"), write("/addPassword", { repeatable: false })], () => false);
  expect(answers).toMatchObject([{ status: 201 }, { body: { keyId: "k" } }]);
  expect(seen).toHaveLength(2);
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
