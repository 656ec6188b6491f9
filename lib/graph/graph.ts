/**
 * Microsoft Graph as this portal uses it. Hides its errors, its delays and its paging: a call is tried at once, and
 * again on the answers that mean "not copied everywhere yet", "slow down" or "out of order for a moment". Attaches
 * the token to the configured Graph origin and to nothing else.
 */
import { randomUUID } from "node:crypto";
import { Client, type Context, HTTPMessageHandler, type Middleware, ResponseType } from "@microsoft/microsoft-graph-client";
import { config } from "../config.ts";
import type { Secret } from "../secret.ts";

export const RESOURCE_APP_ID = {
  graph: "00000003-0000-0000-c000-000000000000",
  exchange: "00000002-0000-0ff1-ce00-000000000000",
} as const;

const guidBytes = (guid: string) => {
  const [a = "", b = "", c = "", d = "", e = ""] = guid.split("-");
  return Buffer.concat([...[a, b, c].map((part) => Buffer.from(part, "hex").reverse()), Buffer.from(d, "hex"), Buffer.from(e, "hex")]);
};

/** The id that Entra gives a tenant-wide delegated permission grant: both GUIDs, little endian, as base64url. */
export const delegatedGrantId = (clientId: string, resourceId: string) =>
  Buffer.concat([clientId, resourceId].map(guidBytes)).toString("base64url");

/** What a failure means, whatever words it came in (docs: GRAPH errors, json-batching, throttling). */
export type Meaning =
  | "replicating"
  | "throttled"
  | "outage"
  | "conflict"
  | "already-there"
  | "not-found"
  | "denied"
  | "credential-policy"
  | "unauthenticated"
  | "other";

export class GraphError extends Error {
  override name = "GraphError";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly meaning: Meaning,
    readonly requestId: string,
    readonly retryAfterMs: number | null,
  ) {
    super(message);
  }
}

export type GraphRequest = { method: "GET" | "POST" | "PATCH" | "DELETE"; path: string; headers?: Record<string, string>; body?: unknown };
export type GraphAnswer = { status: number; body: unknown; requestId: string };
type CallRecord = {
  method: string;
  path: string;
  status: number;
  code?: string;
  requestId: string;
  clientRequestId: string;
  durationMs: number;
};
export type Wait = { reason: "replication" | "throttled" | "outage"; retryAt: Date; words: string };

type Retry = {
  /** Tried again after a lost answer too: the call is an upsert, a read, or its repetition is recognised. */
  repeatable?: boolean;
  /** The object was made moments ago, so "not found" means "not copied yet". */
  fresh?: boolean;
};

type ErrorBody = { error?: { code?: string; message?: string; details?: { code?: string }[] } };

/** Code first; message only where Graph gives one code to several things. */
function meaningOf(status: number, code: string, details: string[], message: string): Meaning {
  if (status === 429) return "throttled";
  if (status >= 500) return "outage";
  if (status === 401) return "unauthenticated";
  if (/AsPerAppPolicy$/.test(code)) return "credential-policy";
  if (code === "Directory_ConcurrencyViolation") return "conflict";
  if (details.includes("NoBackingApplicationObject")) return "replicating";
  if (/backing application of the service principal|Not a valid reference update|Specified resourceId was not found/.test(message))
    return "replicating";
  if (/already exists/.test(message)) return "already-there";
  if (status === 404) return code === "Directory_ObjectNotFound" ? "replicating" : "not-found";
  if (status === 403) return "denied";
  return "other";
}

const WORDS: Record<Wait["reason"], string> = {
  replication: "Microsoft is still copying this between its data centres. Usually under a minute, up to 15.",
  throttled: "Microsoft asked us to slow down.",
  outage: "Microsoft did not answer properly. We try again.",
};
const DEADLINE_MS: Record<Wait["reason"], number> = { replication: 5 * 60_000, throttled: 10 * 60_000, outage: 90_000 };
const BACKOFF_MS = [250, 500, 1000, 2000, 4000, 8000, 15_000];

const asError = (status: number, body: unknown, requestId: string, retryAfter: string | null) => {
  const { code = "UnknownError", message = "Microsoft Graph gave no reason.", details = [] } = (body as ErrorBody | null)?.error ?? {};
  const meaning = meaningOf(
    status,
    code,
    details.map((detail) => detail.code ?? ""),
    message,
  );
  const seconds = Number(retryAfter);
  return new GraphError(status, code, message, meaning, requestId, retryAfter && Number.isFinite(seconds) ? seconds * 1000 : null);
};

function waitReason(error: GraphError, retry: Retry): Wait["reason"] | null {
  if (error.meaning === "throttled") return "throttled";
  if (error.meaning === "replicating" || error.meaning === "conflict" || (error.meaning === "not-found" && retry.fresh))
    return "replication";
  if (error.meaning === "outage" && (retry.repeatable || error.status === 503)) return "outage";
  return null;
}

export type Connection = {
  token: () => Promise<Secret>;
  /** Told of every call, whatever its outcome. */
  onCall?: (call: CallRecord) => Promise<void> | void;
  /** Told before each wait. */
  onWait?: (wait: Wait) => Promise<void> | void;
};
export type Tenant = ReturnType<typeof connect>;

/** Attaches the token to requests to the configured Graph, and refuses to send anything anywhere else. */
class Bearer implements Middleware {
  #next: Middleware | undefined;
  readonly #token: Secret;
  constructor(token: Secret) {
    this.#token = token;
  }
  setNext(next: Middleware) {
    this.#next = next;
  }
  async execute(context: Context) {
    const url = typeof context.request === "string" ? context.request : context.request.url;
    if (new URL(url).origin !== new URL(config().GRAPH_URL).origin) throw new Error("The token is for the configured Microsoft Graph only");
    const headers = new Headers(context.options?.headers as HeadersInit);
    headers.set("authorization", `Bearer ${this.#token.expose()}`);
    context.options = { ...context.options, headers };
    await this.#next!.execute(context);
  }
}

function clientWith(token: Secret): Client {
  const { GRAPH_URL } = config();
  const bearer = new Bearer(token);
  bearer.setNext(new HTTPMessageHandler());
  return Client.initWithMiddleware({
    baseUrl: `${GRAPH_URL}/`,
    defaultVersion: "v1.0",
    middleware: bearer,
    customHosts: new Set([new URL(GRAPH_URL).hostname]),
  });
}

/** A tenant's Graph, for whom the token speaks. */
export function connect({ token, onCall, onWait }: Connection) {
  async function once({ method, path, headers = {}, body }: GraphRequest): Promise<GraphAnswer> {
    if (!path.startsWith("/")) throw new Error("The token is for the configured Microsoft Graph only");
    // Asked for out here: the client turns whatever is thrown inside it into an error without a name.
    const client = clientWith(await token());
    const clientRequestId = randomUUID();
    const started = performance.now();
    const report = (status: number, requestId: string, code?: string) =>
      onCall?.({
        method,
        path,
        status,
        requestId,
        clientRequestId,
        durationMs: Math.round(performance.now() - started),
        ...(code ? { code } : {}),
      });
    let response: Response;
    try {
      const request = client
        .api(path)
        .headers({ ...headers, "client-request-id": clientRequestId })
        .responseType(ResponseType.RAW);
      response = await (method === "GET"
        ? request.get()
        : method === "DELETE"
          ? request.delete()
          : method === "PATCH"
            ? request.patch(body)
            : request.post(body));
    } catch (cause) {
      if (cause instanceof TypeError || (cause as { statusCode?: number }).statusCode === -1) {
        await report(0, "", "ConnectionLost");
        throw new GraphError(0, "ConnectionLost", "The connection to Microsoft Graph was lost before it answered.", "outage", "", null);
      }
      throw cause;
    }
    const requestId = response.headers.get("request-id") ?? "";
    const text = await response.text();
    let parsed: unknown = null;
    try {
      parsed = text ? JSON.parse(text) : null;
    } catch {
      await report(response.status, requestId, "NotJson");
      throw new GraphError(
        response.status,
        "NotJson",
        "Microsoft Graph answered with something that is not JSON.",
        "outage",
        requestId,
        null,
      );
    }
    if (!response.ok) {
      const error = asError(response.status, parsed, requestId, response.headers.get("retry-after"));
      await report(response.status, requestId, error.code);
      throw error;
    }
    await report(response.status, requestId);
    return { status: response.status, body: parsed, requestId };
  }

  /** Waits and tries again while the failure is one that passes; throws GraphError when it is not, or has not. */
  async function patiently<T>(retry: Retry, attempt: () => Promise<T>): Promise<T> {
    const began = Date.now();
    for (let tries = 0; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof GraphError)) throw error;
        const reason = waitReason(error, retry);
        if (!reason) throw error;
        const pauseMs = error.retryAfterMs ?? BACKOFF_MS[Math.min(tries, BACKOFF_MS.length - 1)]!;
        if (Date.now() + pauseMs - began > DEADLINE_MS[reason]) throw error;
        await onWait?.({ reason, retryAt: new Date(Date.now() + pauseMs), words: WORDS[reason] });
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  return {
    call: (request: GraphRequest, retry: Retry = {}) => patiently({ repeatable: request.method === "GET", ...retry }, () => once(request)),

    /** All pages of a collection. */
    async list<T>(path: string): Promise<T[]> {
      const values: T[] = [];
      let next: string | undefined = path;
      while (next) {
        const at: string = next;
        const { body } = await patiently({ repeatable: true }, () => once({ method: "GET", path: at }));
        const page = body as { value: T[]; "@odata.nextLink"?: string };
        values.push(...page.value);
        const link = page["@odata.nextLink"];
        next = link ? link.slice(link.indexOf("/v1.0") + "/v1.0".length) : undefined;
      }
      return values;
    },

    /**
     * Several requests in one round trip (at most 20, docs: json-batching). Each member that fails in a passing way is
     * tried again in a further batch; the answer of a member that fails for good is its GraphError.
     */
    async batch(requests: GraphRequest[], retry: Retry = {}): Promise<(GraphAnswer | GraphError)[]> {
      const answers: (GraphAnswer | GraphError)[] = new Array(requests.length);
      let open = requests.map((_, index) => index);
      await patiently({ ...retry, repeatable: true }, async () => {
        const { body } = await once({
          method: "POST",
          path: "/$batch",
          body: {
            requests: open.map((index) => {
              const { method, path, headers = {}, body: content } = requests[index]!;
              return {
                id: String(index),
                method,
                url: path,
                ...(content === undefined ? {} : { body: content, headers: { "Content-Type": "application/json", ...headers } }),
              };
            }),
          },
        });
        const failed: GraphError[] = [];
        for (const member of (body as { responses: { id: string; status: number; headers?: Record<string, string>; body?: unknown }[] })
          .responses) {
          const index = Number(member.id);
          const header = (name: string) => Object.entries(member.headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1] ?? null;
          const requestId = header("request-id") ?? "";
          if (member.status < 400) {
            answers[index] = { status: member.status, body: member.body ?? null, requestId };
            continue;
          }
          const error = asError(member.status, member.body, requestId, header("retry-after"));
          answers[index] = error;
          if (waitReason(error, { repeatable: true, ...retry })) failed.push(error);
        }
        open = open.filter((index) => failed.includes(answers[index] as GraphError));
        const longest = failed.sort((a, b) => (b.retryAfterMs ?? 0) - (a.retryAfterMs ?? 0))[0];
        if (longest) throw longest;
      }).catch((error: unknown) => {
        // What is still open after the deadline is answered with its own last error.
        if (!(error instanceof GraphError) || !open.every((index) => answers[index])) throw error;
      });
      return answers;
    },
  };
}
