/**
 * Traces for whoever operates the portal: OpenTelemetry, as OTLP over HTTP, off unless an endpoint is
 * set. Only what is listed below leaves the process: which route or which part of Graph, how long, and how it ended. The
 * provider is ours alone and never the global one, since Next's own spans carry whole addresses.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from "@opentelemetry/api";
import { API, HANDOFF, PAGES, ROUTES } from "./access.ts";

/** `path` is of the portal for a request and of Graph for a call; only the pattern that it fits is kept. */
export type TraceFacts = {
  method?: string;
  path?: string;
  status?: number;
  onboardingId?: string;
  runId?: string;
  /** Microsoft's own, to find the call in its logs. */
  requestId?: string;
  kind?: string;
  outcome?: string;
};
type Name = "request" | "graph" | "run" | "errand";

const METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"];
const WORD = /^[a-z][a-z-]{1,24}$/;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What can be asked of the portal, as patterns; an address that fits none is "other". */
const PATTERNS = [
  ...Object.keys({ ...PAGES, ...ROUTES }).filter((name) => !name.includes("[...")),
  ...Object.keys(API).map((name) => `/api/v1${name.split(" ")[1]!.replaceAll("{", "[").replaceAll("}", "]")}`),
  ...["/h/[handoff]", ...Object.keys(HANDOFF).map((name) => `/api/h/[handoff]/${name}`)],
].map((name) => [new RegExp(`^${name.replace(/\[\w+\]/g, "[^/]+")}/?$`), name] as const);
/** The pattern of the portal's own that an address fits. */
export const routeOf = (url: string): string => PATTERNS.find(([pattern]) => pattern.test(url.split(/[?#]/)[0] ?? ""))?.[1] ?? "other";

/** The words of Graph's addresses that are no value of anybody's. */
const GRAPH_WORDS = new Set([
  ...["applications", "servicePrincipals", "oauth2PermissionGrants", "appRoleAssignments", "appRoleAssignedTo", "addPassword"],
  ...["removePassword", "federatedIdentityCredentials", "organization", "users", "groups", "me", "$batch", "calendar", "calendars"],
  ...["messages", "events", "mailFolders", "presence", "subscribedSkus", "directory", "deletedItems"],
]);
/** An address of Graph with every value left out. */
export const graphRouteOf = (path: string): string =>
  (path.split("?")[0] ?? "")
    .split("/")
    .map((part) => {
      const [, word = "", key] = /^([$\w]*)(\(.*\))?$/.exec(part) ?? [];
      return part === "" ? "" : GRAPH_WORDS.has(word) ? `${word}${key ? "({})" : ""}` : "{}";
    })
    .join("/");

function attributesOf(name: Name, { method, path, status, onboardingId, runId, requestId, kind, outcome }: TraceFacts) {
  const word = (value: string | undefined) => (value && WORD.test(value) ? value : undefined);
  const id = (value: string | undefined) => (value && ID.test(value) ? value : undefined);
  const all = {
    "http.request.method": METHODS.find((each) => each === method),
    "http.route": path === undefined ? undefined : name === "graph" ? graphRouteOf(path) : routeOf(path),
    "http.response.status_code": Number.isInteger(status) ? status : undefined,
    "vestibule.onboarding": id(onboardingId),
    "vestibule.run": id(runId),
    "ms.request_id": id(requestId),
    "vestibule.kind": word(kind),
    "vestibule.outcome": word(outcome),
  };
  return Object.fromEntries(Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}

/** Next's bundles and the server load this file once each; they share what is here. */
const processWide = globalThis as { vestibuleTracing?: { tracer: Tracer; current: AsyncLocalStorage<Span> } };

/** Begins to trace to a collector, such as `http://localhost:4318`. Gives what sends the rest and ends it. */
export async function startTracing(endpoint: string | undefined): Promise<() => Promise<void>> {
  if (!endpoint) return async () => undefined;
  const [{ BatchSpanProcessor, TracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": "vestibule" }),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, "")}/v1/traces` }) })],
  });
  processWide.vestibuleTracing = { tracer: provider.getTracer("vestibule"), current: new AsyncLocalStorage() };
  return async () => {
    delete processWide.vestibuleTracing;
    await provider.shutdown();
  };
}

/** Does the work inside a span, when somebody wants traces. `learn` adds what is known only later. */
export async function traced<T>(name: Name, facts: TraceFacts, work: (learn: (facts: TraceFacts) => void) => Promise<T>): Promise<T> {
  const tracing = processWide.vestibuleTracing;
  if (!tracing) return work(() => undefined);
  const parent = tracing.current.getStore();
  const kind = { request: SpanKind.SERVER, graph: SpanKind.CLIENT, run: SpanKind.INTERNAL, errand: SpanKind.CONSUMER }[name];
  const within = parent ? trace.setSpan(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  const span = tracing.tracer.startSpan(name, { kind, attributes: attributesOf(name, facts) }, within);
  try {
    return await tracing.current.run(span, () => work((more) => void span.setAttributes(attributesOf(name, more))));
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}
