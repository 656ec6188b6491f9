/**
 * The portal's process: checks the settings, runs errands, and serves. A handoff's page and its calls are answered here;
 * everything else is Next's.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import { constants } from "node:zlib";
import compression from "compression";
import next from "next";
import sirv from "sirv";
import * as catalogue from "../lib/catalogue/catalogue.ts";
import { config } from "../lib/config.ts";
import { CLIENT_ADDRESS, clientAddress } from "../lib/http.ts";
import { log } from "../lib/log.ts";
import { settledRestore } from "../lib/operator/restored.ts";
import { startTracing, traced } from "../lib/trace.ts";
import { startErrands } from "./errands.ts";
import { stopAtGate } from "./gate.ts";
import { isHandoff, serveHandoff } from "./handoff.ts";
import { ALWAYS, OF_PAGES, pagePolicy } from "./headers.ts";
import { paintedFirst, shapePages } from "./markup.ts";

try {
  config();
  catalogue.listProducts();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

// Links that were opened since a backup was made must not open again.
await settledRestore();
if (config().ERRANDS === "here")
  startErrands().catch((error: unknown) => log().failed("Errands (mail, expiry, reminders) do not run in this process", error));

// One request, one errand or one mail that goes wrong in an unforeseen way does not end everybody else's.
process.on("unhandledRejection", (error) => log().failed("Unforeseen", error));

const { HOST, PORT, TRUSTED_PROXIES } = config();
// The folder of the build has no next.config.ts: as Next's own server.js does, it goes by what the build was made with.
process.env.__NEXT_PRIVATE_STANDALONE_CONFIG = JSON.stringify(
  (JSON.parse(readFileSync(".next/required-server-files.json", "utf8")) as { config: object }).config,
);
// Where an action leads to another page, Next reads that page here and sends it along. It would take the scheme that the proxy
// was asked with for its own, fail, and leave a second round trip to the browser.
process.env.__NEXT_PRIVATE_ORIGIN = `http://${["0.0.0.0", "::"].includes(HOST) ? "localhost" : HOST}:${PORT}`;
const portal = next({ dev: false, hostname: HOST, port: PORT });
await portal.prepare();
const pages = portal.getRequestHandler();

/** Pages are small: a window of 256 kB packs them as well as one of 4 MB, which would be made anew for each. Events go out as they come. */
const compress = compression({
  brotli: { params: { [constants.BROTLI_PARAM_QUALITY]: 3, [constants.BROTLI_PARAM_LGWIN]: 18 } },
  filter: (request, response) =>
    !String(response.getHeader("content-type")).startsWith("text/event-stream") && compression.filter(request, response),
});
/** Packed when they were built, and named after what they contain. */
const parts = sirv(".next/static", { immutable: true, maxAge: 31_536_000, brotli: true, gzip: true });
const PARTS = "/_next/static/";
const LET_PASS = 5_000_000;
const stopTracing = await startTracing(config().OTEL_EXPORTER_OTLP_ENDPOINT);
const server = createServer({ connectionsCheckingInterval: 2000 }, (request, response) =>
  traced("request", { method: request.method ?? "", path: request.url ?? "" }, async (learn) => {
    const over = new Promise((resolve) => response.once("close", resolve));
    await answer(request, response);
    await over;
    learn({ status: response.statusCode });
  }),
);
async function answer(request: IncomingMessage, response: ServerResponse) {
  const forwarded = request.headers["x-forwarded-for"];
  // Whatever a client sends under this name is overwritten.
  const address = clientAddress(request.socket.remoteAddress ?? "", [forwarded].flat().join(","), TRUSTED_PROXIES);
  request.headers[CLIENT_ADDRESS] = address;
  request.rawHeaders.push(CLIENT_ADDRESS, address);
  const stopped = await stopAtGate(request, address).catch((error: unknown) => {
    // Without the database nothing can be counted; whatever needs it says so itself.
    log().failed("The gate could not count", error);
    return null;
  });
  if (stopped) {
    // What was announced is not read. A client that is still sending would not read the answer either, so a little is let pass.
    if (Number(request.headers["content-length"]) <= LET_PASS) await finished(request.resume()).catch(() => undefined);
    response.writeHead(stopped.status, {
      ...ALWAYS,
      ...stopped.headers,
      "content-type": "application/json",
      "cache-control": "no-store",
      connection: "close",
    });
    return void response.end(JSON.stringify(stopped.body));
  }
  if (isHandoff(request.url ?? "")) return void serveHandoff(request, response);
  if (request.url?.startsWith(PARTS)) {
    response.setHeaders(new Headers(ALWAYS));
    request.url = request.url.slice(PARTS.length - 1);
    return void parts(request, response);
  }
  const nonce = randomBytes(16).toString("base64");
  const contentSecurityPolicy = pagePolicy(nonce);
  // Next finds the nonce in here and gives it to its own scripts (its guide "Content Security Policy").
  request.headers["content-security-policy"] = contentSecurityPolicy;
  response.setHeaders(new Headers({ ...OF_PAGES, "content-security-policy": contentSecurityPolicy }));
  type Asked = Parameters<typeof compress>;
  compress(request as Asked[0], response as Asked[1], () => {
    // A page is whole before its first byte goes out; sent in pieces it would be packed in pieces.
    Object.assign(response, { flush: () => undefined });
    shapePages(response, (html) => paintedFirst(html, nonce));
    void pages(request, response);
  });
}
// Whoever sends a request in drops holds a connection and nothing else, and not for long.
server.headersTimeout = 10_000;
server.requestTimeout = 30_000;
// Longer than any balancer keeps an idle connection: whoever closes first must be the one that opens.
server.keepAliveTimeout = 75_000;
server.listen(PORT, HOST);
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    server.close(() => void stopTracing().finally(() => process.exit(0)));
    server.closeAllConnections();
  });
