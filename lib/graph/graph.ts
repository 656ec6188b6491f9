/**
 * Microsoft Graph as this portal uses it. Hides its errors, its delays and its paging: a call is tried at once, and
 * again on the answers that mean "not copied everywhere yet", "slow down" or "out of order for a moment". Attaches
 * the token to the configured Graph origin and to nothing else.
 */
import { randomUUID } from "node:crypto";
import { Client, type Context, HTTPMessageHandler, type Middleware, ResponseType } from "@microsoft/microsoft-graph-client";
import { config } from "../config.ts";
import type { Secret } from "../secret.ts";
import { traced } from "../trace.ts";
import type { GraphMeaning } from "../vocabulary.ts";
import { backoffMs, type Failure, ruleFor, TOTAL_DEADLINE_MS, WAITS, type WaitReason } from "./retry.ts";

export const RESOURCE_APP_ID = {
  graph: "00000003-0000-0000-c000-000000000000",
  exchange: "00000002-0000-0ff1-ce00-000000000000",
} as const;

const guidBytes = (guid: string) => {
  const [a = "", b = "", c = "", d = "", e = ""] = guid.split("-");
  return Buffer.concat([...[a, b, c].map((part) => Buffer.from(part, "hex").reverse()), Buffer.from(d, "hex"), Buffer.from(e, "hex")]);
};

/** The id that Entra gives a tenant-wide delegated permission grant: both GUIDs, little endian, as base64url. */
export const delegatedGrantId = (clientId: string, resourceId: string, principalId: string | null = null) =>
  Buffer.concat([clientId, resourceId, ...(principalId ? [principalId] : [])].map(guidBytes)).toString("base64url");

/** A call that Graph refused or never answered. `meaning` is what to act on; the rest is to show. */
export class GraphError extends Error {
  override name = "GraphError";
  /** How long it took until it was lost; 0 when that is said elsewhere. */
  durationMs = 0;
  constructor(
    readonly failure: Failure,
    readonly meaning: GraphMeaning,
    readonly requestId: string,
    readonly retryAfterMs: number | null,
    /** What the next sign-in has to bring, as JSON; with meaning `claims`. */
    readonly claims: string | null,
    readonly request: Pick<GraphRequest, "method" | "path">,
  ) {
    super(failure.message);
  }
  get status() {
    return this.failure.status;
  }
  get code() {
    return this.failure.code;
  }
}

export type GraphRequest = {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** May be sent again after a lost answer: the call is an upsert, a read, or its repetition is recognised. Reads are. */
  repeatable?: boolean;
  /** What it works on was made moments ago, so "not found" means "not copied yet". */
  fresh?: boolean;
  /** Whatever the caller wants to find again in what it is told of the call. */
  tag?: string;
};
export type GraphAnswer = { status: number; body: unknown; requestId: string };
export type PlannedCall = { method: string; path: string; clientRequestId: string; tag?: string };
type CallRecord = PlannedCall & { attempt: number; status: number; code?: string; requestId: string; durationMs: number };
export type Wait = { reason: WaitReason; retryAt: Date; words: string; code: string };

type ErrorBody = { error?: { code?: string; message?: string; details?: { code?: string }[] } };

/** The claims of a challenge (`WWW-Authenticate: … claims="<base64>"`) as JSON; Entra sends several parameters, unordered. */
function claimsOf(header: string | null): string | null {
  const encoded = /claims="([^"]+)"/.exec(header ?? "")?.[1];
  return encoded ? Buffer.from(encoded, "base64").toString() : null;
}

function errorOf(
  request: Pick<GraphRequest, "method" | "path">,
  status: number,
  body: unknown,
  header: (name: string) => string | null,
): GraphError {
  const { code = "UnknownError", message = "Microsoft Graph gave no reason.", details = [] } = (body as ErrorBody | null)?.error ?? {};
  const claims = status === 401 ? claimsOf(header("www-authenticate")) : null;
  const failure = { status, code: claims ? "InsufficientClaims" : code, details: details.map((detail) => detail.code ?? ""), message };
  const retryAfter = header("retry-after");
  const seconds = Number(retryAfter);
  const afterMs = retryAfter && Number.isFinite(seconds) ? seconds * 1000 : retryAfter ? Date.parse(retryAfter) - Date.now() : null;
  return new GraphError(
    failure,
    ruleFor(failure).means,
    header("request-id") ?? "",
    afterMs !== null && afterMs >= 0 ? afterMs : null,
    claims,
    request,
  );
}
/** Nothing came back, or nothing that is Graph's: whether the call took effect is unknown. */
const unanswered = (request: GraphRequest, status: number, code: "ConnectionLost" | "NotJson", requestId = "") => {
  const message =
    code === "ConnectionLost"
      ? "The connection to Microsoft Graph was lost before it answered."
      : "Microsoft Graph answered with something that is not JSON.";
  const failure = { status, code, details: [], message };
  return new GraphError(failure, ruleFor(failure).means, requestId, null, null, request);
};

const isRead = ({ method }: GraphRequest) => method === "GET";
/** Why the same call may be made again, or null. */
const plannedOf = ({ method, path, tag }: GraphRequest): PlannedCall => ({
  method,
  path,
  clientRequestId: randomUUID(),
  ...(tag === undefined ? {} : { tag }),
});
const notTried = (request: GraphRequest) =>
  new GraphError(
    { status: 424, code: "FailedDependency", details: [], message: "A step before it failed." },
    "not-tried",
    "",
    null,
    null,
    request,
  );

function waitReason(error: GraphError, { repeatable, fresh, ...request }: GraphRequest): WaitReason | null {
  const { retry, reason = null } = ruleFor(error.failure);
  const may = { always: true, fresh: fresh === true, repeatable: repeatable ?? isRead(request), never: false }[retry];
  return may ? reason : null;
}

export type Connection = {
  /** Waits at most this long for anything; without it, as long as the table of retries says. */
  patienceMs?: number;
  /** `isFresh` asks for one that was not used before, after Graph did not take the last one. */
  token: (isFresh: boolean) => Promise<Secret>;
  /** Told, and waited for, before anything is written. */
  onIntent?: (calls: PlannedCall[]) => Promise<void>;
  /** Told of every call, whatever its outcome; members of a batch one by one. */
  onCall?: (call: CallRecord) => void;
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

const BATCH_LIMIT = 20;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const withoutHost = (link: string) => link.slice(link.indexOf("/v1.0") + "/v1.0".length);

/** A tenant's Graph, for whom the token speaks. */
export function connect({ token, onIntent, onCall, onWait, patienceMs = TOTAL_DEADLINE_MS }: Connection) {
  /** One request over the wire. `members` are what the trail says was done: the request itself, or those of a batch. */
  const send = (request: GraphRequest, isFreshToken: boolean, clientRequestId: string) =>
    traced("graph", { method: request.method, path: request.path }, async (learn) => {
      const answer = await sendUntraced(request, isFreshToken, clientRequestId);
      learn({ status: answer.response.status, requestId: answer.response.headers.get("request-id") ?? "" });
      return answer;
    });
  async function sendUntraced(
    request: GraphRequest,
    isFreshToken: boolean,
    clientRequestId: string,
  ): Promise<{ response: Response; body: unknown; durationMs: number }> {
    const { method, path, headers = {}, body } = request;
    if (!path.startsWith("/")) throw new Error("The token is for the configured Microsoft Graph only");
    // Asked for out here: the client turns whatever is thrown inside it into an error without a name.
    const client = clientWith(await token(isFreshToken));
    const started = performance.now();
    const durationMs = () => Math.round(performance.now() - started);
    const lost = (error: GraphError) => {
      error.durationMs = durationMs();
      return error;
    };
    let response: Response;
    let text: string;
    try {
      const call = client
        .api(path)
        .headers({ ...headers, "client-request-id": clientRequestId })
        .responseType(ResponseType.RAW);
      response = await (method === "GET"
        ? call.get()
        : method === "DELETE"
          ? call.delete()
          : method === "PATCH"
            ? call.patch(body)
            : call.post(body));
      text = await response.text();
    } catch (cause) {
      if (cause instanceof TypeError || (cause as { statusCode?: number }).statusCode === -1)
        throw lost(unanswered(request, 0, "ConnectionLost"));
      throw cause;
    }
    try {
      return { response, body: text ? JSON.parse(text) : null, durationMs: durationMs() };
    } catch {
      throw lost(unanswered(request, response.status, "NotJson", response.headers.get("request-id") ?? ""));
    }
  }

  /** Waits and tries again while the failure is one that passes; throws GraphError when it is not, or has not. */
  async function patiently<T>(
    mayRetry: (error: GraphError) => WaitReason | null,
    attempt: (tries: number, isFreshToken: boolean) => Promise<T>,
  ): Promise<T> {
    const began = Date.now();
    const since: Partial<Record<WaitReason, number>> = {};
    let wantsNewToken = false;
    for (let tries = 0; ; tries++) {
      try {
        return await attempt(tries + 1, wantsNewToken);
      } catch (error) {
        if (!(error instanceof GraphError)) throw error;
        if (error.meaning === "unauthenticated" && !wantsNewToken) {
          wantsNewToken = true;
          continue;
        }
        wantsNewToken = false;
        const reason = mayRetry(error);
        if (!reason) throw error;
        const { words, deadlineMs } = WAITS[reason];
        const pauseMs = error.retryAfterMs ?? backoffMs(tries);
        since[reason] ??= Date.now();
        const until = Math.min(since[reason] + deadlineMs, began + patienceMs);
        if (Date.now() + pauseMs > until) throw error;
        await onWait?.({ reason, retryAt: new Date(Date.now() + pauseMs), words, code: error.code });
        await pause(pauseMs);
      }
    }
  }

  async function once(request: GraphRequest, attempt: number, isFreshToken: boolean): Promise<GraphAnswer> {
    const planned = plannedOf(request);
    if (!isRead(request)) await onIntent?.([planned]);
    const { response, body, durationMs } = await send(request, isFreshToken, planned.clientRequestId).catch((error: unknown) => {
      if (error instanceof GraphError)
        onCall?.({
          ...planned,
          attempt,
          status: error.status,
          code: error.code,
          requestId: error.requestId,
          durationMs: error.durationMs,
        });
      throw error;
    });
    const requestId = response.headers.get("request-id") ?? "";
    const error = response.ok ? null : errorOf(request, response.status, body, (name) => response.headers.get(name));
    onCall?.({ ...planned, attempt, status: response.status, requestId, durationMs, ...(error ? { code: error.code } : {}) });
    if (error) throw error;
    return { status: response.status, body, requestId };
  }

  const call = (request: GraphRequest) =>
    patiently(
      (error) => waitReason(error, request),
      (tries, isFresh) => once(request, tries, isFresh),
    );

  /** The rest of a collection whose first page is at hand. */
  async function rest<T>(page: { value: T[]; "@odata.nextLink"?: string }): Promise<T[]> {
    const values = [...page.value];
    let next = page["@odata.nextLink"];
    while (next) {
      const { body } = await call({ method: "GET", path: withoutHost(next) });
      const further = body as typeof page;
      values.push(...further.value);
      next = further["@odata.nextLink"];
    }
    return values;
  }

  /**
   * One round trip for several requests (at most 20, docs: json-batching), and another for those that fail in a passing
   * way. `isChain`: each waits for the one before it, and what follows a failure is not tried. `isFine` are failures that
   * leave what was wanted. The answer to a member that fails for good is its GraphError; a member whose batch was lost
   * and that must not be sent twice is answered with that loss.
   */
  async function batchOf(
    requests: readonly GraphRequest[],
    { isChain, isFine }: { isChain: boolean; isFine: (error: GraphError) => boolean },
  ): Promise<(GraphAnswer | GraphError)[]> {
    const answers: (GraphAnswer | GraphError | undefined)[] = new Array(requests.length).fill(undefined);
    let open = requests.map((_, index) => index);
    let isLost = false;
    const attempt = async (tries: number, isFreshToken: boolean): Promise<void> => {
      if (isLost) {
        for (const index of open)
          if (!(requests[index]!.repeatable ?? isRead(requests[index]!)))
            answers[index] = unanswered(requests[index]!, 0, "ConnectionLost");
        open = open.filter((index) => !answers[index]);
        if (open.length === 0) return;
      }
      const planned = new Map(open.map((index) => [index, plannedOf(requests[index]!)]));
      if (open.some((index) => !isRead(requests[index]!))) await onIntent?.([...planned.values()]);
      const report = (index: number, status: number, requestId: string, durationMs: number, code?: string) =>
        onCall?.({ ...planned.get(index)!, attempt: tries, status, requestId, durationMs, ...(code ? { code } : {}) });
      const whole: GraphRequest = {
        method: "POST",
        path: "/$batch",
        body: {
          requests: open.map((index, position) => {
            const { method, path, headers = {}, body } = requests[index]!;
            const all = {
              ...headers,
              ...(body === undefined ? {} : { "Content-Type": "application/json" }),
              "client-request-id": planned.get(index)!.clientRequestId,
            };
            return {
              id: String(index),
              method,
              url: path,
              headers: all,
              ...(body === undefined ? {} : { body }),
              ...(isChain && position > 0 ? { dependsOn: [String(open[position - 1])] } : {}),
            };
          }),
        },
      };
      type Member = { id: string; status: number; headers?: Record<string, string>; body?: unknown };
      let members: Member[];
      let durationMs: number;
      try {
        const sent = await send(whole, isFreshToken, randomUUID());
        if (!sent.response.ok) throw errorOf(whole, sent.response.status, sent.body, (name) => sent.response.headers.get(name));
        members = (sent.body as { responses: Member[] }).responses;
        durationMs = sent.durationMs;
      } catch (error) {
        if (!(error instanceof GraphError)) throw error;
        isLost = error.status === 0 || error.status >= 500 || error.meaning === "not-json";
        for (const index of open) report(index, error.status, error.requestId, error.durationMs, error.code);
        throw error;
      }
      let longest: GraphError | null = null;
      let refusedToken: GraphError | null = null;
      let hasFailed = false;
      for (const member of members) {
        const index = Number(member.id);
        const request = requests[index]!;
        const header = (name: string) => Object.entries(member.headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1] ?? null;
        const error = member.status < 400 ? null : errorOf(request, member.status, member.body, header);
        report(index, member.status, header("request-id") ?? "", durationMs, error?.code);
        if (!error) answers[index] = { status: member.status, body: member.body ?? null, requestId: header("request-id") ?? "" };
        else if (error.meaning === "not-tried") continue;
        else if (error.meaning === "claims" || error.meaning === "unauthenticated") refusedToken = error;
        else if (waitReason(error, request))
          longest = longest && (longest.retryAfterMs ?? 0) >= (error.retryAfterMs ?? 0) ? longest : error;
        else {
          answers[index] = error;
          hasFailed ||= !isFine(error);
        }
      }
      // Only now: what the other members did must not be done again.
      open = open.filter((index) => !answers[index]);
      if (refusedToken) throw refusedToken;
      if (isChain && hasFailed) return;
      if (longest) throw longest;
      // Only what waited for a member that failed harmlessly is left.
      if (open.length > 0) return attempt(tries, false);
    };
    let last: GraphError | null = null;
    await patiently(
      (error) =>
        waitReason(error, error.request.path === "/$batch" ? { method: "POST", path: "/$batch", repeatable: true } : requestOf(error)),
      attempt,
    ).catch((error: unknown) => {
      if (!(error instanceof GraphError) || error.meaning === "claims" || error.meaning === "unauthenticated") throw error;
      last = error;
    });
    return answers.map(
      (answer, index) => answer ?? (isChain && index !== open[0] ? notTried(requests[index]!) : (last ?? notTried(requests[index]!))),
    );

    function requestOf(error: GraphError): GraphRequest {
      return requests.find(({ path, method }) => path === error.request.path && method === error.request.method)!;
    }
  }

  return {
    call,
    rest,
    /** All pages of a collection. */
    list: async <T>(path: string): Promise<T[]> => rest((await call({ method: "GET", path })).body as { value: T[] }),
    /** Independent requests in as few round trips as may be. */
    batch: async (requests: readonly GraphRequest[]): Promise<(GraphAnswer | GraphError)[]> =>
      (await Promise.all(chunks(requests).map((part) => batchOf(part, { isChain: false, isFine: () => true })))).flat(),
    /** Writes that follow one another; what comes after a failure is not tried, and says so. */
    async chain(requests: readonly GraphRequest[], isFine: (error: GraphError) => boolean): Promise<(GraphAnswer | GraphError)[]> {
      const answers: (GraphAnswer | GraphError)[] = [];
      for (const part of chunks(requests)) {
        const isBroken = answers.some((answer) => answer instanceof GraphError && !isFine(answer));
        answers.push(...(isBroken ? part.map(notTried) : await batchOf(part, { isChain: true, isFine })));
      }
      return answers;
    },
  };
}

const chunks = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / BATCH_LIMIT) }, (_, index) => items.slice(index * BATCH_LIMIT, (index + 1) * BATCH_LIMIT));
