// Entra ID: sign-in, consent and the token endpoint, per tenant, with the AADSTS bodies that it really sends.
import { createHash, randomBytes, randomUUID, X509Certificate } from "node:crypto";
import { type Context, Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { html } from "hono/html";
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from "jose";
import { AADSTS, StsFailure } from "./aadsts.ts";
import { someReplica } from "./directory.ts";
import { takeFault } from "./faults.ts";
import { STEP_UP_CLAIMS, STEP_UP_CONTEXT } from "./graph.ts";
import { page } from "./page.ts";
import { jwks, sign, verify } from "./tokens.ts";
import {
  type Application,
  allUsers,
  assignRole,
  COMMAND_LINE,
  consent,
  consented,
  GRAPH_APP_ID,
  guidOf,
  newApplication,
  portalScope,
  ROLE,
  ROLE_NAME,
  type ServicePrincipal,
  type Tenant,
  tenantNamed,
  type User,
  type World,
} from "./world.ts";

const OIDC = ["openid", "profile", "offline_access", "email"];
const CONSENTERS: string[] = [
  ROLE.globalAdministrator,
  ROLE.privilegedRoleAdministrator,
  ROLE.applicationAdministrator,
  ROLE.cloudApplicationAdministrator,
];

type Request = {
  clientId: string;
  redirectUri: string;
  scope: string;
  state: string;
  nonce: string;
  challenge: string;
  responseMode: string;
  prompt: string;
  tenant: string;
  /** The claims request, as JSON. */
  claims: string;
  /** Set once multi-factor authentication was done. */
  isStrong?: boolean;
  /** Microsoft's admin consent page (`/v2.0/adminconsent`) instead of a sign-in. */
  isAdminConsent?: boolean;
};
type Code = Request & { userId: string; tenantId: string; usedAt?: number };
type Refresh = { userId: string; tenantId: string; clientId: string; isPublic: boolean; acrs: string[] };

const claimsOf = (text: string | undefined) => {
  try {
    return (
      (JSON.parse(text || "{}") as { access_token?: { acrs?: { value?: string }; xms_cc?: { values?: string[] } } }).access_token ?? {}
    );
  } catch {
    return {};
  }
};
const isCapable = (text: string | undefined) => claimsOf(text).xms_cc?.values?.some((value) => value.toLowerCase() === "cp1") === true;

export function entra(world: () => World, origin: string) {
  const app = new Hono();
  const requests = new Map<string, Request>();
  const codes = new Map<string, Code>();
  const refreshTokens = new Map<string, Refresh>();

  const findApplication = (clientId: string): { application: Application; home: Tenant } | null => {
    for (const home of world().tenants) {
      const application = home.applications.find(({ appId }) => appId === clientId);
      if (application) return { application, home };
    }
    if (clientId === COMMAND_LINE.clientId) {
      const publicClient = { redirectUris: [COMMAND_LINE.redirectUri] };
      return {
        application: newApplication({ appId: clientId, displayName: "Microsoft Graph Command Line Tools", publicClient }),
        home: world().tenants[0]!,
      };
    }
    return null;
  };
  /** On http://localhost any port will do, for a client at a terminal cannot choose its own (docs: reply-url, RFC 8252). */
  const isRegistered = (uris: readonly string[], uri: string) =>
    uris.includes(uri) || uris.includes(uri.replace(/^(http:\/\/localhost)(:\d+)?(\/)?$/, "$1"));
  const findUser = (userId: string) => allUsers(world()).find(({ user }) => user.id === userId);

  /** `https://host/User.Read`, `api://client/access` and a bare name all name a scope of some resource. */
  function parseScope(scope: string) {
    const graph: string[] = [];
    const own: string[] = [];
    const oidc: string[] = [];
    for (const item of scope.split(" ").filter(Boolean)) {
      if (OIDC.includes(item)) oidc.push(item);
      else if (item.startsWith("api://")) own.push(item.split("/").at(-1)!);
      else graph.push(item.startsWith("http") ? new URL(item).pathname.slice(1) : item);
    }
    return { graph, own, oidc };
  }

  function clientServicePrincipal(tenant: Tenant, application: Application): ServicePrincipal {
    let sp = tenant.servicePrincipals.find(({ appId }) => appId === application.appId);
    if (!sp) {
      sp = tenant.servicePrincipals.put(
        {
          id: guidOf(`${tenant.id}/sp/${application.appId}`),
          appId: application.appId,
          displayName: application.displayName,
          permissions: [portalScope(application.appId)],
        },
        true,
      );
    }
    return sp;
  }
  const graphOf = (tenant: Tenant) => tenant.servicePrincipals.find(({ appId }) => appId === GRAPH_APP_ID)!;

  /** What the request asks for and this user's tenant has not granted yet. */
  function missingConsent(tenant: Tenant, user: User, application: Application, scope: string) {
    const sp = tenant.servicePrincipals.find(({ appId }) => appId === application.appId);
    const { graph, own } = parseScope(scope);
    const held = sp ? consented(tenant, sp.id, graphOf(tenant).id, user.id) : new Set<string>();
    const heldOwn = sp ? consented(tenant, sp.id, sp.id, user.id) : new Set<string>();
    return {
      graph: graph.filter((value) => value !== ".default" && !held.has(value)),
      own: own.filter((value) => value !== ".default" && !heldOwn.has(value)),
    };
  }

  function redirectBack(c: Context, request: Request, parameters: Record<string, string>) {
    const target = new URL(request.redirectUri);
    // The admin consent page says that consent was given even when it says that it was not.
    const values = new URLSearchParams({
      ...(request.isAdminConsent ? { admin_consent: "True", tenant: request.tenant, scope: request.scope } : {}),
      ...parameters,
      state: request.state,
    });
    if (request.responseMode === "form_post")
      return c.html(
        page(
          "Back to the application",
          html`<form method="post" action="${request.redirectUri}">${[...values].map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<button>Continue</button></form><script>document.forms[0].submit()</script>`,
        ),
      );
    if (request.responseMode === "query") for (const [name, value] of values) target.searchParams.set(name, value);
    else target.hash = values.toString();
    return c.redirect(target.toString(), 302);
  }
  const sayAadsts = (number: number, message: string) =>
    `AADSTS${number}: ${message}\r\nTrace ID: ${randomUUID()}\r\nCorrelation ID: ${randomUUID()}\r\nTimestamp: ${new Date().toISOString().replace("T", " ").slice(0, 19)}Z`;

  const about = (request: Pick<Request, "clientId" | "tenant">, user?: User) => ({
    app: request.clientId,
    appName: findApplication(request.clientId)?.application.displayName ?? "",
    tenant: request.tenant,
    user: user?.userPrincipalName ?? "",
  });
  /** Back to the client with a refusal, in Entra's words. */
  function refuseSignIn(c: Context, id: string, request: Request, number: number, user?: User) {
    requests.delete(id);
    const { error } = AADSTS[number] ?? { error: "access_denied" };
    return redirectBack(c, request, {
      // The authorize endpoint says access_denied where the token endpoint asks for interaction.
      error: error === "interaction_required" ? "access_denied" : error,
      ...(number === 65004 ? { error_subcode: "cancel" } : {}),
      error_description: sayAadsts(number, new StsFailure(number, about(request, user)).message),
    });
  }

  app.get("/:tenant/v2.0/.well-known/openid-configuration", (c) => {
    const tenant = c.req.param("tenant");
    const isShared = ["organizations", "common"].includes(tenant);
    const base = `${origin}/${tenant}`;
    return c.json({
      issuer: `${origin}/${isShared ? "{tenantid}" : tenant}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      end_session_endpoint: `${base}/oauth2/v2.0/logout`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
      response_modes_supported: ["query", "fragment"],
      response_types_supported: ["code"],
      scopes_supported: OIDC,
      subject_types_supported: ["pairwise"],
      id_token_signing_alg_values_supported: ["RS256"],
      token_endpoint_auth_methods_supported: ["client_secret_post"],
      cloud_instance_name: "sandbox.localhost",
      tenant_region_scope: null,
    });
  });
  app.get("/common/discovery/instance", (c) =>
    c.json({
      tenant_discovery_endpoint: `${origin}/organizations/v2.0/.well-known/openid-configuration`,
      "api-version": "1.1",
      metadata: [{ preferred_network: new URL(origin).host, preferred_cache: new URL(origin).host, aliases: [new URL(origin).host] }],
    }),
  );
  app.get("/:tenant/discovery/v2.0/keys", async (c) => {
    const tenant = c.req.param("tenant");
    const ids = world()
      .tenants.map(({ id }) => id)
      .filter((id) => ["organizations", "common", id].includes(tenant));
    return c.json(await jwks(ids));
  });

  app.get("/:tenant/oauth2/v2.0/authorize", (c) => {
    const query = c.req.query();
    const fail = (number: number, message: string) =>
      c.html(page("Sorry, but we’re having trouble signing you in.", html`<pre>${sayAadsts(number, message)}</pre>`), 400);
    const known = findApplication(query.client_id ?? "");
    if (!known)
      return fail(700016, `Application with identifier '${query.client_id}' was not found in the directory '${c.req.param("tenant")}'.`);
    const uris = [
      ...known.application.spa.redirectUris,
      ...known.application.web.redirectUris,
      ...known.application.publicClient.redirectUris,
    ];
    if (!isRegistered(uris, query.redirect_uri ?? ""))
      return fail(
        50011,
        `The redirect URI '${query.redirect_uri}' specified in the request does not match the redirect URIs configured for the application '${query.client_id}'.`,
      );
    const request: Request = {
      clientId: query.client_id!,
      redirectUri: query.redirect_uri!,
      scope: query.scope ?? "openid",
      state: query.state ?? "",
      nonce: query.nonce ?? "",
      challenge: query.code_challenge ?? "",
      responseMode: query.response_mode ?? "query",
      prompt: query.prompt ?? "",
      tenant: c.req.param("tenant"),
      claims: query.claims ?? "",
    };
    if (!request.challenge || query.code_challenge_method !== "S256")
      return redirectBack(c, request, {
        error: "invalid_request",
        error_description: sayAadsts(9002325, "Proof Key for Code Exchange is required for cross-origin authorization code redemption."),
      });
    return chooseAccount(c, request, query.login_hint);
  });

  function chooseAccount(c: Context, request: Request, hint: string | undefined) {
    const { application } = findApplication(request.clientId)!;
    const id = randomUUID();
    requests.set(id, request);
    const signedIn = findUser(getCookie(c, "sandbox_sso") ?? "");
    const isSameUser = signedIn && (!hint || signedIn.user.userPrincipalName === hint);
    if (isSameUser && !["select_account", "login"].includes(request.prompt))
      return continueAs(c, id, request, signedIn.tenant, signedIn.user);
    if (request.prompt === "none")
      return redirectBack(c, request, {
        error: "login_required",
        error_description: sayAadsts(50058, "A silent sign-in request was sent but no user is signed in."),
      });
    return c.html(
      page(
        `Sign in to ${application.displayName}`,
        html`${world().tenants.map(
          (tenant) => html`<h2>${tenant.displayName} <span class="note">${tenant.domains[0]}</span></h2>
          <form method="post" action="/sandbox/signin"><input type="hidden" name="request" value="${id}"><ul>
          ${tenant.users.map(
            (user) =>
              html`<li><button name="user" value="${user.id}"><b>${user.displayName}</b> ${user.userPrincipalName}<br><span class="note">${
                [...user.wids.map((wid) => ROLE_NAME[wid]).filter(Boolean), ...user.portalRoles].join(", ") || "no role"
              }</span></button></li>`,
          )}
          </ul></form>`,
        )}<form method="post" action="/sandbox/cancel"><input type="hidden" name="request" value="${id}"><button>Cancel</button></form>`,
      ),
    );
  }

  /** Microsoft's page on which an administrator grants everything that an application declares (docs: v2-admin-consent). */
  app.get("/:tenant/v2.0/adminconsent", (c) => {
    const query = c.req.query();
    const known = findApplication(query.client_id ?? "");
    const uris = known ? [...known.application.web.redirectUris, ...known.application.publicClient.redirectUris] : [];
    if (!known || !uris.includes(query.redirect_uri ?? "")) {
      const number = known ? 50011 : 700016;
      const words = new StsFailure(number, { uri: query.redirect_uri ?? "", app: query.client_id ?? "", tenant: c.req.param("tenant") });
      return c.html(page("Sorry, but we’re having trouble signing you in.", html`<pre>${sayAadsts(number, words.message)}</pre>`), 400);
    }
    return chooseAccount(
      c,
      {
        clientId: query.client_id!,
        redirectUri: query.redirect_uri!,
        scope: query.scope ?? "",
        state: query.state ?? "",
        nonce: "",
        challenge: "",
        responseMode: "query",
        prompt: "select_account",
        tenant: c.req.param("tenant"),
        claims: "",
        isAdminConsent: true,
      },
      undefined,
    );
  });

  const requestOf = async (c: Context) => {
    const form = await c.req.parseBody();
    const id = String(form.request ?? "");
    return { form, id, request: requests.get(id) };
  };
  const gone = (c: Context) => c.html(page("This sign-in is over", html`<p>Go back to the portal and start again.</p>`), 400);

  app.post("/sandbox/signin", async (c) => {
    const { form, id, request } = await requestOf(c);
    const chosen = findUser(String(form.user));
    if (!request || !chosen) return gone(c);
    if (!["organizations", "common", chosen.tenant.id, ...chosen.tenant.domains].includes(request.tenant))
      return refuseSignIn(c, id, request, 50020, chosen.user);
    setCookie(c, "sandbox_sso", chosen.user.id, { httpOnly: true, sameSite: "Lax", path: "/" });
    return continueAs(c, id, request, chosen.tenant, chosen.user);
  });
  app.post("/sandbox/cancel", async (c) => {
    const { id, request } = await requestOf(c);
    return request ? refuseSignIn(c, id, request, 65004) : gone(c);
  });
  app.post("/sandbox/mfa", async (c) => {
    const { form, id, request } = await requestOf(c);
    const chosen = findUser(String(form.user));
    if (!request || !chosen || getCookie(c, "sandbox_sso") !== chosen.user.id) return gone(c);
    if (form.decision !== "approve") return refuseSignIn(c, id, request, 50076, chosen.user);
    request.isStrong = true;
    return continueAs(c, id, request, chosen.tenant, chosen.user);
  });

  function continueAs(c: Context, id: string, request: Request, tenant: Tenant, user: User) {
    const { application } = findApplication(request.clientId)!;
    const { policies } = tenant;
    const fault = takeFault(world(), tenant.id, "", "authorize", ({ sts }) => sts !== undefined);
    const isPortal = !tenant.applications.find(({ appId }) => appId === application.appId);
    const refused = fault?.sts ?? (isPortal ? (policies.blockSignIn ?? (policies.assignmentRequired ? 50105 : undefined)) : undefined);
    if (refused) return refuseSignIn(c, id, request, refused, user);
    const hidden = html`<input type="hidden" name="request" value="${id}"><input type="hidden" name="user" value="${user.id}">`;
    const mustProve = policies.stepUp === "sign-in" || claimsOf(request.claims).acrs !== undefined;
    if (mustProve && !request.isStrong)
      return c.html(
        page(
          "Approve sign-in request",
          html`<p>Your organization asks <b>${user.userPrincipalName}</b> for multi-factor authentication.</p>
          <form method="post" action="/sandbox/mfa">${hidden}<div class="actions"><button name="decision" value="approve">Approve with the authenticator</button><button name="decision" value="deny">Deny</button></div></form>`,
        ),
      );
    if (request.isAdminConsent) return adminConsentPage(c, request, tenant, user, application, hidden);
    const missing = missingConsent(tenant, user, application, request.scope);
    const wanted = [...missing.own, ...missing.graph];
    if (wanted.length === 0 && request.prompt !== "consent") return issueCode(c, id, request, tenant, user);
    const graphScopes = graphOf(tenant).permissions.filter(({ kind }) => kind === "Scope");
    const needsAdmin = missing.graph.filter((value) => graphScopes.find((scope) => scope.value === value)?.adminConsentRequired !== false);
    const isAdmin = user.wids.some((wid) => CONSENTERS.includes(wid));
    if ((needsAdmin.length > 0 || !policies.userConsent) && !isAdmin)
      return c.html(
        page(
          "Need admin approval",
          html`<p><b>${application.displayName}</b> needs permission to access resources in your organization that only an admin can grant.</p>
          <ul>${(needsAdmin.length > 0 ? needsAdmin : wanted).map((value) => html`<li><code>${value}</code></li>`)}</ul>
          <form method="post" action="/sandbox/refused">${hidden}<button>Return to the application without granting consent</button></form>`,
        ),
      );
    return c.html(
      page(
        "Permissions requested",
        html`<p><b>${application.displayName}</b> would like, as ${user.userPrincipalName} in ${tenant.displayName}:</p>
        <ul>${wanted.map((value) => html`<li><code>${value}</code></li>`)}</ul>
        <form method="post" action="/sandbox/consent">${hidden}
        ${needsAdmin.length > 0 ? html`<details><summary>Grant less than asked</summary>${needsAdmin.map((value) => html`<p><label><input type="checkbox" name="without.${value}" value="yes"> Without <code>${value}</code></label></p>`)}</details>` : ""}
        ${isAdmin ? html`<p><label><input type="checkbox" name="organization" value="yes"> Consent on behalf of your organization</label></p>` : ""}
        <div class="actions"><button name="decision" value="accept">Accept</button><button name="decision" value="cancel">Cancel</button></div></form>`,
      ),
    );
  }
  app.post("/sandbox/refused", async (c) => {
    const { id, request } = await requestOf(c);
    return request ? refuseSignIn(c, id, request, 90094) : gone(c);
  });
  app.post("/sandbox/consent", async (c) => {
    const { form, id, request } = await requestOf(c);
    const chosen = findUser(String(form.user));
    // The account must be the one that signed in here, or anybody could consent for anybody.
    if (!request || !chosen || getCookie(c, "sandbox_sso") !== chosen.user.id) return gone(c);
    if (form.decision !== "accept") return refuseSignIn(c, id, request, 65004);
    const { application } = findApplication(request.clientId)!;
    const { tenant, user } = chosen;
    if (request.isAdminConsent) {
      if (!mayGrantDeclared(tenant, user, application)) return gone(c);
      requests.delete(id);
      grantDeclared(tenant, application);
      return redirectBack(c, request, {});
    }
    // What is left unticked is not granted: consent may be partial.
    const kept = (values: string[]) => values.filter((value) => form[`without.${value}`] === undefined);
    const missing = missingConsent(tenant, user, application, request.scope);
    const isAdmin = user.wids.some((wid) => CONSENTERS.includes(wid));
    const needsAdmin = missing.graph.some(
      (value) => graphOf(tenant).permissions.find((p) => p.kind === "Scope" && p.value === value)?.adminConsentRequired !== false,
    );
    if (needsAdmin && !isAdmin) return gone(c);
    const sp = clientServicePrincipal(tenant, application);
    const principal = isAdmin && form.organization === "yes" ? null : user.id;
    if (missing.own.length > 0) consent(tenant, sp, sp, principal, missing.own);
    if (kept(missing.graph).length > 0) consent(tenant, sp, graphOf(tenant), principal, kept(missing.graph));
    return issueCode(c, id, request, tenant, user);
  });

  const declaredOf = (tenant: Tenant, application: Application) =>
    application.requiredResourceAccess.flatMap(({ resourceAppId, resourceAccess }) => {
      const resource = tenant.servicePrincipals.find(({ appId }) => appId === resourceAppId);
      return resource
        ? resourceAccess.flatMap(({ id }) =>
            resource.permissions.filter((p) => p.id === id).map((permission) => ({ resource, permission })),
          )
        : [];
    });
  const mayGrantDeclared = (tenant: Tenant, user: User, application: Application) =>
    user.wids.some((wid) =>
      declaredOf(tenant, application).some(({ permission, resource }) => permission.kind === "Role" && resource.appId === GRAPH_APP_ID)
        ? wid === ROLE.globalAdministrator || wid === ROLE.privilegedRoleAdministrator
        : CONSENTERS.includes(wid),
    );
  function adminConsentPage(c: Context, request: Request, tenant: Tenant, user: User, application: Application, hidden: unknown) {
    const declared = declaredOf(tenant, application);
    const list = html`<ul>${declared.map(({ permission }) => html`<li><code>${permission.value}</code> ${permission.kind === "Role" ? "application" : "delegated"}</li>`)}</ul>`;
    if (!mayGrantDeclared(tenant, user, application))
      return c.html(
        page(
          "Need admin approval",
          html`<p><b>${application.displayName}</b> needs permissions that your role cannot grant.</p>${list}
          <form method="post" action="/sandbox/refused">${hidden}<button>Return to the application without granting consent</button></form>`,
        ),
      );
    return c.html(
      page(
        "Permissions requested",
        html`<p>Review for your organization: <b>${application.displayName}</b> (${request.clientId}) would like:</p>${list}
        <form method="post" action="/sandbox/consent">${hidden}<div class="actions"><button name="decision" value="accept">Accept</button><button name="decision" value="cancel">Cancel</button></div></form>`,
      ),
    );
  }
  function grantDeclared(tenant: Tenant, application: Application) {
    const sp = clientServicePrincipal(tenant, application);
    for (const { resource, permission } of declaredOf(tenant, application))
      if (permission.kind === "Scope") consent(tenant, sp, resource, null, [permission.value], false);
      else if (
        !tenant.appRoleAssignments.find((a) => a.principalId === sp.id && a.resourceId === resource.id && a.appRoleId === permission.id)
      )
        assignRole(tenant, sp, resource, permission.id);
  }

  function issueCode(c: Context, id: string, request: Request, tenant: Tenant, user: User) {
    requests.delete(id);
    const code = `1.${randomBytes(32).toString("base64url")}`;
    codes.set(code, { ...request, userId: user.id, tenantId: tenant.id });
    return redirectBack(c, request, { code, client_info: clientInfo(user, tenant), session_state: randomUUID() });
  }
  const clientInfo = (user: User, tenant: Tenant) => Buffer.from(JSON.stringify({ uid: user.id, utid: tenant.id })).toString("base64url");

  /** The application's secret is looked at like Entra does: by value, and only once the replicas know it. */
  function requireSecret(application: Application, given: string | undefined) {
    const app = application.appId;
    if (!given) throw new StsFailure(7000218);
    const password = application.passwords.find(({ secret }) => secret === given);
    if (!password || password.usableAt > Date.now()) throw new StsFailure(7000215, { app });
    if (new Date(password.endDateTime).getTime() < Date.now()) throw new StsFailure(7000222, { app });
  }

  /** A client assertion: signed with a certificate of the application, or by an issuer that it trusts. */
  async function requireAssertion(application: Application, tenant: Tenant, assertion: string) {
    const app = application.appId;
    const refused = new StsFailure(700027, { app });
    let header: ReturnType<typeof decodeProtectedHeader>;
    let claims: JWTPayload;
    try {
      header = decodeProtectedHeader(assertion);
      claims = decodeJwt(assertion);
    } catch {
      throw refused;
    }
    if (claims.iss === app) {
      const certificates = application.keyCredentials.map(({ key }) => new X509Certificate(Buffer.from(key, "base64")));
      const digest = (hex: string) => Buffer.from(hex.replaceAll(":", ""), "hex").toString("base64url");
      const certificate = certificates.find(
        ({ fingerprint, fingerprint256 }) => digest(fingerprint) === header.x5t || digest(fingerprint256) === header["x5t#S256"],
      );
      if (!certificate) throw refused;
      const audience = [`${origin}/${tenant.id}/oauth2/v2.0/token`, `${origin}/${tenant.id}/v2.0`];
      await jwtVerify(assertion, certificate.publicKey, { issuer: app, subject: app, audience }).catch(() => {
        throw refused;
      });
      return;
    }
    const trusted = application.federated.find(({ issuer, subject }) => issuer === claims.iss && subject === claims.sub);
    if (!trusted) throw new StsFailure(70021, { app });
    const keys = world().issuers[trusted.issuer];
    if (!keys) throw new StsFailure(50166, { issuer: trusted.issuer });
    await jwtVerify(assertion, createLocalJWKSet(keys as never), { issuer: trusted.issuer, audience: trusted.audiences }).catch(() => {
      throw refused;
    });
  }

  async function userTokens(
    tenant: Tenant,
    user: User,
    application: Application,
    scope: string,
    publicClient: boolean,
    strength: { acrs: string[]; claims: string | undefined },
  ) {
    const parsed = parseScope(scope);
    const sp = clientServicePrincipal(tenant, application);
    const isOwn = parsed.own.length > 0;
    const held = consented(tenant, sp.id, isOwn ? sp.id : graphOf(tenant).id, user.id);
    const asked = isOwn ? parsed.own : parsed.graph;
    if (asked.some((value) => value !== ".default" && !held.has(value)) || (asked.includes(".default") && held.size === 0))
      throw new StsFailure(65001, { app: application.appId, appName: application.displayName });
    const identity = {
      oid: user.id,
      sub: guidOf(`${user.id}/${application.appId}`),
      name: user.displayName,
      preferred_username: user.userPrincipalName,
    };
    const scp = [...held].join(" ");
    const strong = {
      ...(strength.acrs.length > 0 ? { acrs: strength.acrs } : {}),
      ...(isCapable(strength.claims) ? { xms_cc: ["cp1"] } : {}),
      xms_at: Date.now(),
    };
    const accessToken = isOwn
      ? await sign(tenant.id, {
          ...identity,
          aud: application.appId,
          iss: `${origin}/${tenant.id}/v2.0`,
          azp: application.appId,
          azpacr: publicClient ? "0" : "1",
          scp,
          wids: user.wids,
          ...strong,
          roles: user.portalRoles.length > 0 ? user.portalRoles : undefined,
          ver: "2.0",
        })
      : await sign(tenant.id, {
          oid: user.id,
          upn: user.userPrincipalName,
          aud: origin,
          iss: `${origin}/${tenant.id}/`,
          appid: application.appId,
          appidacr: publicClient ? "0" : "1",
          scp,
          wids: user.wids,
          ...strong,
          ver: "1.0",
        });
    const idToken = await sign(tenant.id, { ...identity, aud: application.appId, iss: `${origin}/${tenant.id}/v2.0`, ver: "2.0" });
    let refreshToken: string | undefined;
    if (parsed.oidc.includes("offline_access")) {
      refreshToken = `1.${randomBytes(48).toString("base64url")}`;
      refreshTokens.set(refreshToken, {
        userId: user.id,
        tenantId: tenant.id,
        clientId: application.appId,
        isPublic: publicClient,
        acrs: strength.acrs,
      });
    }
    const prefix = isOwn ? `api://${application.appId}/` : `${origin}/`;
    return {
      token_type: "Bearer",
      scope: [...[...held].map((value) => prefix + value), ...parsed.oidc].join(" "),
      expires_in: 3599,
      ext_expires_in: 3599,
      access_token: accessToken,
      id_token: idToken,
      client_info: clientInfo(user, tenant),
      ...(refreshToken ? { refresh_token: refreshToken } : {}),
    };
  }

  /** A fault of the token endpoint that was asked for. */
  function strike(tenantId: string, grant: string, what: Record<string, string>) {
    const fault = takeFault(world(), tenantId, "", grant, ({ sts }) => sts !== undefined);
    if (fault?.sts) throw new StsFailure(fault.sts, what, fault.claims);
  }

  async function appToken(tenantName: string, form: Record<string, string>) {
    const known = findApplication(form.client_id ?? "");
    const tenant = tenantNamed(world(), tenantName);
    if (["common", "organizations"].includes(tenantName)) throw new StsFailure(9001023);
    if (!tenant) throw new StsFailure(90002, { tenant: tenantName });
    strike(tenant.id, "client-credentials", { app: form.client_id ?? "", tenant: tenant.displayName });
    const replica = someReplica();
    const isSeen = known?.home.applications.at(replica).some(({ appId }) => appId === form.client_id);
    if (!known || !isSeen || (known.home !== tenant && known.application.signInAudience === "AzureADMyOrg"))
      throw new StsFailure(700016, { app: form.client_id ?? "", tenant: tenant.displayName });
    const { application } = known;
    if (form.client_assertion) await requireAssertion(application, tenant, form.client_assertion);
    else requireSecret(application, form.client_secret);
    const sp = tenant.servicePrincipals.at(replica).find(({ appId }) => appId === application.appId);
    if (!sp) throw new StsFailure(7000229, { app: application.appId, tenant: tenant.id });
    if (sp.accountEnabled === false) throw new StsFailure(7000112, { app: application.appId, appName: application.displayName });
    if (!form.scope?.endsWith("/.default")) throw new StsFailure(1002012, { scope: form.scope ?? "" });
    const own = /^(?:api:\/\/)?([0-9a-f-]{36})\/\.default$/.exec(form.scope)?.[1];
    const resource = own ? tenant.servicePrincipals.at(replica).find(({ appId }) => appId === own) : graphOf(tenant);
    if (!resource) throw new StsFailure(500011, { resource: form.scope, tenant: tenant.displayName });
    const roles = tenant.appRoleAssignments
      .at(replica)
      .filter(({ principalId, resourceId }) => principalId === sp.id && resourceId === resource.id)
      .map(({ appRoleId }) => resource.permissions.find(({ id, kind }) => kind === "Role" && id === appRoleId)!.value);
    if (own)
      return {
        ...{ token_type: "Bearer", expires_in: 3599, ext_expires_in: 3599 },
        access_token: await sign(tenant.id, {
          ...{ oid: sp.id, sub: sp.id, aud: own, iss: `${origin}/${tenant.id}/v2.0`, azp: application.appId, azpacr: "1", ver: "2.0" },
          ...(roles.length > 0 ? { roles } : {}),
        }),
      };
    const accessToken = await sign(tenant.id, {
      oid: sp.id,
      sub: sp.id,
      aud: origin,
      iss: `${origin}/${tenant.id}/`,
      appid: application.appId,
      appidacr: "1",
      idtyp: "app",
      ...(roles.length > 0 ? { roles } : {}),
      ver: "1.0",
    });
    return { token_type: "Bearer", expires_in: 3599, ext_expires_in: 3599, access_token: accessToken };
  }

  async function token(tenantName: string, form: Record<string, string>, isBrowser: boolean) {
    if (!form.grant_type) throw new StsFailure(900144, { name: "grant_type" });
    if (form.grant_type === "client_credentials") return appToken(tenantName, form);
    const known = findApplication(form.client_id ?? "");
    if (!known) throw new StsFailure(700016, { app: form.client_id ?? "", tenant: tenantName });
    const { application } = known;

    if (form.grant_type === "authorization_code") {
      const code = codes.get(form.code ?? "");
      if (!code || code.clientId !== application.appId) throw new StsFailure(70000);
      strike(code.tenantId, "code", { app: application.appId });
      if (code.usedAt) throw new StsFailure(54005);
      if (code.redirectUri !== form.redirect_uri) throw new StsFailure(50011, { uri: form.redirect_uri ?? "", app: application.appId });
      const isSpa = application.spa.redirectUris.includes(code.redirectUri);
      if (isSpa && !isBrowser) throw new StsFailure(9002327);
      if (isSpa && form.client_secret) throw new StsFailure(700025);
      const verifier = createHash("sha256").update(form.code_verifier ?? "");
      if (verifier.digest("base64url") !== code.challenge) throw new StsFailure(501481);
      code.usedAt = Date.now();
      const { tenant, user } = findUser(code.userId)!;
      const answer = await userTokens(tenant, user, application, form.scope ?? code.scope, isSpa, {
        acrs: code.isStrong ? [STEP_UP_CONTEXT] : [],
        claims: form.claims,
      });
      const claims = await verify(answer.id_token);
      return { ...answer, id_token: await sign(tenant.id, { ...claims, ...(code.nonce ? { nonce: code.nonce } : {}) }) };
    }
    if (form.grant_type === "refresh_token") {
      const refresh = refreshTokens.get(form.refresh_token ?? "");
      if (!refresh || refresh.clientId !== application.appId) throw new StsFailure(700082);
      strike(refresh.tenantId, "refresh", { app: application.appId });
      if (!refresh.isPublic) requireSecret(application, form.client_secret);
      refreshTokens.delete(form.refresh_token!);
      const { tenant, user } = findUser(refresh.userId)!;
      return userTokens(tenant, user, application, `${form.scope ?? ""} offline_access`, refresh.isPublic, {
        acrs: refresh.acrs,
        claims: form.claims,
      });
    }
    if (form.grant_type === "urn:ietf:params:oauth:grant-type:jwt-bearer") {
      requireSecret(application, form.client_secret);
      const claims = await verify(form.assertion ?? "");
      if (!claims || claims.aud !== application.appId || !claims.scp) throw new StsFailure(50013);
      const { tenant, user } = findUser(String(claims.oid))!;
      if (tenantName !== tenant.id && tenantName !== "organizations") throw new StsFailure(50020, { tenant: tenantName });
      strike(tenant.id, "on-behalf-of", { app: application.appId, appName: application.displayName });
      if (Number(claims.xms_at ?? 0) < user.tokensValidFrom) throw new StsFailure(50173);
      const acrs = (claims.acrs as string[] | undefined) ?? [];
      if (tenant.policies.stepUp === "token" && !acrs.includes(STEP_UP_CONTEXT)) throw new StsFailure(50076, {}, STEP_UP_CLAIMS);
      // Only a consent adds a service principal; without one nothing was ever consented to.
      if (!tenant.servicePrincipals.find(({ appId }) => appId === application.appId))
        throw new StsFailure(65001, { app: application.appId, appName: application.displayName });
      return userTokens(tenant, user, application, form.scope ?? "", false, { acrs, claims: form.claims });
    }
    throw new StsFailure(70003, { grant: form.grant_type });
  }

  app.use("/:tenant/oauth2/v2.0/token", async (c, next) => {
    c.header("Access-Control-Allow-Origin", c.req.header("origin") ?? "*");
    c.header("Access-Control-Allow-Headers", "*");
    if (c.req.method === "OPTIONS") return c.body(null, 204);
    await next();
  });
  app.post("/:tenant/oauth2/v2.0/token", async (c) => {
    const { stsMs } = world().latency;
    if (stsMs > 0) await new Promise((resolve) => setTimeout(resolve, stsMs));
    const form = Object.fromEntries(Object.entries(await c.req.parseBody()).map(([name, value]) => [name, String(value)]));
    try {
      return c.json(await token(c.req.param("tenant"), form, c.req.header("origin") !== undefined));
    } catch (error) {
      if (!(error instanceof StsFailure)) throw error;
      return c.json(
        {
          error: error.error,
          error_description: sayAadsts(error.number, error.message),
          error_codes: [error.number],
          timestamp: `${new Date().toISOString().replace("T", " ").slice(0, 19)}Z`,
          trace_id: randomUUID(),
          correlation_id: c.req.header("client-request-id") ?? randomUUID(),
          error_uri: `${origin}/error?code=${error.number}`,
          ...(error.suberror ? { suberror: error.suberror } : {}),
          ...(error.claims ? { claims: error.claims } : {}),
        },
        error.status as 400,
      );
    }
  });
  app.get("/:tenant/oauth2/v2.0/logout", (c) => {
    setCookie(c, "sandbox_sso", "", { path: "/", maxAge: 0 });
    const back = c.req.query("post_logout_redirect_uri");
    return back ? c.redirect(back) : c.html(page("You signed out", html``));
  });
  return app;
}
