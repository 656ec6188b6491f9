import { config } from "./config.ts";
import type { Refusal } from "./outcome.ts";

const NO_STORE = { "cache-control": "no-store" };
export const json = (body: unknown, status = 200) => Response.json(body, { status, headers: NO_STORE });
const secondsUntil = (at: Date) => String(Math.max(1, Math.ceil((at.getTime() - Date.now()) / 1000)));
/** What an answer says of a refusal; with `Retry-After` when it will be over by itself. */
export const refusalAnswer = ({ code, status, message, retryAt }: Refusal) => ({
  status,
  body: { code, message, ...(retryAt ? { retryAt } : {}) },
  headers: retryAt ? { "retry-after": secondsUntil(retryAt) } : {},
});
export function refusalAsJson(refusal: Refusal): Response {
  const { status, body, headers } = refusalAnswer(refusal);
  return Response.json(body, { status, headers: { ...NO_STORE, ...headers } });
}

/** A published JSON Schema: editors of other origins may read it. */
export const schemaAnswer = (schema: unknown) =>
  new Response(JSON.stringify(schema, null, 2), {
    headers: {
      "content-type": "application/schema+json; charset=utf-8",
      "access-control-allow-origin": "*",
      "cache-control": "public, max-age=3600",
    },
  });

/** As much of a request as is read here. */
export type Asked = {
  headers: { get(name: string): string | null };
  body?: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  text(): Promise<string>;
};

export const FOREIGN = {
  status: 403,
  body: { code: "http.foreign-origin", message: "This request did not come from the portal." },
} as const;
/** Whether a state change comes from another page than this portal's (OWASP: verifying origin). */
export function isForeign({ headers }: Pick<Asked, "headers">): boolean {
  const site = headers.get("sec-fetch-site");
  return headers.get("origin") !== new URL(config().BASE_URL).origin || (site !== null && site !== "same-origin");
}

export const BODY_AT_MOST = 16_384;

/** The text of a body of at most 16 kB; of more, nothing further is read. */
async function textOf(request: Asked): Promise<string | null> {
  if (!request.body) return request.text();
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of request.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > BODY_AT_MOST) return null;
  }
  return text;
}

/** The JSON object of a request of at most 16 kB; null for anything else. */
export async function jsonObject(request: Asked): Promise<Record<string, unknown> | null> {
  if (!request.headers.get("content-type")?.startsWith("application/json")) return null;
  const text = await textOf(request);
  if (text === null || text.length > BODY_AT_MOST) return null;
  try {
    // PostgreSQL takes no text that holds the character 0.
    const value: unknown = JSON.parse(text.replaceAll("\\u0000", ""));
    return value && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Set by the server itself on every request (server/main.ts); whatever a client sends under this name is overwritten. */
export const CLIENT_ADDRESS = "x-vestibule-client-address";

/** Somebody without an account: their address, and the little of them that receipts keep. */
export type Visitor = { address: string; network: string; browser: string };

/** The address cut to its network: /24 of IPv4, /48 of IPv6. */
export function networkOf(address: string): string {
  const v4 = /(?:^|:)(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(address);
  if (v4) return `${v4[1]}.0/24`;
  const [head = ""] = address.toLowerCase().split("%");
  const [before = "", after] = head.split("::");
  const left = before.split(":").filter(Boolean);
  const right = after?.split(":").filter(Boolean) ?? [];
  const groups = after === undefined ? left : [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return groups.length === 8
    ? `${groups
        .slice(0, 3)
        .map((group) => group.replace(/^0+(?=.)/, ""))
        .join(":")}::/48`
    : "unknown";
}

const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/bot|crawl|spider|preview|scan|slurp|facebookexternalhit|headless|curl|wget|python|okhttp|go-http|axios|node/i, "a program"],
  [/Edg(e|A|iOS)?\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\/|FxiOS/, "Firefox"],
  [/Chrome\/|CriOS/, "Chrome"],
  [/Safari\//, "Safari"],
];
/** The family, no version: enough for an admin to say "that was not me". */
const browserOf = (agent: string) => BROWSERS.find(([pattern]) => pattern.test(agent))?.[1] ?? "another program";

export function visitorOf(request: Pick<Asked, "headers">): Visitor {
  const address = request.headers.get(CLIENT_ADDRESS) ?? "";
  return { address, network: networkOf(address), browser: browserOf(request.headers.get("user-agent") ?? "") };
}

/**
 * Who a request comes from: the peer itself, or, behind `proxies` reverse proxies of one's own, what the outermost of them
 * wrote into X-Forwarded-For. Entries further left are the client's own words.
 */
export function clientAddress(peer: string, forwardedFor: string | undefined, proxies: number): string {
  const hops = (forwardedFor ?? "")
    .split(",")
    .map((hop) => hop.trim())
    .filter(Boolean);
  return (proxies > 0 && hops.at(-proxies)) || peer;
}
