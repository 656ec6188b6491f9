/**
 * Requests to addresses that somebody else named. They reach public addresses only, as the name resolves at the moment of
 * connecting (so a name that changes in between gains nothing), follow no redirect, and read little of the answer
 * (OWASP: Server-Side Request Forgery Prevention).
 */
import { lookup } from "node:dns/promises";
import { request as http } from "node:http";
import { request as https } from "node:https";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { config } from "./config.ts";
import { accept, type Outcome, refuse } from "./outcome.ts";

/** Whether an IP address is one of the public internet: not private, loopback, link-local, reserved, or a way to write one of those in IPv6. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv6") {
    const v6 = parsed as ipaddr.IPv6;
    // NAT64 and 6to4 carry an IPv4 address, which may be any.
    if (["rfc6052", "6to4", "teredo", "rfc6145"].includes(v6.range())) return false;
  }
  return parsed.range() === "unicast";
}

/** Hosts that the operator lets webhooks reach although they are not public, such as a relay in the same network. */
const isAllowed = (hostname: string) => config().WEBHOOK_PRIVATE_HOSTS.includes(hostname.toLowerCase());

const refused = (message: string) => refuse({ code: "outbound.refused", status: 422, message } as const);

/** Whether such an address may be called: what can be said before any name is looked up. */
export function checkTarget(text: string): Outcome<URL> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url) return refused("This is not an address. It looks like https://hooks.example.com/vestibule.");
  const isOwn = isAllowed(url.hostname);
  if (url.protocol !== "https:" && !(isOwn && url.protocol === "http:")) return refused("The address has to start with https://.");
  if (url.username || url.password) return refused("Leave user name and password out of the address; messages are signed.");
  if (url.hash) return refused("Leave out # and what follows.");
  if (text.length > 1000) return refused("The address has at most 1,000 characters.");
  const bare = url.hostname.replace(/^\[|\]$/g, "");
  if (
    !isOwn &&
    (ipaddr.isValid(bare) ? !isPublicAddress(bare) : !/\.[a-z0-9-]+$/i.test(bare) || /\.(localhost|local|internal)$/i.test(bare))
  )
    return refused(
      "This address is not on the public internet. The operator can allow a host of your own network (WEBHOOK_PRIVATE_HOSTS).",
    );
  return accept(url);
}

const NOT_PUBLIC = "NOT_PUBLIC";
/** Resolves a name, and fails when any of its addresses is not public: a name with one of each is up to something. */
const publicLookup: LookupFunction = (hostname, options, done) => {
  void lookup(hostname, { all: true, verbatim: true })
    .then((found) => {
      if (!isAllowed(hostname) && found.some(({ address }) => !isPublicAddress(address)))
        throw Object.assign(new Error("It resolves to an address that is not on the public internet"), { code: NOT_PUBLIC });
      const [first] = found;
      if (!first) throw new Error("It resolves to nothing");
      if (options.all) done(null, found);
      else done(null, first.address, first.family);
    })
    .catch((error: NodeJS.ErrnoException) => done(error, "", 0));
};

const WORDS: Record<string, string> = {
  ENOTFOUND: "The host name does not exist.",
  EAI_AGAIN: "The host name could not be resolved now.",
  ECONNREFUSED: "Nothing listens there.",
  ECONNRESET: "The connection was closed without an answer.",
  ETIMEDOUT: "No answer within ten seconds.",
  [NOT_PUBLIC]: "The host name resolves to an address that is not on the public internet.",
};
const TIMEOUT_MS = 10_000;

/** Posts, and says what was answered. Never throws; the answer's body is not kept. */
export function postOutside(
  text: string,
  body: string,
  headers: Record<string, string>,
): Promise<{ status: number; error?: undefined } | { status: null; error: string }> {
  const target = checkTarget(text);
  if (!target.ok) return Promise.resolve({ status: null, error: target.refusal.message });
  const url = target.value;
  return new Promise((resolve) => {
    const send = url.protocol === "https:" ? https : http;
    const request = send(url, {
      method: "POST",
      lookup: publicLookup,
      agent: false,
      headers: {
        "content-type": "application/json",
        "user-agent": "Vestibule-Webhooks",
        "content-length": String(Buffer.byteLength(body)),
        ...headers,
      },
    });
    const patience = setTimeout(() => request.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" })), TIMEOUT_MS);
    const end = (answer: Awaited<ReturnType<typeof postOutside>>) => {
      clearTimeout(patience);
      resolve(answer);
    };
    request.on("response", (response) => {
      const { statusCode = 0 } = response;
      // The answer counts by its status alone: whatever else is sent is not waited for.
      response.destroy();
      end({ status: statusCode });
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      const code = error.code ?? "";
      end({
        status: null,
        error: WORDS[code] ?? (/CERT|SSL|TLS/i.test(code) ? `The certificate was not accepted (${code}).` : "The connection failed."),
      });
    });
    request.end(body);
  });
}
