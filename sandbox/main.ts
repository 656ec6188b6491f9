// Entra ID, Microsoft Graph and a mail server played by one process, for the demo and the tests.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { html } from "hono/html";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import { entra } from "./entra.ts";
import { answer, batch, type Caller, challenge, errorBody, wireFault } from "./graph.ts";
import { page } from "./page.ts";
import { switchboard } from "./switchboard.ts";
import { verify } from "./tokens.ts";
import { newWorld, ROLE_NAME } from "./world.ts";

const port = Number(process.env.SANDBOX_PORT ?? 4400);
const mailPort = Number(process.env.SANDBOX_MAIL_PORT ?? port + 1);
const origin = `http://localhost:${port}`;
const portal = {
  clientId: process.env.PORTAL_CLIENT_ID ?? "",
  clientSecret: process.env.PORTAL_CLIENT_SECRET ?? "",
  origin: process.env.PORTAL_ORIGIN ?? "http://localhost:3000",
};

let world = newWorld(portal);
type Mail = { id: number; at: string; from: string; to: string[]; subject: string; text: string; html: string };
/** The mail server takes nothing for the moment. */
let isMailDown = false;
const mails: Mail[] = [];

const app = new Hono();
app.route(
  "/",
  entra(() => world, origin),
);

/** Who calls; or the claims that the caller's next sign-in has to bring, when the token was ended early. */
async function callerOf(header: string | undefined): Promise<Caller | { revoked: boolean } | null> {
  const token = header?.replace(/^Bearer /, "") ?? "";
  const claims = await verify(token);
  const tenant = world.tenants.find(({ id }) => id === claims?.tid);
  if (!claims || !tenant || claims.aud !== origin) return null;
  const isApp = claims.idtyp === "app";
  const isCapable = ((claims.xms_cc as string[] | undefined) ?? []).includes("cp1");
  const user = tenant.users.find(({ id }) => id === claims.oid);
  if (user && Number(claims.xms_at) < user.tokensValidFrom) return { revoked: isCapable };
  return {
    tenant,
    appId: String(claims.appid),
    userId: isApp ? null : String(claims.oid),
    scopes: new Set(String(claims.scp ?? "").split(" ")),
    roles: new Set((claims.roles as string[] | undefined) ?? []),
    wids: new Set((claims.wids as string[] | undefined) ?? []),
    acrs: new Set((claims.acrs as string[] | undefined) ?? []),
    isCapable,
  };
}
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

app.all("/v1.0/*", async (c) => {
  const startedAt = Date.now();
  const url = new URL(c.req.url);
  const path = url.pathname.replace(/^\/v1\.0/, "");
  const { method } = c.req;
  if (world.latency.graphMs > 0) await later(world.latency.graphMs);
  const socket = (c.env as { incoming?: { socket: { destroy(): void } } }).incoming?.socket;
  const hangUp = () => {
    socket?.destroy();
    return c.body(null, 500);
  };
  const caller = await callerOf(c.req.header("authorization"));
  const clientRequestId = c.req.header("client-request-id");
  const requestId = crypto.randomUUID();
  const traced = { "request-id": requestId, ...(clientRequestId ? { "client-request-id": clientRequestId } : {}) };
  if (!caller || "revoked" in caller) {
    const message = c.req.header("authorization") ? "Access token validation failure. Invalid audience." : "Access token is empty.";
    const claims = JSON.stringify({ access_token: { nbf: { essential: true, value: String(Math.floor(Date.now() / 1000)) } } });
    const failure = caller?.revoked ? challenge(origin, claims, "TokenIssuedBeforeRevocationTimestamp") : null;
    return c.json(errorBody("InvalidAuthenticationToken", failure?.message ?? message, requestId, clientRequestId ?? requestId), 401, {
      ...traced,
      ...failure?.headers,
    });
  }
  const { tenant } = caller;
  const wire = wireFault(world, tenant, method, path);
  const logged = (status: number, members = 1) => {
    world.requests.push({
      tenant: tenant.domains[0]!,
      by: caller.userId ? "user" : "application",
      method,
      path,
      members,
      startedAt,
      endedAt: Date.now(),
      status,
    });
    if (world.requests.length > 50_000) world.requests.splice(0, 10_000);
  };
  /** Never answers; whoever asks has to die or to lose patience. */
  const hold = async () => {
    world.held.push({ tenant: tenant.domains[0]!, request: tenant.counts.requests, method, path });
    await new Promise<void>((resolve) => c.req.raw.signal.addEventListener("abort", () => resolve()));
    return hangUp();
  };
  if (wire?.delayMs) await later(wire.delayMs);
  if (wire?.reset === "before") return hangUp();
  if (wire?.hold?.when === "before") return hold();
  if (wire?.text !== undefined) return c.text(wire.text);
  const text = await c.req.text();
  let body: Record<string, unknown> | null = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    return c.json(errorBody("BadRequest", "Unable to read JSON request payload.", requestId, clientRequestId ?? requestId), 400, traced);
  }
  const headers = Object.fromEntries(c.req.raw.headers);
  const members = path === "/$batch" ? (((body ?? {}) as { requests?: unknown[] }).requests?.length ?? 0) : 1;
  const result =
    path === "/$batch" && method === "POST"
      ? batch(
          world,
          origin,
          caller,
          (body ?? {}) as { requests?: Record<string, unknown>[] },
          wire?.reset === "middle" ? Math.ceil(members / 2) : undefined,
        )
      : answer(world, origin, caller, { method, path: decodeURI(path), query: url.searchParams, headers, body });
  logged(result.status, members);
  if (wire?.hold?.when === "after") return hold();
  if (wire?.reset === "after" || wire?.reset === "middle") return hangUp();
  return result.body === undefined
    ? c.body(null, result.status as 204, result.headers)
    : c.json(result.body as object, result.status as 200, { "OData-Version": "4.0", ...traced, ...result.headers });
});

app.route(
  "/",
  switchboard(
    () => world,
    () => {
      world = newWorld(portal);
      mails.length = 0;
      isMailDown = false;
    },
  ),
);

app.get("/_mailbox/api", (c) => c.json(mails));
app.delete("/_mailbox/api", (c) => {
  mails.length = 0;
  return c.json([]);
});
/** One mail as a mail program shows it. */
app.get("/_mailbox/:id", (c) => c.html(mails.find(({ id }) => id === Number(c.req.param("id")))?.html ?? ""));
app.post("/_sandbox/mail", async (c) => {
  ({ down: isMailDown = false } = (await c.req.json()) as { down?: boolean });
  return c.json({ down: isMailDown });
});
const linked = (text: string) =>
  text.split(/(https?:\/\/\S+)/).map((part) => (/^https?:/.test(part) ? html`<a href="${part}">${part}</a>` : part));
app.get("/_mailbox", (c) =>
  c.html(
    page(
      "Mailbox",
      html`<p>Every mail that the portal sent, newest first. <a href="/_mailbox">Reload</a></p>
      ${mails.length === 0 ? html`<p>No mail yet.</p>` : ""}
      ${mails.toReversed().map((mail) => html`<article><h2>${mail.subject}</h2><p class="note">to ${mail.to.join(", ")} · from ${mail.from} · ${mail.at} · <a href="/_mailbox/${mail.id}">as a mail program shows it</a></p><pre>${linked(mail.text)}</pre></article>`)}`,
    ),
  ),
);
app.get("/", (c) =>
  c.html(
    page(
      "Sandbox",
      html`<p>Plays Entra ID and Microsoft Graph for <a href="${portal.origin}">${portal.origin}</a>. Mail arrives in the <a href="/_mailbox">mailbox</a>; policies, lag and faults are switched at the <a href="/_sandbox">switchboard</a>; the state is at <a href="/_sandbox/state">/_sandbox/state</a>.</p>
      ${world.tenants.map(
        (tenant) => html`<h2>${tenant.displayName} <span class="note">${tenant.domains.join(", ")} · ${tenant.id}</span></h2>
      <ul>${tenant.users.map((user) => html`<li>${user.userPrincipalName} <span class="note">${[...user.wids.map((wid) => ROLE_NAME[wid]).filter(Boolean), ...user.portalRoles].join(", ") || "no role"}</span></li>`)}</ul>`,
      )}`,
    ),
  ),
);

const smtp = new SMTPServer({
  authOptional: true,
  disabledCommands: ["STARTTLS"],
  // Addresses that begin with "reject" play a mailbox that does not exist.
  onRcptTo({ address }, _session, done) {
    if (isMailDown) return done(Object.assign(new Error("Try again later"), { responseCode: 451 }));
    done(address.startsWith("reject") ? Object.assign(new Error("No such mailbox"), { responseCode: 550 }) : null);
  },
  onData(stream, _session, done) {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", async () => {
      const mail = await PostalMime.parse(Buffer.concat(chunks));
      mails.push({
        id: mails.length + 1,
        at: new Date().toISOString(),
        from: mail.from?.address ?? "",
        to: (mail.to ?? []).map(({ address }) => address ?? ""),
        subject: mail.subject ?? "",
        text: mail.text ?? "",
        html: mail.html ?? "",
      });
      done();
    });
  },
});
smtp.on("error", () => {}); // a client that hangs up in the middle is not the server's end
smtp.listen(mailPort, "127.0.0.1");
const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, () =>
  console.log(`Sandbox on ${origin}, mail on smtp://127.0.0.1:${mailPort}`),
);
// As Microsoft's: an idle connection is not closed under a client that is about to use it.
if ("keepAliveTimeout" in server) server.keepAliveTimeout = 75_000;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    server.close();
    smtp.close();
    process.exit(0);
  });
