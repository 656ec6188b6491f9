// What docs/sandbox.md describes: everything about the sandbox that a test or a demonstration may switch.
import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { html } from "hono/html";
import type { Fault } from "./faults.ts";
import { page } from "./page.ts";
import {
  addTenant,
  allUsers,
  assignRole,
  consent,
  type Kind,
  newApplication,
  newSecretText,
  type PasswordCredential,
  type Policies,
  ROLE,
  ROLE_NAME,
  removeServicePrincipal,
  type Tenant,
  tenantNamed,
  type World,
} from "./world.ts";

const LAG_KINDS: Kind[] = ["application", "servicePrincipal", "appRoleAssignment", "grant", "secret"];

/** A drift that somebody in the tenant caused, on the application of this id or of this name. */
type Drift = {
  kind:
    | "remove-grant"
    | "remove-role"
    | "add-scope"
    | "add-redirect-uri"
    | "delete-service-principal"
    | "delete-application"
    | "remove-credential"
    | "add-credential"
    | "disable-service-principal"
    | "age-credentials";
  appId?: string;
  value?: string;
};

function drift(tenant: Tenant, { kind, appId, value = "" }: Drift): boolean {
  const application = appId ? tenant.applications.find((candidate) => candidate.appId === appId) : tenant.applications.all()[0];
  const sp = application && tenant.servicePrincipals.find((candidate) => candidate.appId === application.appId);
  if (!application) return false;
  switch (kind) {
    case "remove-grant":
      for (const grant of tenant.grants.all()) if (grant.clientId === sp?.id) tenant.grants.remove(grant.id);
      return true;
    case "remove-role":
      for (const assignment of tenant.appRoleAssignments.all()) {
        const resource = tenant.servicePrincipals.find(({ id }) => id === assignment.resourceId);
        const name = resource?.permissions.find(({ id }) => id === assignment.appRoleId)?.value;
        if (assignment.principalId === sp?.id && (!value || name === value)) tenant.appRoleAssignments.remove(assignment.id);
      }
      return true;
    case "add-scope":
      for (const grant of tenant.grants.all())
        if (grant.clientId === sp?.id) tenant.grants.put({ ...grant, scope: `${grant.scope} ${value}`.trim() });
      return true;
    case "add-redirect-uri":
      tenant.applications.put({ ...application, web: { redirectUris: [...application.web.redirectUris, value] } });
      return true;
    case "delete-service-principal":
      if (sp) removeServicePrincipal(tenant, sp);
      return Boolean(sp);
    case "delete-application":
      tenant.applications.remove(application.id);
      if (sp) removeServicePrincipal(tenant, sp);
      return true;
    case "remove-credential":
      tenant.applications.put({ ...application, passwords: [] });
      return true;
    case "add-credential":
      tenant.applications.put({ ...application, passwords: [...application.passwords, passwordOf(value || "Somebody's secret")] });
      return true;
    case "disable-service-principal":
      if (sp) tenant.servicePrincipals.put({ ...sp, accountEnabled: false });
      return Boolean(sp);
    case "age-credentials": {
      const endDateTime = new Date(Date.now() + Number(value) * 86_400_000).toISOString();
      tenant.applications.put({ ...application, passwords: application.passwords.map((each) => ({ ...each, endDateTime })) });
      return true;
    }
  }
}

/** A secret that somebody made in the admin centre. */
function passwordOf(displayName: string): PasswordCredential {
  const secret = newSecretText();
  const now = Date.now();
  return {
    ...{ keyId: randomUUID(), displayName, hint: secret.slice(0, 3), secret, usableAt: now },
    startDateTime: new Date(now).toISOString(),
    endDateTime: new Date(now + 180 * 86_400_000).toISOString(),
  };
}

/** A registration that people made by hand, with as many permissions as asked for. */
function madeByHand(
  tenant: Tenant,
  wish: {
    displayName: string;
    uniqueName?: string;
    tags?: string[];
    roles?: number;
    scopes?: string[];
    redirectUris?: string[];
    secrets?: number;
    /** Declared and granted, by name. */
    permissions?: { application?: string[]; delegated?: string[] };
    isFallbackPublicClient?: boolean;
    publicRedirectUris?: string[];
  },
) {
  const graph = tenant.servicePrincipals.find(({ displayName }) => displayName === "Microsoft Graph")!;
  const { application: roleNames = [], delegated = [] } = wish.permissions ?? {};
  const named = (kind: "Role" | "Scope", values: string[]) =>
    graph.permissions.filter((permission) => permission.kind === kind && values.includes(permission.value));
  const declared = [...named("Role", roleNames), ...named("Scope", delegated)].map(({ id, kind }) => ({ id, type: kind }));
  const application = tenant.applications.put(
    newApplication({
      displayName: wish.displayName,
      isFallbackPublicClient: wish.isFallbackPublicClient ?? null,
      publicClient: { redirectUris: wish.publicRedirectUris ?? [] },
      requiredResourceAccess: declared.length > 0 ? [{ resourceAppId: graph.appId, resourceAccess: declared }] : [],
      uniqueName: wish.uniqueName ?? null,
      tags: wish.tags ?? [],
      web: { redirectUris: wish.redirectUris ?? [] },
      passwords: Array.from({ length: wish.secrets ?? 0 }, () => passwordOf("Made by hand")),
    }),
    true,
  );
  const sp = tenant.servicePrincipals.put(
    { id: randomUUID(), appId: application.appId, displayName: wish.displayName, permissions: [], tags: [] },
    true,
  );
  const roles = graph.permissions.filter(({ kind }) => kind === "Role").slice(0, wish.roles ?? 0);
  for (const { id } of [...roles, ...named("Role", roleNames)]) assignRole(tenant, sp, graph, id);
  const scopes = [...(wish.scopes ?? []), ...delegated];
  if (scopes.length > 0) consent(tenant, sp, graph, null, scopes);
  return application;
}

const POLICY_WORDS: [keyof Policies, string, unknown, unknown][] = [
  ["secrets", "Client secrets are forbidden", "blocked", "allowed"],
  ["maxSecretDays", "Client secrets live at most 90 days", 90, null],
  ["userConsent", "Users may not consent", false, true],
  ["usersMayRegister", "Users may not register applications", false, true],
  ["assignmentRequired", "Only assigned users may use the portal", true, false],
  ["blockSignIn", "Conditional Access blocks the sign-in (AADSTS53003)", 53003, null],
  ["stepUp", "Conditional Access asks for more at the sign-in", "sign-in", null],
  ["stepUp", "Conditional Access asks for more when the portal wants a token", "token", null],
  ["stepUp", "Conditional Access asks for more in the middle of a run", "call", null],
];

/** `reset` makes a new world; everything else works on the one that `world` gives. */
export function switchboard(world: () => World, reset: () => void) {
  const app = new Hono();
  app.get("/_sandbox/health", (c) => c.json({ ok: true }));
  app.get("/_sandbox/state", (c) =>
    c.json({
      ...world(),
      requests: undefined,
      tenants: world().tenants.map((tenant) => ({
        ...tenant,
        servicePrincipals: tenant.servicePrincipals.all().map(({ permissions, ...sp }) => ({ ...sp, permissions: permissions.length })),
        applications: tenant.applications.all().map(({ passwords, ...application }) => ({
          ...application,
          passwords: passwords.map(({ secret: _, ...password }) => password),
        })),
      })),
    }),
  );
  app.get("/_sandbox/tenants/:domain", (c) => {
    const tenant = tenantNamed(world(), c.req.param("domain"));
    if (!tenant) return c.json({ ok: false }, 404);
    const own = tenant.applications.all();
    const sps = tenant.servicePrincipals.all();
    const named = (resourceId: string, permissionId: string) =>
      sps.find(({ id }) => id === resourceId)?.permissions.find(({ id }) => id === permissionId)?.value ?? permissionId;
    return c.json({
      id: tenant.id,
      displayName: tenant.displayName,
      counts: tenant.counts,
      policies: tenant.policies,
      users: tenant.users,
      applications: own.map(({ passwords, ...application }) => ({
        ...application,
        passwords: passwords.map(({ secret: _, ...password }) => password),
        servicePrincipals: sps
          .filter(({ appId }) => appId === application.appId)
          .map((sp) => ({
            id: sp.id,
            roles: tenant.appRoleAssignments
              .all()
              .filter(({ principalId }) => principalId === sp.id)
              .map(({ resourceId, appRoleId }) => named(resourceId, appRoleId))
              .sort(),
            grants: tenant.grants
              .all()
              .filter(({ clientId }) => clientId === sp.id)
              .map(({ consentType, scope }) => ({ consentType, scopes: scope.split(" ").filter(Boolean).sort() })),
          })),
      })),
    });
  });
  app.post("/_sandbox/reset", (c) => {
    reset();
    return c.json({ ok: true });
  });
  app.post("/_sandbox/lag", async (c) => {
    const { kind, minMs, maxMs } = await c.req.json<{ kind?: Kind; minMs: number; maxMs: number }>();
    for (const each of kind ? [kind] : LAG_KINDS) Object.assign(world().lag[each], { minMs, maxMs });
    return c.json(world().lag);
  });
  app.post("/_sandbox/latency", async (c) => {
    Object.assign(world().latency, await c.req.json<Partial<World["latency"]>>());
    return c.json(world().latency);
  });
  app.post("/_sandbox/faults", async (c) => {
    world().faults.push(await c.req.json<Fault>());
    return c.json({ faults: world().faults });
  });
  app.delete("/_sandbox/faults", (c) => {
    world().faults = [];
    world().chaos = null;
    return c.json({ faults: [] });
  });
  app.post("/_sandbox/chaos", async (c) => {
    world().chaos = await c.req.json<NonNullable<World["chaos"]>>();
    return c.json(world().chaos);
  });
  app.get("/_sandbox/held", (c) => c.json(world().held));
  app.get("/_sandbox/requests", (c) => {
    const name = c.req.query("tenant");
    return c.json(world().requests.filter(({ tenant }) => !name || tenant === name));
  });
  app.post("/_sandbox/tenants", async (c) => {
    const { domain, displayName } = await c.req.json<{ domain: string; displayName?: string }>();
    const { id, users } = addTenant(world(), domain, displayName);
    return c.json({ id, domain, users });
  });

  const onTenant = <T>(path: string, act: (tenant: Tenant, body: T) => unknown) =>
    app.post(`/_sandbox/tenants/:domain/${path}`, async (c) => {
      const tenant = tenantNamed(world(), c.req.param("domain"));
      return tenant ? c.json({ ok: true, result: act(tenant, await c.req.json<T>()) }) : c.json({ ok: false }, 404);
    });
  onTenant<Partial<Policies>>("policies", (tenant, change) => Object.assign(tenant.policies, change));
  onTenant<Drift>("drift", drift);
  onTenant<Parameters<typeof madeByHand>[1]>("applications", (tenant, wish) => madeByHand(tenant, wish).appId);
  // What an admin copies from the admin centre after "New client secret".
  onTenant<{ appId: string }>("secrets", (tenant, { appId }) => {
    const application = tenant.applications.find((each) => each.appId === appId);
    const password = passwordOf("Made by hand");
    if (application) tenant.applications.put({ ...application, passwords: [...application.passwords, password] }, true);
    return application ? password.secret : null;
  });
  app.post("/_sandbox/issuers", async (c) => {
    const { issuer, keys } = await c.req.json<{ issuer: string; keys: Record<string, unknown>[] }>();
    world().issuers[issuer] = { keys };
    return c.json({ ok: true });
  });
  onTenant<{ value: string }>("permissions/remove", (tenant, { value }) => {
    for (const sp of tenant.servicePrincipals.all())
      if (sp.permissions.some((permission) => permission.value === value))
        tenant.servicePrincipals.put({ ...sp, permissions: sp.permissions.filter((permission) => permission.value !== value) }, true);
  });
  onTenant<{ appId: string; licensed?: boolean }>("resources/remove", (tenant, { appId, licensed = false }) => {
    const sp = tenant.servicePrincipals.find((candidate) => candidate.appId === appId);
    if (sp) tenant.servicePrincipals.remove(sp.id, true);
    if (!licensed) tenant.licensed = tenant.licensed.filter((each) => each !== appId);
  });
  app.post("/_sandbox/users/:upn/roles", async (c) => {
    const { wids, revoke = false } = await c.req.json<{ wids: string[]; revoke?: boolean }>();
    const found = allUsers(world()).find(({ user }) => user.userPrincipalName === c.req.param("upn"));
    if (!found) return c.json({ ok: false }, 404);
    found.user.wids = wids;
    if (revoke) found.user.tokensValidFrom = Date.now();
    return c.json({ ok: true });
  });
  app.post("/_sandbox/users/:upn/revoke", (c) => {
    const found = allUsers(world()).find(({ user }) => user.userPrincipalName === c.req.param("upn"));
    if (found) found.user.tokensValidFrom = Date.now();
    return c.json({ ok: Boolean(found) });
  });

  // The same for people: forms instead of JSON.
  app.get("/_sandbox", (c) =>
    c.html(
      page(
        "Switchboard",
        html`<p>What the tenants do to the portal. Everything is forgotten at a <a href="/">restart</a>; the same switches as JSON stand in docs/sandbox.md.</p>
        ${world()
          .tenants.slice(1, 10)
          .map(
            (tenant) => html`<h2>${tenant.displayName}</h2>
          <form method="post" action="/_sandbox/switch"><input type="hidden" name="tenant" value="${tenant.domains[0]}">
          ${POLICY_WORDS.map(([name, words, on, off]) => {
            const isOn = tenant.policies[name] === on;
            return html`<button class="row" name="policy" value="${JSON.stringify([name, isOn ? off : on])}" aria-pressed="${isOn}">${isOn ? "☑" : "☐"} ${words}</button>`;
          })}
          </form>
          <h3>Directory roles</h3>
          <ul>${tenant.users.map(
            (
              user,
            ) => html`<li><form method="post" action="/_sandbox/switch"><input type="hidden" name="user" value="${user.userPrincipalName}">
            <b>${user.displayName}</b> <select name="role" aria-label="Role of ${user.displayName}">${["", ...Object.values(ROLE).filter((role) => role !== ROLE.member)].map((role) => html`<option value="${role}" ${user.wids.includes(role) || (role === "" && user.wids.length === 1) ? "selected" : ""}>${ROLE_NAME[role] ?? "no role"}</option>`)}</select>
            <button>Set</button> <button name="revoke" value="yes">Set and end all tokens</button></form></li>`,
          )}</ul>`,
          )}
        <h2>Microsoft</h2>
        <form method="post" action="/_sandbox/switch">
          <button class="row" name="lag" value="0">Replication: at once</button>
          <button class="row" name="lag" value="1500">Replication: up to 1.5 seconds</button>
          <button class="row" name="lag" value="10000">Replication: up to 10 seconds</button>
          <button class="row" name="chaos" value="${world().chaos ? "" : "0.25"}">${world().chaos ? "☑" : "☐"} A quarter of all Graph calls go wrong</button>
        </form>`,
      ),
    ),
  );
  app.post("/_sandbox/switch", async (c) => {
    const form = await c.req.parseBody();
    const tenant = tenantNamed(world(), String(form.tenant ?? ""));
    if (tenant && form.policy) {
      const [name, value] = JSON.parse(String(form.policy)) as [keyof Policies, never];
      Object.assign(tenant.policies, { [name]: value });
    }
    const found = allUsers(world()).find(({ user }) => user.userPrincipalName === form.user);
    if (found) {
      found.user.wids = form.role ? [String(form.role), ROLE.member] : [ROLE.member];
      if (form.revoke) found.user.tokensValidFrom = Date.now();
    }
    if (form.lag !== undefined)
      for (const kind of LAG_KINDS) Object.assign(world().lag[kind], { minMs: form.lag === "0" ? 0 : 200, maxMs: Number(form.lag) });
    if (form.chaos !== undefined) world().chaos = form.chaos ? { seed: 1, rate: Number(form.chaos) } : null;
    return c.redirect("/_sandbox");
  });
  return app;
}
