/**
 * The API of the vendor's own systems. The schemas here check what comes in, and are what `/api/v1/openapi.json` says.
 * Who may call: programs with an API key, for their vendor's onboardings; each operation names the right it needs.
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { API } from "../access.ts";
import { type Allowance, take } from "../allowance.ts";
import * as auth from "../auth/auth.ts";
import { config } from "../config.ts";
import { db } from "../db.ts";
import * as desk from "../desk/desk.ts";
import { STATUSES, viewFrom } from "../desk/view.ts";
import { visitorOf } from "../http.ts";
import { log } from "../log.ts";
import { collectHandoff } from "../onboarding/collect.ts";
import { findForSupport, type Onboarding } from "../onboarding/find.ts";
import * as invitation from "../onboarding/invitation.ts";
import { Days, Invitation } from "../onboarding/schema.ts";
import { accept, type Outcome, type Refusal } from "../outcome.ts";
import type { Program, VendorSystem } from "../proof.ts";
import { deriveKey, digestOf } from "../secret.ts";

const A_MINUTE = 300;
const MINUTE_MS = 60_000;
const WRONG_KEYS_A_MINUTE = 30;
const PAGE_AT_MOST = 100;

const Problem = z
  .object({
    type: z.string().openapi({ example: "https://onboarding.example.com/api-reference#onboarding.unknown" }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ description: "stable; tell problems apart by it" }),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi("Problem");
const instant = z.iso.datetime();
const Status = z.enum(STATUSES as [string, ...string[]]);
const WaitingFor = z.enum(["admin", "approver", "contact", "vendor", "microsoft", "nobody"]);
const Summary = z
  .object({
    id: z.uuid(),
    product: z.string(),
    customer: z.string(),
    domain: z.string(),
    reference: z.string().nullable(),
    status: Status,
    waitingFor: WaitingFor.openapi({ description: "who has to act next" }),
    waitingSince: instant,
    lastEvent: z.string(),
    lastEventAt: instant,
    createdAt: instant,
    endsAt: instant.nullable().openapi({ description: "when the invitation ends; after it was taken up, when the first secret does" }),
    adminEmail: z.string(),
    contacts: z.array(z.string()),
    tenantId: z.string().nullable(),
  })
  .openapi("OnboardingSummary");
const Full = z
  .object({
    id: z.uuid(),
    product: z.string(),
    customer: z.string(),
    domain: z.string(),
    reference: z.string().nullable(),
    status: Status,
    waitingFor: WaitingFor,
    waitingSince: instant,
    createdAt: instant,
    invitationEndsAt: instant,
    adminEmail: z.string(),
    contacts: z.array(z.string()),
    offered: z.array(z.string()),
    features: z.array(z.string()).nullable().openapi({ description: "what the admin chose" }),
    tenant: z.object({ id: z.string(), name: z.string(), domain: z.string() }).nullable(),
    registrations: z.array(
      z.object({ id: z.string(), name: z.string(), applicationId: z.string().nullable(), secretEndsAt: instant.nullable() }),
    ),
    failure: z
      .object({ message: z.string(), action: z.string(), who: z.string(), requestId: z.string().nullable() })
      .nullable()
      .openapi({ description: "why the last run stopped, what to do, and who can" }),
    handoff: z.object({ state: z.string(), at: instant }).nullable(),
    reached: z.record(z.string(), instant).openapi({ description: "when each stage was reached for the first time" }),
  })
  .openapi("Onboarding");
/** Built here from its parts, since only what this library has seen made can be named in the description. */
const InvitationInput = z.strictObject(Invitation.shape).openapi("Invitation");
const Created = z
  .object({
    onboarding: Full,
    link: z
      .url()
      .nullable()
      .openapi({ description: "the invitation link; only here, since it is not kept. Null when it was replaced meanwhile" }),
  })
  .openapi("Invited");
const Event = z
  .object({
    sequence: z.int(),
    at: instant,
    type: z.string(),
    actor: z.object({ kind: z.string(), name: z.string().nullable() }),
    detail: z.record(z.string(), z.unknown()),
    hash: z.string(),
  })
  .openapi("Event");

const full = ({ manifest, progress, standing, ...row }: Onboarding): z.infer<typeof Full> => {
  const failure = progress.run?.outcome === "done" ? undefined : progress.run?.failure;
  return {
    id: row.id,
    product: manifest.id,
    customer: row.customerName,
    domain: row.expectedDomain,
    reference: row.reference,
    status: standing.status,
    waitingFor: standing.waitingFor,
    waitingSince: new Date(standing.since).toISOString(),
    createdAt: row.createdAt.toISOString(),
    invitationEndsAt: row.expiresAt.toISOString(),
    adminEmail: row.adminEmail,
    contacts: row.contacts,
    offered: row.offered,
    features: progress.choices?.features ?? null,
    tenant: progress.signedIn
      ? { id: progress.signedIn.tenantId, name: progress.signedIn.tenantName, domain: progress.signedIn.domain }
      : null,
    registrations: Object.entries(progress.registrations).map(([id, { displayName, appId, secretEndsAt }]) => ({
      id,
      name: displayName ?? id,
      applicationId: appId ?? null,
      secretEndsAt: secretEndsAt ?? null,
    })),
    failure: failure ? { message: failure.message, action: failure.action, who: failure.who, requestId: failure.requestId ?? null } : null,
    handoff: progress.handoff ? { state: progress.handoff.state, at: progress.handoff.at } : null,
    reached: (progress.reached ?? {}) as Record<string, string>,
  };
};

const TITLES: Record<number, string> = {
  400: "Bad request",
  401: "Not authenticated",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  410: "Gone",
  413: "Too large",
  415: "Not JSON",
  422: "Not acceptable",
  429: "Too many requests",
  500: "Our fault",
  503: "Not available",
};
type Wrong = { code: string; status: number; message: string; retryAt?: Date | undefined };
/** RFC 9457. */
function problem({ code, status, message, retryAt }: Wrong, errors?: { path: string; message: string }[]): Response {
  const body: z.infer<typeof Problem> = {
    type: `${config().BASE_URL}/api-reference#${code}`,
    title: TITLES[status] ?? "Refused",
    status,
    detail: message,
    code,
    ...(errors ? { errors } : {}),
  };
  const headers = new Headers({ "content-type": "application/problem+json", "cache-control": "no-store" });
  if (retryAt) headers.set("retry-after", String(Math.max(1, Math.ceil((retryAt.getTime() - Date.now()) / 1000))));
  if (status === 401) headers.set("www-authenticate", "Bearer");
  return new Response(JSON.stringify(body), { status, headers });
}
const ofRefusal = (refusal: Refusal) => problem(refusal);
const UNKNOWN: Wrong = { code: "onboarding.unknown", status: 404, message: "There is no such onboarding, or it is another vendor's." };

type Env = { Variables: { program: Program; system: VendorSystem | null; key: string } };
const api = new OpenAPIHono<Env>({
  defaultHook: (result) => {
    if (result.success) return;
    const errors = result.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
    return problem(
      { code: "api.invalid", status: 422, message: errors.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join(" ") },
      errors,
    );
  },
}).basePath("/api/v1");

api.onError((error) => {
  // A body that is not JSON; Hono says so with a status of its own.
  const status = "status" in error ? Number(error.status) : 500;
  if (status >= 400 && status < 500) return problem({ code: "api.malformed", status, message: "The body is not JSON that can be read." });
  log().failed("An operation of the API failed", error);
  return problem({
    code: "api.failed",
    status: 500,
    message: "Something went wrong on our side. Try again; with an Idempotency-Key nothing is done twice.",
  });
});
const NOTHING: Wrong = { code: "api.nothing", status: 404, message: "There is no such operation. /api-reference lists them all." };
api.notFound(() => problem(NOTHING));
api.use(
  "*",
  bodyLimit({ maxSize: 65_536, onError: () => problem({ code: "api.too-large", status: 413, message: "A request has at most 64 kB." }) }),
);

/** The headers that tell a program how much it may still ask (the names of draft-polli-ratelimit-headers that clients know). */
function withRate(response: Response, most: number, { left, endsAt }: Allowance) {
  response.headers.set("ratelimit-limit", String(most));
  response.headers.set("ratelimit-remaining", String(Math.max(0, left)));
  response.headers.set("ratelimit-reset", String(Math.max(0, Math.ceil((endsAt.getTime() - Date.now()) / 1000))));
}

api.use("*", async (c, next) => {
  // PostgreSQL takes no text that holds the character 0.
  const isText = c.req.method !== "GET" && c.req.header("content-type")?.startsWith("application/json");
  if (isText && (await c.req.text()).includes("\\u0000"))
    return problem({ code: "api.invalid", status: 422, message: "No text may hold the character U+0000." });
  return next();
});

const OPEN = new Set(["/api/v1/openapi.json"]);
/** The right that each operation needs, as lib/access has it. */
const RIGHTS = Object.entries(API).map(([name, right]) => {
  const [method = "", path = ""] = name.split(" ");
  return { right, on: new RegExp(`^${method.toUpperCase()} /api/v1${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`) };
});
api.use("*", async (c, next) => {
  if (OPEN.has(c.req.path)) return next();
  const now = new Date();
  const authorization = c.req.header("authorization") ?? null;
  const isCollecting = c.req.method === "POST" && /\/handoff$/.test(c.req.path);
  // A token of Entra ID, for fetching handoffs without any API key.
  if (isCollecting && !/^Bearer vst_/.test(authorization ?? "")) return next();
  const found = await auth.programOf(authorization, now);
  if (!found.ok) {
    const { address } = visitorOf({ headers: c.req.raw.headers });
    const tries = await take(db(), `api-wrong|${address}`, WRONG_KEYS_A_MINUTE, MINUTE_MS);
    if (tries.left < 0)
      return problem({ code: "api.rate", status: 429, message: "Too many requests without a valid API key.", retryAt: tries.endsAt });
    return problem(found.refusal);
  }
  const { program, rights, system, key } = found.value;
  const allowance = await take(db(), `api|${program.keyId}`, A_MINUTE, MINUTE_MS);
  if (allowance.left < 0) {
    const refused = problem({
      code: "api.rate",
      status: 429,
      message: `At most ${A_MINUTE} requests a minute for each key.`,
      retryAt: allowance.endsAt,
    });
    withRate(refused, A_MINUTE, allowance);
    return refused;
  }
  const needed = RIGHTS.find(({ on }) => on.test(`${c.req.method} ${c.req.path}`))?.right;
  if (!needed || !rights.includes(needed)) {
    const refused = problem(
      needed ? { code: "api.scope", status: 403, message: `This API key does not have the right "${needed}".` } : NOTHING,
    );
    withRate(refused, A_MINUTE, allowance);
    return refused;
  }
  c.set("program", program);
  c.set("system", system);
  c.set("key", key);
  await next();
  withRate(c.res, A_MINUTE, allowance);
  c.res.headers.set("cache-control", "no-store");
});

/** What every operation can answer besides what it is for. */
const problems = (...statuses: number[]) =>
  Object.fromEntries(
    [...new Set([401, 403, 422, 429, ...statuses])]
      .sort()
      .map((status) => [status, { description: TITLES[status]!, content: { "application/problem+json": { schema: Problem } } }]),
  );
const answers = <T extends z.ZodType>(schema: T, description: string) => ({ description, content: { "application/json": { schema } } });
const security = [{ apiKey: [] }];
const params = z.object({
  id: z.string().openapi({ param: { name: "id", in: "path" }, description: "the onboarding's id", format: "uuid" }),
});
const limit = z.coerce.number().int().min(1).max(PAGE_AT_MOST).default(50);

api.openapi(
  createRoute({
    method: "get",
    path: "/products",
    summary: "List products",
    description: "The products of your vendor that can be onboarded, with their features and variables. Right: read.",
    security,
    responses: {
      200: answers(
        z.object({
          items: z.array(
            z.object({
              id: z.string(),
              name: z.string(),
              version: z.int(),
              features: z.array(z.object({ id: z.string(), title: z.string() })),
              variables: z.array(z.object({ id: z.string(), title: z.string(), required: z.boolean() })),
            }),
          ),
        }),
        "All of them",
      ),
      ...problems(),
    },
  }),
  (c) =>
    c.json(
      {
        items: desk.products(c.get("program")).map(({ id, name, version, features, variables }) => ({
          ...{ id, name, version },
          features: features.map((feature) => ({ id: feature.id, title: feature.title })),
          variables: variables.map((variable) => ({ id: variable.id, title: variable.title, required: variable.required })),
        })),
      },
      200,
    ),
);

const pack = (after: [string, string]) => Buffer.from(JSON.stringify(after)).toString("base64url");
const Query = z.object({
  status: Status.optional(),
  product: z.string().max(60).optional(),
  q: z.string().max(200).optional().openapi({ description: "words of customer, domain, a person's address, the reference; or any ID" }),
  sort: z.enum(["moved", "created"]).default("moved").openapi({ description: "newest first: by last event, or by creation" }),
  limit,
  cursor: z.string().max(1000).optional().openapi({ description: "`next` of the page before" }),
});
api.openapi(
  createRoute({
    method: "get",
    path: "/onboardings",
    summary: "List onboardings",
    description: "Your vendor's onboardings, a page at a time. Right: read.",
    security,
    request: { query: Query },
    responses: {
      200: answers(z.object({ items: z.array(Summary), next: z.string().nullable() }), "A page; `next` is null on the last"),
      ...problems(),
    },
  }),
  async (c) => {
    const { cursor, limit: most, ...wanted } = c.req.valid("query");
    const view = viewFrom({ ...wanted, ...(cursor ? { after: Buffer.from(cursor, "base64url").toString() } : {}) });
    if (cursor && !view.after)
      return problem({
        code: "api.cursor",
        status: 422,
        message: "This cursor is not one of ours. Take `next` of a page as it is.",
      }) as never;
    const { items, next } = await desk.page(c.get("program"), view, new Date(), most);
    return c.json(
      {
        items: items.map(({ productId, customerName, expectedDomain, waitingSince, lastEventAt, createdAt, endsAt, ...item }) => ({
          id: item.id,
          product: productId,
          customer: customerName,
          domain: expectedDomain,
          reference: item.reference,
          status: item.status,
          waitingFor: item.waitingFor,
          waitingSince: waitingSince.toISOString(),
          lastEvent: item.lastEvent,
          lastEventAt: lastEventAt.toISOString(),
          createdAt: createdAt.toISOString(),
          endsAt: endsAt?.toISOString() ?? null,
          adminEmail: item.adminEmail,
          contacts: item.contacts,
          tenantId: item.tenantId,
        })),
        next: next && pack(next),
      },
      200,
    );
  },
);

/** The answer to a refusal of a room, or what it gave. */
async function given<T>(outcome: Outcome<T>, then: (value: T) => Promise<Response> | Response): Promise<never> {
  return (outcome.ok ? await then(outcome.value) : ofRefusal(outcome.refusal)) as never;
}
const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });

const IdempotencyKey = z.object({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, "1 to 255 visible ASCII characters, such as a UUID")
    .optional()
    .openapi({ description: "makes a repeated request count once; kept for at least a day" }),
});
api.openapi(
  createRoute({
    method: "post",
    path: "/onboardings",
    summary: "Create an onboarding",
    description:
      "Invites a customer: mails the invitation to the admin and answers with its link, which is not kept. With an Idempotency-Key a request that is repeated, say after a lost answer, creates nothing anew and gets the same link. Right: write.",
    security,
    request: {
      headers: IdempotencyKey,
      body: { required: true, content: { "application/json": { schema: InvitationInput } } },
    },
    responses: {
      201: answers(Created, "Created; or created before under this key, then with the header Idempotent-Replayed"),
      ...problems(409),
    },
  }),
  async (c) => {
    const program = c.get("program");
    const now = new Date();
    const input = c.req.valid("json");
    const key = c.req.valid("header")["idempotency-key"];
    const once = key
      ? {
          apiKeyId: program.keyId,
          key,
          requestDigest: digestOf(JSON.stringify(input)),
          token: deriveKey(Buffer.from(c.get("key")), Buffer.from(key), "invitation").toString("base64url"),
        }
      : undefined;
    const replayed = async () => once && (await invitation.invitedBefore(program, once, now));
    const answer = (before: NonNullable<Awaited<ReturnType<typeof replayed>>>) =>
      given(before, ({ onboarding, link }) =>
        json({ onboarding: full(onboarding), link }, 201, {
          location: `/api/v1/onboardings/${onboarding.id}`,
          "idempotent-replayed": "true",
        }),
      );
    const before = await replayed();
    if (before) return answer(before);
    try {
      return await given(await invitation.invite(program, input, now, once), async ({ id, link }) =>
        json({ onboarding: full((await findForSupport(program, id, new Date()))!), link }, 201, { location: `/api/v1/onboardings/${id}` }),
      );
    } catch (error) {
      // Somebody else was faster with the same key.
      const meanwhile = await replayed();
      if (meanwhile) return answer(meanwhile);
      throw error;
    }
  },
);

api.openapi(
  createRoute({
    method: "get",
    path: "/onboardings/{id}",
    summary: "Read an onboarding",
    description: "Where it stands, who has to act, and what was made. Never a secret. Right: read.",
    security,
    request: { params },
    responses: { 200: answers(Full, "The onboarding"), ...problems(404) },
  }),
  async (c) => {
    const found = await findForSupport(c.get("program"), c.req.valid("param").id, new Date());
    return found ? c.json(full(found), 200) : (problem(UNKNOWN) as never);
  },
);

api.openapi(
  createRoute({
    method: "get",
    path: "/onboardings/{id}/timeline",
    summary: "Read the timeline",
    description: "Everything that happened, oldest first, as the audit trail has it. Right: read.",
    security,
    request: {
      params,
      query: z.object({ limit, after: z.coerce.number().int().min(0).default(0).openapi({ description: "`next` of the page before" }) }),
    },
    responses: {
      200: answers(z.object({ items: z.array(Event), next: z.int().nullable() }), "A page; `next` is null on the last"),
      ...problems(404),
    },
  }),
  async (c) => {
    const found = await desk.find(c.get("program"), c.req.valid("param").id, new Date());
    if (!found) return problem(UNKNOWN) as never;
    const { limit: most, after } = c.req.valid("query");
    const rest = found.records.filter(({ seq }) => seq > after);
    const items = rest.slice(0, most).map(({ seq, at, type, actor, detail, hash }) => ({
      ...{ sequence: seq, at: at.toISOString(), type, detail, hash },
      actor: { kind: actor.kind, name: "name" in actor ? actor.name : null },
    }));
    return c.json({ items, next: rest.length > most ? items.at(-1)!.sequence : null }, 200);
  },
);

api.openapi(
  createRoute({
    method: "post",
    path: "/onboardings/{id}/renew",
    summary: "Send a fresh link",
    description: "The links before it stop working. Right: write.",
    security,
    request: {
      params,
      body: {
        required: false,
        content: {
          "application/json": { schema: z.strictObject({ adminEmail: z.email().optional(), days: Days.optional() }).openapi("Renewal") },
        },
      },
    },
    responses: { 200: answers(Created, "Renewed"), ...problems(404, 410) },
  }),
  async (c) => {
    const program = c.get("program");
    const { id } = c.req.valid("param");
    return given(await invitation.renew(program, id, c.req.valid("json") ?? {}, new Date()), async ({ link }) =>
      json({ onboarding: full((await findForSupport(program, id, new Date()))!), link }),
    );
  },
);

api.openapi(
  createRoute({
    method: "post",
    path: "/onboardings/{id}/revoke",
    summary: "Cancel an onboarding",
    description: "Its links and an unopened handoff stop working at once. What is in the customer's tenant stays. Right: write.",
    security,
    request: { params },
    responses: { 200: answers(Full, "Cancelled, now or before"), ...problems(404) },
  }),
  async (c) => {
    const program = c.get("program");
    const { id } = c.req.valid("param");
    return given(await invitation.revoke(program, id, new Date()), async () =>
      json(full((await findForSupport(program, id, new Date()))!)),
    );
  },
);

api.openapi(
  createRoute({
    method: "post",
    path: "/onboardings/{id}/handoff",
    summary: "Fetch the values, once",
    description:
      "After the admin released them to your system: each registration as a compact JWE (RFC 7516) for the key in the product's manifest. 404 when nothing waits, or no longer. With an API key that has the right collect, or an app-only token of Entra ID whose application has the app role Handoff.Collect.",
    security: [{ apiKey: [] }, { entra: [] }],
    request: { params },
    responses: { 200: answers(z.object({ registrations: z.array(z.object({ jwe: z.string() })) }), "The values"), ...problems(404) },
  }),
  async (c) => {
    const byKey = c.get("system");
    const system = byKey ? accept(byKey) : await auth.vendorSystemOf(c.req.header("authorization") ?? null);
    if (!system.ok) return ofRefusal(system.refusal) as never;
    return given(await collectHandoff(system.value, c.req.valid("param").id, new Date()), (value) =>
      json(value, 200, { "cache-control": "no-store" }),
    );
  },
);

api.openAPIRegistry.registerComponent("securitySchemes", "apiKey", { type: "http", scheme: "bearer", description: "An API key, vst_…" });
api.openAPIRegistry.registerComponent("securitySchemes", "entra", { type: "http", scheme: "bearer", bearerFormat: "JWT" });

/** The description of the API, in OpenAPI 3.1. */
export const openApi = () =>
  api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Vestibule API",
      version: "1",
      description: "For a vendor's own systems: create onboardings, follow them, fetch released values.",
    },
    servers: [{ url: config().BASE_URL }],
  });
api.get("/openapi.json", (c) => c.json(openApi(), 200 as ContentfulStatusCode, { "access-control-allow-origin": "*" }));

/** Answers a request to `/api/v1/…`. */
export const answer = (request: Request): Response | Promise<Response> => api.fetch(request);
