// Entra ID, Microsoft Graph and a mail server played by one process, for the demo and the tests.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { html } from "hono/html";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import { entra } from "./entra.ts";
import { answer, batch, type Caller, errorBody, takeFault } from "./graph.ts";
import { page } from "./page.ts";
import { verify } from "./tokens.ts";
import { allUsers, type Fault, newWorld, ROLE_NAME } from "./world.ts";

const port = Number(process.env.SANDBOX_PORT ?? 4400);
const mailPort = Number(process.env.SANDBOX_MAIL_PORT ?? port + 1);
const origin = `http://localhost:${port}`;
const portal = {
  clientId: process.env.PORTAL_CLIENT_ID ?? "",
  clientSecret: process.env.PORTAL_CLIENT_SECRET ?? "",
  origin: process.env.PORTAL_ORIGIN ?? "http://localhost:3000",
};

let world = newWorld(portal);
type Mail = { id: number; at: string; from: string; to: string[]; subject: string; text: string };
const mails: Mail[] = [];

const app = new Hono();
app.route(
  "/",
  entra(() => world, origin),
);

async function callerOf(header: string | undefined): Promise<Caller | null> {
  const token = header?.replace(/^Bearer /, "") ?? "";
  for (const tenant of world.tenants) {
    const claims = await verify(tenant.id, token);
    if (!claims || claims.aud !== origin) continue;
    const isApp = claims.idtyp === "app";
    return {
      tenant,
      appId: String(claims.appid),
      userId: isApp ? null : String(claims.oid),
      scopes: new Set(String(claims.scp ?? "").split(" ")),
      roles: new Set((claims.roles as string[] | undefined) ?? []),
      wids: new Set((claims.wids as string[] | undefined) ?? []),
    };
  }
  return null;
}

app.all("/v1.0/*", async (c) => {
  const url = new URL(c.req.url);
  const path = url.pathname.replace(/^\/v1\.0/, "");
  const transport = takeFault(world, c.req.method, path, (fault) => fault.status === undefined);
  if (transport?.delayMs) await new Promise((resolve) => setTimeout(resolve, transport.delayMs));
  const socket = (c.env as { incoming?: { socket: { destroy(): void } } }).incoming?.socket;
  if (transport?.reset === "before") {
    socket?.destroy();
    return c.body(null, 500);
  }
  const caller = await callerOf(c.req.header("authorization"));
  const clientRequestId = c.req.header("client-request-id");
  if (!caller) {
    const requestId = crypto.randomUUID();
    const message = c.req.header("authorization") ? "Access token validation failure. Invalid audience." : "Access token is empty.";
    return c.json(errorBody("InvalidAuthenticationToken", message, requestId, clientRequestId ?? requestId), 401, {
      "request-id": requestId,
    });
  }
  const text = await c.req.text();
  let body: Record<string, unknown> | null = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    return c.json(errorBody("BadRequest", "Unable to read JSON request payload.", crypto.randomUUID(), clientRequestId ?? ""), 400);
  }
  const headers = Object.fromEntries(c.req.raw.headers);
  const result =
    path === "/$batch" && c.req.method === "POST"
      ? batch(world, origin, caller, (body ?? {}) as { requests?: Record<string, unknown>[] })
      : answer(world, origin, caller, { method: c.req.method, path: decodeURI(path), query: url.searchParams, headers, body });
  if (transport?.reset === "after") {
    socket?.destroy();
    return c.body(null, 500);
  }
  return result.body === undefined
    ? c.body(null, result.status as 204, result.headers)
    : c.json(result.body as object, result.status as 200, { "OData-Version": "4.0", ...result.headers });
});

// The switchboard: what docs/sandbox.md describes.
app.get("/_sandbox/health", (c) => c.json({ ok: true }));
app.get("/_sandbox/state", (c) =>
  c.json({
    ...world,
    tenants: world.tenants.map((tenant) => ({
      ...tenant,
      servicePrincipals: tenant.servicePrincipals.map(({ permissions, ...sp }) => ({ ...sp, permissions: permissions.length })),
      applications: tenant.applications.map(({ passwords, ...application }) => ({
        ...application,
        passwords: passwords.map(({ secret: _, ...password }) => password),
      })),
    })),
  }),
);
app.post("/_sandbox/reset", (c) => {
  world = newWorld(portal);
  mails.length = 0;
  return c.json({ ok: true });
});
app.post("/_sandbox/lag", async (c) => {
  const { minMs, maxMs } = await c.req.json<{ minMs: number; maxMs: number }>();
  world.lag = { minMs, maxMs };
  return c.json(world.lag);
});
app.post("/_sandbox/faults", async (c) => {
  const fault = await c.req.json<Fault>();
  world.faults.push(fault);
  return c.json({ faults: world.faults });
});
app.delete("/_sandbox/faults", (c) => {
  world.faults = [];
  return c.json({ faults: [] });
});
app.post("/_sandbox/tenants/:domain/permissions/remove", async (c) => {
  const { value } = await c.req.json<{ value: string }>();
  const tenant = world.tenants.find(({ domains }) => domains.includes(c.req.param("domain")));
  for (const sp of tenant?.servicePrincipals ?? []) sp.permissions = sp.permissions.filter((permission) => permission.value !== value);
  return c.json({ ok: Boolean(tenant) });
});
app.post("/_sandbox/users/:upn/roles", async (c) => {
  const { wids } = await c.req.json<{ wids: string[] }>();
  const found = allUsers(world).find(({ user }) => user.userPrincipalName === c.req.param("upn"));
  if (found) found.user.wids = wids;
  return c.json({ ok: Boolean(found) });
});

app.get("/_mailbox/api", (c) => c.json(mails));
app.delete("/_mailbox/api", (c) => {
  mails.length = 0;
  return c.json([]);
});
const linked = (text: string) =>
  text.split(/(https?:\/\/\S+)/).map((part) => (/^https?:/.test(part) ? html`<a href="${part}">${part}</a>` : part));
app.get("/_mailbox", (c) =>
  c.html(
    page(
      "Mailbox",
      html`<p>Every mail that the portal sent, newest first. <a href="/_mailbox">Reload</a></p>
      ${mails.length === 0 ? html`<p>No mail yet.</p>` : ""}
      ${mails.toReversed().map((mail) => html`<article><h2>${mail.subject}</h2><p class="note">to ${mail.to.join(", ")} · from ${mail.from} · ${mail.at}</p><pre>${linked(mail.text)}</pre></article>`)}`,
    ),
  ),
);
app.get("/", (c) =>
  c.html(
    page(
      "Sandbox",
      html`<p>Plays Entra ID and Microsoft Graph for <a href="${portal.origin}">${portal.origin}</a>. Mail arrives in the <a href="/_mailbox">mailbox</a>; the state is at <a href="/_sandbox/state">/_sandbox/state</a>.</p>
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
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    server.close();
    smtp.close();
    process.exit(0);
  });
