import { spawn } from "node:child_process";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect as is, type Page } from "@playwright/test";
import { Webhook } from "standardwebhooks";
import {
  browserFor,
  enter,
  expect,
  expectAccessible,
  invite,
  onboardingId,
  sandbox,
  signInAs,
  stack,
  stackNow,
  tenantOf,
  test,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());

async function integrations(page: Page, upn = "mona@cirrus.example") {
  await page.goto("/desk/integrations");
  await signInAs(page, upn);
  await page.goto("/desk/integrations");
}
async function makeKey(page: Page, name: string, scopes: readonly string[] = ["Read"], vendor?: string): Promise<string> {
  const open = page.locator("summary", { hasText: "New API key" });
  if (!(await page.getByLabel("Name").isVisible())) await open.click();
  await page.getByLabel("Name").fill(name);
  const form = page.locator("form", { has: page.getByLabel("Name") });
  if (vendor) await form.getByLabel("Vendor").selectOption(vendor);
  for (const scope of ["Read", "Write", "Collect"]) await form.getByRole("checkbox", { name: scope }).setChecked(scopes.includes(scope));
  const shown = form.getByTestId("shown-once");
  const before = (await shown.count()) > 0 ? await shown.innerText() : "";
  await page.getByRole("button", { name: "Make the key" }).click();
  await expect(shown).toBeVisible();
  await expect(shown).not.toHaveText(before);
  return (await shown.innerText()).trim();
}
const call = async (key: string | null, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${stack.baseUrl}/api/v1${path}`, {
    method,
    headers: {
      ...(key ? { authorization: `Bearer ${key}` } : {}),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    json: () => JSON.parse(text) as Record<string, never> & { [name: string]: unknown },
  };
};
const WISH = {
  productId: "cirrus-connect",
  customerName: "API Customer",
  expectedDomain: "contoso.com",
  adminEmail: "api-admin@contoso.com",
  contacts: ["maria@cirrus.example"],
  offered: ["outlook-calendar"],
  reference: "CRM-1",
};

test("a vendor's program creates onboardings once, follows them, and sees no other vendor's", async ({ browser }) => {
  const manager = await (await browserFor(browser)).newPage();
  await integrations(manager);
  const key = await makeKey(manager, "CRM sync", ["Read", "Write"], "cirrus");
  expect(key).toMatch(/^vst_[\w-]{43}$/);
  await expectAccessible(manager);
  const reader = await makeKey(manager, "Reports", ["Read"], "cirrus");
  const luware = await makeKey(manager, "Luware CRM", ["Read", "Write"], "luware");
  await manager.reload();
  await expect(manager.getByText(key), "a key is shown once").toHaveCount(0);
  await expect(manager.getByText(`${key.slice(0, 10)}…`)).toBeVisible();

  // Ten requests at once under one key: one onboarding, one link.
  const headers = { "idempotency-key": "order-4711" };
  const answers = await Promise.all(Array.from({ length: 10 }, () => call(key, "POST", "/onboardings", WISH, headers)));
  expect([...new Set(answers.map(({ status }) => status))]).toEqual([201]);
  const bodies = answers.map(
    (answer) => answer.json() as unknown as { onboarding: { id: string; status: string; reference: string }; link: string },
  );
  expect(new Set(bodies.map(({ onboarding }) => onboarding.id)).size).toBe(1);
  expect(new Set(bodies.map(({ link }) => link)).size).toBe(1);
  const { onboarding, link } = bodies[0]!;
  expect(onboarding).toMatchObject({ status: "invited", reference: "CRM-1" });
  expect(
    (await call(key, "POST", "/onboardings", { ...WISH, customerName: "Other" }, headers)).status,
    "the same key for something else",
  ).toBe(422);
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await expect(admin.getByRole("link", { name: "Continue" })).toBeVisible();

  expect((await call(key, "POST", "/onboardings", { ...WISH, customerName: "A second one" })).status).toBe(201);
  const read = await call(key, "GET", `/onboardings/${onboarding.id}`);
  expect(read.json()).toMatchObject({ status: "choosing", tenant: { domain: "contoso.com" }, waitingFor: "admin" });
  expect(Number(read.headers.get("ratelimit-remaining"))).toBeLessThan(300);
  const page = (await call(reader, "GET", "/onboardings?limit=1")).json() as unknown as { items: { id: string }[]; next: string };
  expect(page.items).toHaveLength(1);
  const second = (await call(reader, "GET", `/onboardings?limit=1&cursor=${page.next}`)).json() as unknown as { items: { id: string }[] };
  expect(second.items[0]!.id).not.toBe(page.items[0]!.id);
  const timeline = (await call(reader, "GET", `/onboardings/${onboarding.id}/timeline?limit=2`)).json() as unknown as {
    items: { type: string }[];
    next: number;
  };
  expect(timeline.items.map(({ type }) => type)).toEqual(["onboarding.created", "invitation.mailed"]);
  const rest = (await call(reader, "GET", `/onboardings/${onboarding.id}/timeline?after=${timeline.next}`)).json() as unknown as {
    items: { type: string }[];
    next: null;
  };
  expect(rest.items.map(({ type }) => type)).toContain("admin.signed-in");
  expect(rest.next).toBeNull();

  const problem = (answer: { headers: Headers; json: () => unknown }) => {
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    return answer.json() as { status: number; code: string; detail: string; errors?: { path: string }[] };
  };
  expect(problem(await call(reader, "POST", "/onboardings", WISH))).toMatchObject({ status: 403, code: "api.scope" });
  for (const [method, path] of [
    ["GET", ""],
    ["GET", "/timeline"],
    ["POST", "/renew"],
    ["POST", "/revoke"],
  ] as const)
    expect(
      (await call(luware, method, `/onboardings/${onboarding.id}${path}`, method === "POST" ? {} : undefined)).status,
      `${path} of another vendor`,
    ).toBe(404);
  expect((await call(luware, "POST", "/onboardings", WISH)).status, "another vendor's product").toBe(422);
  expect(
    ((await call(luware, "GET", "/onboardings")).json() as unknown as { items: { product: string }[] }).items.every(({ product }) =>
      product.startsWith("luware"),
    ),
  ).toBe(true);
  expect(problem(await call(key, "POST", "/onboardings", { ...WISH, adminEmail: "nonsense", surprise: 1 }))).toMatchObject({
    status: 422,
    code: "api.invalid",
  });
  expect(problem(await call(key, "POST", "/onboardings", "{not json"))).toMatchObject({ status: 400 });
  expect(problem(await call(key, "POST", "/onboardings", { ...WISH, customerName: "x".repeat(10_000) })).errors?.[0]?.path).toBe(
    "customerName",
  );
  expect(problem(await call(key, "GET", "/onboardings/nonsense"))).toMatchObject({ status: 404 });
  expect(problem(await call(key, "GET", "/nonsense"))).toMatchObject({ status: 404 });
  expect(problem(await call(key, "GET", "/onboardings?cursor=abc"))).toMatchObject({ status: 422 });
  expect(problem(await call(key, "GET", "/onboardings?limit=1000"))).toMatchObject({ status: 422 });
  for (const wrong of [null, `vst_${"x".repeat(43)}`, key.slice(0, -1), "' OR 1=1 --"])
    expect(problem(await call(wrong, "GET", "/onboardings"))).toMatchObject({ status: 401, code: "api.key" });
  expect(problem(await call(reader, "POST", `/onboardings/${onboarding.id}/handoff`))).toMatchObject({ status: 403, code: "api.scope" });

  expect((await call(key, "POST", `/onboardings/${onboarding.id}/revoke`)).json()).toMatchObject({ status: "cancelled" });
  await manager.getByRole("listitem").filter({ hasText: "CRM sync" }).getByRole("button", { name: "Revoke" }).click();
  await expect(manager.getByRole("listitem").filter({ hasText: "CRM sync" })).toContainText("Revoked by mona@cirrus.example");
  expect(problem(await call(key, "GET", "/onboardings"))).toMatchObject({ status: 401 });
  const record = await (await manager.request.get(`/desk/${onboarding.id}/audit`)).text();
  expect(record).toContain('"kind":"program"');
  expect(record).not.toContain(key);

  const description = (await call(null, "GET", "/openapi.json")).json() as unknown as { openapi: string; paths: Record<string, unknown> };
  expect(description.openapi).toMatch(/^3\.1/);
  expect(Object.keys(description.paths)).toEqual(expect.arrayContaining(["/api/v1/onboardings", "/api/v1/onboardings/{id}/handoff"]));
  await manager.goto("/api-reference");
  await expect(manager.getByText("/api/v1/onboardings/{id}/timeline", { exact: true })).toBeVisible();
  await expectAccessible(manager);
});

test("keys and webhooks are for managers, each vendor's for itself", async ({ browser }) => {
  const agent = await (await browserFor(browser)).newPage();
  await integrations(agent, "sam@cirrus.example");
  await expect(agent.getByText("API keys and webhooks are for managers.", { exact: false })).toBeVisible();
  await agent.goto("/desk");
  await expect(agent.getByRole("link", { name: "Integrations" })).toHaveCount(0);
  expect((await agent.goto("/desk/doctor"))!.status()).toBe(404);
  const stranger = await (await browserFor(browser)).newPage();
  await stranger.goto("/desk/integrations");
  await expect(stranger.getByRole("button", { name: "Sign in with Microsoft" })).toBeVisible();
  const admin = await (await browserFor(browser)).newPage();
  const support = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await admin.goto("/desk/integrations");
  await expect(admin).toHaveURL(/no-access/);
});

type Received = { path: string; headers: IncomingHttpHeaders; body: string };
/** A vendor's system that receives webhooks; `answer` decides what it says. */
async function receiver(answer: (path: string, count: number) => number | "hang" | { redirect: string } = () => 204) {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      const path = request.url ?? "";
      received.push({ path, headers: request.headers, body });
      const said = answer(path, received.filter((each) => each.path === path).length);
      if (said === "hang") return;
      if (typeof said === "object") response.writeHead(302, { location: said.redirect });
      else response.writeHead(said);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}
async function addWebhook(page: Page, url: string): Promise<string> {
  const form = page.locator("form", { has: page.getByLabel("Address") });
  if (!(await page.getByLabel("Address").isVisible())) await page.locator("summary", { hasText: "New webhook" }).click();
  await page.getByLabel("Address").fill(url);
  if ((await form.getByLabel("Vendor").count()) > 0) await form.getByLabel("Vendor").selectOption("cirrus");
  await page.getByRole("button", { name: "Add the webhook" }).click();
  const list = page.getByRole("list", { name: "Webhooks" });
  await expect(list.getByText(url, { exact: true })).toBeVisible();
  return (await form.getByTestId("shown-once").innerText()).trim();
}
const verified = (secret: string, { body, headers }: Received) =>
  new Webhook(secret).verify(body, headers as Record<string, string>) as { type: string; data: Record<string, unknown> };

test("a vendor's system hears of every change of status, signed; what it misses comes again; nothing leads it inward", async ({
  browser,
}) => {
  test.setTimeout(180_000);
  const manager = await (await browserFor(browser)).newPage();
  await integrations(manager);
  for (const url of ["https://10.0.0.8/hook", "https://localhost/hook", "http://hooks.example.com/x", "https://[::1]/x", "nonsense"]) {
    if (!(await manager.getByLabel("Address").isVisible())) await manager.locator("summary", { hasText: "New webhook" }).click();
    await manager.getByLabel("Address").fill(url);
    await manager.getByRole("button", { name: "Add the webhook" }).click();
    await expect(
      manager
        .getByRole("status")
        .getByText(/not on the public internet|https:\/\/|not an address/)
        .first(),
    ).toBeVisible();
    await expect(manager.getByLabel("Address")).toHaveValue(url);
  }
  const target = await receiver((path, count) =>
    path === "/flaky"
      ? count === 1
        ? 500
        : 204
      : path === "/inward"
        ? { redirect: "http://169.254.169.254/" }
        : path === "/hang"
          ? "hang"
          : 204,
  );
  const secret = await addWebhook(manager, `${target.url}/good`);
  expect(secret).toMatch(/^whsec_/);
  for (const path of ["/flaky", "/inward", "/hang"]) await addWebhook(manager, `${target.url}${path}`);
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { customer: "Hooked Ltd" });
  const id = onboardingId(link);
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await expect(admin.getByRole("link", { name: "Continue" })).toBeVisible();
  const of = (path: string) =>
    target.received
      .filter((each) => each.path === path && each.body.includes(id))
      .map((each) => JSON.parse(each.body) as { data: { status: string; sequence: number } });
  const statuses = (path: string) => new Set(of(path).map(({ data }) => data.status));
  await expect.poll(() => [...statuses("/good")], { timeout: 30_000 }).toEqual(expect.arrayContaining(["invited", "opened", "choosing"]));
  const first = target.received.find(({ path, body }) => path === "/good" && body.includes(id))!;
  expect(verified(secret, first)).toMatchObject({ type: "onboarding.status-changed", data: { onboarding: id, product: "cirrus-connect" } });
  expect(() => verified(secret, { ...first, body: first.body.replace("invited", "live") }), "a body that was changed").toThrow();
  await expect.poll(() => [...statuses("/flaky")], { timeout: 60_000 }).toEqual(expect.arrayContaining(["choosing"]));
  const hook = (path: string) =>
    manager
      .getByRole("list", { name: "Webhooks" })
      .locator(":scope > li")
      .filter({ hasText: `${target.url}${path}` });
  const log = async (path: string) => {
    await manager.reload();
    const item = hook(path);
    const summary = item.locator("summary", { hasText: "What was sent" });
    if (!(await item.getByRole("list", { name: "Deliveries" }).isVisible())) await summary.click();
    return item.getByRole("list", { name: "Deliveries" });
  };
  await expect(async () => {
    const list = await log("/inward");
    await list.locator("summary").first().click();
    await expect(list).toContainText("redirects are not followed", { timeout: 1000 });
  }).toPass({ timeout: 30_000 });
  expect(target.received.filter(({ path }) => path === "/hang").length).toBeGreaterThan(0);
  await expect(async () => {
    const list = await log("/hang");
    await list.locator("summary").first().click();
    await expect(list).toContainText("No answer within ten seconds", { timeout: 1000 });
  }).toPass({ timeout: 60_000 });
  await expectAccessible(manager);

  // The test button, a replay under the same id, and a rotation that signs with both secrets.
  await hook("/good").getByRole("button", { name: "Send a test" }).click();
  await expect.poll(() => target.received.filter(({ body }) => body.includes("webhook.test")).length, { timeout: 20_000 }).toBe(1);
  const before = target.received.length;
  const list = await log("/good");
  await list.locator("summary").first().click();
  await list.getByRole("button", { name: "Send it again" }).first().click();
  await expect.poll(() => target.received.filter(({ body }) => body.includes("webhook.test")).length, { timeout: 20_000 }).toBe(2);
  const [original, again] = target.received.filter(({ body }) => body.includes("webhook.test"));
  expect(again!.headers["webhook-id"]).toBe(original!.headers["webhook-id"]);
  is(target.received.length).toBeGreaterThan(before);
  await hook("/good").getByRole("button", { name: "Rotate the secret" }).click();
  const rotated = (await hook("/good").getByTestId("shown-once").innerText()).trim();
  await hook("/good").getByRole("button", { name: "Send a test" }).click();
  await expect.poll(() => target.received.filter(({ body }) => body.includes("webhook.test")).length, { timeout: 20_000 }).toBe(3);
  const newest = target.received.findLast(({ body }) => body.includes("webhook.test"))!;
  for (const each of [secret, rotated]) expect(verified(each, newest)).toMatchObject({ type: "webhook.test" });
  for (const path of ["/good", "/flaky", "/inward", "/hang"]) {
    await hook(path).getByRole("button", { name: "Remove" }).click();
    await expect(hook(path)).toHaveCount(0);
  }
  await target.stop();
});

/** One of the operator's commands, as at a terminal; whoever runs it signs in where it says. */
async function command(script: string, args: string[], env: Record<string, string>, signIn?: (url: string) => Promise<unknown>) {
  const child = spawn(process.execPath, ["--import", "tsx", `scripts/${script}.ts`, ...args], {
    env: { ...process.env, ...stackNow().portalEnv, ...env },
  });
  let output = "";
  let isAsked = false;
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const url = /^ {2}(http\S+authorize\S+)$/m.exec(output)?.[1];
      if (url && signIn && !isAsked) {
        isAsked = true;
        void signIn(url);
      }
    });
  const code = await new Promise<number>((resolve) => child.once("exit", (status) => resolve(status ?? 1)));
  return { code, output };
}

test("the operator's doctor names what is wrong and what mends it; register-portal makes and repairs the registration", async ({
  browser,
}) => {
  test.setTimeout(180_000);
  // The window of a command's sign-in is told to go as soon as it was heard.
  const operator = await (await browserFor(browser, {}, [/ERR_CONNECTION/])).newPage();
  const signIn = async (url: string) => {
    await operator.goto(url);
    const choice = operator.getByRole("button", { name: /olga@cirrus\.example/ });
    if (await choice.isVisible()) await choice.click();
    const accept = operator.getByRole("button", { name: "Accept" });
    await accept.click({ timeout: 3000 }).catch(() => undefined);
  };
  const fine = await command("doctor", ["--sign-in"], {}, signIn);
  expect(fine.output).toContain("Fit to serve.");
  expect(fine.output).toContain("✔ The portal's registration: Vestibule: as it has to be.");
  expect(fine.code).toBe(0);
  const broken = await command("doctor", [], { SMTP_URL: "smtp://127.0.0.1:1", AZURE_CLIENT_SECRET: "wrong-secret", VENDOR_TENANTS: "" });
  expect(broken.code).toBe(1);
  expect(broken.output).toMatch(/✘ Mail: .*\n {4}Check SMTP_URL/);
  expect(broken.output).toMatch(/✘ The portal's own secret: .*\n {4}Check AZURE_CLIENT_ID/);
  expect(broken.output).not.toContain("wrong-secret");
  const misconfigured = await command("doctor", [], { BASE_URL: "ftp://x", VESTIBULE_KEYS: "short" });
  expect(misconfigured.code).toBe(1);
  expect(misconfigured.output).toMatch(/BASE_URL: must be.*\n {2}VESTIBULE_KEYS: must be/);

  // A tenant that has no registration yet: made, then found as it has to be, then repaired.
  const made = await command("register-portal", [], { AZURE_CLIENT_ID: "", AZURE_CLIENT_SECRET: "" }, signIn);
  expect(made.output).toContain("Made Vestibule");
  const [, clientId = ""] = /AZURE_CLIENT_ID=(\S+)/.exec(made.output) ?? [];
  const [, clientSecret = ""] = /AZURE_CLIENT_SECRET=(\S+)/.exec(made.output) ?? [];
  expect(clientSecret.length).toBeGreaterThan(20);
  const asMade = { AZURE_CLIENT_ID: clientId, AZURE_CLIENT_SECRET: clientSecret };
  const again = await command("register-portal", [], asMade, signIn);
  expect(again.output).toContain("Found Vestibule");
  expect(again.output).not.toContain("mended:");
  expect(again.output).not.toContain("AZURE_CLIENT_SECRET=");
  expect(again.output, "what only a person can do is said").toContain("left to you: The publisher is not verified");
  const moved = await command("register-portal", [], { ...asMade, BASE_URL: "https://onboarding.example.com" }, signIn);
  expect(moved.output).toContain("mended: The redirect URI https://onboarding.example.com/auth/callback is missing");
  const state = tenantOf(await sandbox.state(), "cirrus.example");
  const registrations = state.applications.filter(({ displayName }) => displayName === "Vestibule");
  expect(registrations, "the sandbox's own, and one more").toHaveLength(2);

  const page = await (await browserFor(browser)).newPage();
  await page.goto("/desk");
  await signInAs(page, "olga@cirrus.example");
  await page.goto("/desk/doctor");
  await expect(page.getByRole("heading", { name: "Fit to serve" })).toBeVisible();
  await expectAccessible(page);
  const manager = await (await browserFor(browser)).newPage();
  await manager.goto("/desk");
  await signInAs(manager, "mona@cirrus.example");
  expect((await manager.goto("/desk/doctor"))!.status()).toBe(404);
});
