import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { chromium, type Page, type TestInfo } from "@playwright/test";
import { compactDecrypt, exportJWK, generateKeyPair } from "jose";
import pg from "pg";
import { VENDOR_SYSTEM } from "../sandbox/world";
import { PORTAL_CLIENT_ID } from "../scripts/servers";
import { foreignClient, shownValue } from "./clients";
import {
  acceptConsent,
  browserFor,
  chooseAndApprove,
  contosoNow,
  enter,
  expect,
  expectAccessible,
  invite,
  mailTo,
  onboardingId,
  provisioned,
  restartPortal,
  reveal,
  revealWithCode,
  sandbox,
  sendLink,
  signInAs,
  stack,
  stackNow,
  takeLink,
  test,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());

type Person = Awaited<ReturnType<typeof browserFor>>;
/** An onboarding that is provisioned and waits for the link to be given out. */
async function made(
  browser: Parameters<typeof browserFor>[0],
  { contact = "maria@cirrus.example" } = {},
): Promise<{ admin: Page; support: Page }> {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { contact });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  return { admin, support };
}
const pageOf = async (browser: Parameters<typeof browserFor>[0], options = {}, expected: RegExp[] = []) =>
  (await browserFor(browser, options, expected)).newPage();
async function withDatabase<T>(work: (query: (sql: string) => Promise<object[]>) => Promise<T>): Promise<T> {
  const client = new pg.Client(stack.databaseUrl);
  await client.connect();
  try {
    return await work(async (sql) => (await client.query(sql)).rows as object[]);
  } finally {
    await client.end();
  }
}
const secretsNow = async () => (await contosoNow()).applications[0]!.passwords.map(({ keyId }) => keyId);

test("a scanner that opens the mail's link and presses every button reveals nothing; the contact does with the code", async ({
  browser,
}) => {
  const { admin } = await made(browser);
  await sendLink(admin, "maria@cirrus.example");
  const { link } = await mailTo("maria@cirrus.example");
  const scanner = await pageOf(browser, { userAgent: "Mozilla/5.0 (compatible; SafeLinks; clicking)" });
  await scanner.goto(link);
  await expect(scanner.getByRole("button").first()).toBeVisible();
  for (let round = 0; round < 2; round++) for (const button of await scanner.getByRole("button").all()) await button.click();
  await expect(scanner.getByText("A code is on its way", { exact: false })).toBeVisible();
  await expect(scanner.getByText("after reveal").first(), "nothing was shown").toBeVisible();
  const contact = await pageOf(browser);
  await contact.goto(link);
  await revealWithCode(contact, "maria@cirrus.example");
  await expect(admin.getByRole("list", { name: "Receipts" })).toContainText("Revealed from 127.0.0.0/24");
});

test("the passphrase is told by phone: a wrong one is refused without losing anything, the right one reveals", async ({ browser }) => {
  const { admin } = await made(browser);
  await admin.getByRole("radio", { name: /^A passphrase/ }).check();
  const phrase = await admin.getByLabel(/^Passphrase/).inputValue();
  expect(phrase).toMatch(/^([A-HJ-NP-Z2-9]{4}-){3}[A-HJ-NP-Z2-9]{4}$/);
  await admin.getByLabel(/^Passphrase/).fill("too short");
  await admin.getByRole("button", { name: /^Send the link/ }).click();
  await expect(admin.getByText("A passphrase needs at least 12 characters. Nothing was sent.")).toBeVisible();
  await admin.getByLabel(/^Passphrase/).fill(phrase);
  await admin.getByLabel("The link works for").selectOption("1 hour");
  await sendLink(admin, "maria@cirrus.example");
  const { link, text } = await mailTo("maria@cirrus.example");
  expect(text).not.toContain(phrase);
  expect(text.split(link), "the link stands in the mail once").toHaveLength(2);
  const contact = await pageOf(browser);
  await contact.goto(link);
  await contact.getByLabel("The passphrase that the sender tells you").fill("it is not this one");
  await contact.getByLabel("The passphrase that the sender tells you").press("Enter");
  await expect(contact.getByText("This passphrase is not right", { exact: false })).toBeVisible();
  await contact.getByLabel("The passphrase that the sender tells you").fill(` ${phrase} `);
  await reveal(contact);
  await expect(admin.getByText("1 of 10 answers tried").or(admin.getByText("2 of 10 answers tried"))).toBeVisible();
});

test("five wrong answers shut a network out, in words that say until when; the admin sees them", async ({ browser }) => {
  const { admin } = await made(browser);
  await admin.getByRole("radio", { name: /^A passphrase/ }).check();
  await sendLink(admin, "maria@cirrus.example");
  const { link } = await mailTo("maria@cirrus.example");
  const contact = await pageOf(browser, {}, [/status of 429/]);
  await contact.goto(link);
  const press = contact.getByRole("button", { name: "Reveal the values once" });
  for (let tries = 1; tries <= 5; tries++) {
    await contact.getByLabel("The passphrase that the sender tells you").fill(`guess number ${tries}`);
    await press.click();
    await expect(admin.getByText(`${tries} of 10 answers tried`)).toBeVisible();
    await expect(press).toBeEnabled();
  }
  await press.click();
  await expect(contact.getByText(/Too many tries from this network\. Try again later\. Again from .* (UTC|GMT)/)).toBeVisible();
});

test("a link for a person who signs in: somebody else is told whom it is for, that person reveals", async ({ browser }) => {
  const { admin } = await made(browser);
  await admin.getByRole("radio", { name: /^A sign-in as maria/ }).check();
  await sendLink(admin, "maria@cirrus.example");
  const { link } = await mailTo("maria@cirrus.example");
  const context: Person = await browserFor(browser);
  const contact = await context.newPage();
  await contact.goto(link);
  await contact.getByRole("button", { name: "Reveal the values once" }).click();
  await expect(contact.getByText("Sign in as maria@cirrus.example first.")).toBeVisible();
  const signIn = async (upn: string) => {
    const [tab] = await Promise.all([
      context.waitForEvent("page"),
      contact.getByRole("link", { name: "Sign in as m…@cirrus.example" }).click(),
    ]);
    await signInAs(tab, upn);
    await expect(tab.getByRole("heading", { name: "You are signed in" })).toBeVisible();
    await tab.close();
  };
  await signIn("sam@cirrus.example");
  await contact.getByRole("button", { name: "Reveal the values once" }).click();
  await expect(contact.getByText("You are signed in as sam@cirrus.example. This is for maria@cirrus.example.")).toBeVisible();
  await context.clearCookies();
  await signIn("maria@cirrus.example");
  await reveal(contact);
});

test("a link that asks for nothing needs the admin's word; withdrawn, it opens nothing and its secret can be removed", async ({
  browser,
}) => {
  const { admin } = await made(browser);
  await admin.getByRole("radio", { name: /^Nothing/ }).check();
  await admin.getByRole("button", { name: "Show the link, to give it myself" }).click();
  await expect(admin.getByText("Say that you accept it", { exact: false })).toBeVisible();
  const link = await takeLink(admin);
  await admin.reload();
  await expect(admin.getByTestId("handoff-link"), "shown once").toHaveCount(0);
  await admin.getByRole("button", { name: "Withdraw the link" }).click();
  await expect(admin.getByRole("heading", { level: 1, name: "The link is over" })).toBeVisible();
  const contact = await pageOf(browser);
  await contact.goto(link);
  await expect(contact.getByRole("heading", { level: 1 })).toHaveText("This link was withdrawn");
  await admin.getByRole("button", { name: "Remove the secret now" }).click();
  await expect.poll(secretsNow).toEqual([]);
  await expect(admin.getByRole("button", { name: "Remove the secret now" })).toHaveCount(0);
});

test("confirm live: an error becomes the admin's task with its likely cause, then it works; nothing that looks like a secret is kept", async ({
  browser,
}) => {
  const { admin, support } = await made(browser);
  await sendLink(admin, "maria@cirrus.example");
  const { link } = await mailTo("maria@cirrus.example");
  const contact = await pageOf(browser);
  await contact.goto(link);
  await revealWithCode(contact, "maria@cirrus.example");
  const secret = await shownValue(contact, "Client secret value");
  await contact.getByRole("button", { name: "I have stored them, hide" }).click();
  await expect(contact.getByText(secret)).toHaveCount(0);
  await expectAccessible(contact);
  await contact.getByText("It does not work", { exact: true }).click();
  await contact.getByRole("button", { name: "Send it to the admin" }).click();
  await expect(contact.getByText("Paste the error that the product shows. Nothing was sent.")).toBeVisible();
  await contact
    .getByLabel("The error that the product shows")
    .fill(`Login failed with ${secret}\nAADSTS7000215: Invalid client secret provided. Ensure it is the value, not the ID. ${secret}`);
  await contact.getByRole("button", { name: "Send it to the admin" }).click();
  await expect(contact.getByText("Sent. Contoso Ltd sees it with its likely cause.")).toBeVisible();
  await expect(admin.getByRole("heading", { level: 1, name: "Handed over, but it does not work yet" })).toBeVisible();
  await expect(admin.getByText("As a rule the Secret ID was entered in place of the secret value", { exact: false })).toBeVisible();
  await expect(admin.locator("body")).not.toContainText(secret);
  const notice = await mailTo("adele@contoso.com", /^It does not work yet/);
  expect(notice.text).toContain("AADSTS7000215");
  expect(notice.text).not.toContain(secret);
  await contact.getByRole("button", { name: "It works" }).click();
  await expect(contact.getByText("Thank you. Contoso Ltd is told.")).toBeVisible();
  await expect(admin.getByText("The contact says that it works. Nothing is left to do.")).toBeVisible();
  await expectAccessible(admin);
  await support.goto(admin.url().replace("/o/", "/desk/").replace("/run", ""));
  await expect(support.getByText("Contact says: it does not work")).toBeVisible();
  await expect(support.getByText("Contact says: it works")).toBeVisible();
});

test("it was not me: the alarm reaches the admin by page and mail, and one press takes the secret away", async ({ browser }) => {
  const { admin } = await made(browser);
  const thief = await pageOf(browser);
  const link = await takeLink(admin);
  await thief.goto(link);
  await reveal(thief);
  const values = {
    applicationId: await shownValue(thief, "Application (client) ID"),
    tenantId: await shownValue(thief, "Tenant (directory) ID"),
    secret: await shownValue(thief, "Client secret value"),
  };
  await foreignClient(values);
  const contact = await pageOf(browser);
  await contact.goto(link);
  await expect(contact.getByRole("heading", { level: 1 })).toHaveText("These values were revealed already");
  await contact.getByRole("button", { name: "It wasn’t me" }).click();
  await expect(contact.getByText("Contoso Ltd is alarmed by mail", { exact: false })).toBeVisible();
  await expect(admin.getByRole("heading", { level: 1, name: "Somebody else may have the secret" })).toBeVisible();
  expect((await mailTo("adele@contoso.com", /^Somebody else may have the secret/)).text).toContain("/run");
  await sandbox.post("faults", { method: "POST", path: "removePassword$", times: 1, status: 403, code: "Authorization_RequestDenied" });
  await admin.getByRole("button", { name: "Remove the secret now" }).click();
  await expect(admin.getByText("removePassword", { exact: false }).first(), "what Microsoft refused").toBeVisible();
  expect(await secretsNow(), "nothing is said to be removed that is still there").toHaveLength(1);
  await admin.getByRole("button", { name: "Try again" }).click();
  await expect(admin.getByRole("heading", { level: 1, name: "The secret is removed" })).toBeVisible();
  expect(await secretsNow()).toEqual([]);
  await expect(foreignClient(values), "whoever has it is locked out").rejects.toThrow(/7000215/);
  await admin.getByRole("button", { name: "Issue a new credential and link" }).first().click();
  await provisioned(admin);
  expect(await secretsNow()).toHaveLength(1);
});

test("the next secret is issued beside the one in use; the older one goes when the contact says that it works", async ({ browser }) => {
  const { admin } = await made(browser);
  const first = await pageOf(browser);
  await first.goto(await takeLink(admin));
  await reveal(first);
  const [older] = await secretsNow();
  await admin.getByText("Issue the next secret before this one ends").click();
  await admin.getByLabel(/Both stay valid/).selectOption("7 days");
  await admin.getByRole("button", { name: "Issue the next secret and a link for it" }).click();
  await provisioned(admin);
  const both = await secretsNow();
  expect(both).toHaveLength(2);
  expect(both, "the one in use stays").toContain(older);
  const second = await pageOf(browser);
  await second.goto(await takeLink(admin));
  await reveal(second);
  await foreignClient({
    applicationId: await shownValue(second, "Application (client) ID"),
    tenantId: await shownValue(second, "Tenant (directory) ID"),
    secret: await shownValue(second, "Client secret value"),
  });
  await expect(admin.getByText("The older secret stays valid until the contact says", { exact: false })).toBeVisible();
  expect(await secretsNow()).toHaveLength(2);
  await second.getByRole("button", { name: "I have stored them, hide" }).click();
  await second.getByRole("button", { name: "It works" }).click();
  await expect.poll(secretsNow, { timeout: 20_000 }).toEqual(both.filter((keyId) => keyId !== older));
  await expect(admin.getByText("The older secret stays valid", { exact: false })).toHaveCount(0);
  await expect(admin.getByRole("region", { name: "Removing a secret" })).toHaveCount(0);
});

test("nobody opens the link in time: the values are deleted, the admin is told, and the secret goes as they had asked", async ({
  browser,
}) => {
  const { admin } = await made(browser);
  await sendLink(admin, "maria@cirrus.example");
  const { link } = await mailTo("maria@cirrus.example");
  const [, handoff] = /\/h\/([0-9a-f-]{36})/.exec(link)!;
  expect(await secretsNow()).toHaveLength(1);
  await withDatabase((query) => query(`UPDATE "Handoff" SET "expiresAt" = now() - interval '1 second' WHERE "id" = '${handoff}'`));
  const contact = await pageOf(browser);
  await contact.goto(link);
  await expect(contact.getByRole("heading", { level: 1 }), "even before anything is swept").toHaveText("This link has expired");
  // Once a minute any of the portal's processes sweeps; here it is asked to.
  await withDatabase((query) => query(`INSERT INTO pgboss.job ("name", "policy") VALUES ('sweep', 'singleton')`));
  await expect(admin.getByRole("heading", { level: 1, name: "The link is over" })).toBeVisible({ timeout: 100_000 });
  expect(await withDatabase((query) => query(`SELECT 1 FROM "HandoffCipher" WHERE "handoffId" = '${handoff}'`))).toEqual([]);
  expect((await mailTo("adele@contoso.com", /^Nobody opened the one-time link in time/)).text).toContain("the secret is removed");
  await admin.reload();
  await expect.poll(secretsNow, { timeout: 20_000 }).toEqual([]);
  await expect(admin.getByText("Nobody opened the link in time", { exact: true })).toBeVisible();
});

test("the page of a handoff is a page of its own: small, without a framework, told to keep nothing, used by keyboard alone", async ({
  browser,
}) => {
  const { admin } = await made(browser);
  const link = await takeLink(admin);
  const context = await browserFor(browser);
  const contact = await context.newPage();
  const client = await context.newCDPSession(contact);
  await client.send("Network.enable");
  let transferred = 0;
  client.on("Network.loadingFinished", ({ encodedDataLength }) => {
    transferred += encodedDataLength;
  });
  const answers: Promise<{ url: string; headers: Record<string, string> }>[] = [];
  contact.on("response", (response) => {
    answers.push(response.allHeaders().then((headers) => ({ url: response.url(), headers })));
  });
  await contact.goto(link);
  await expect(contact.getByText("once", { exact: true }), "said before anything is pressed").toBeVisible();
  await expectAccessible(contact);
  const button = contact.getByRole("button", { name: "Reveal the values once" });
  for (let presses = 0; presses < 8 && !(await button.evaluate((node) => node === document.activeElement)); presses++)
    await contact.keyboard.press("Tab");
  await contact.keyboard.press("Enter");
  await expect(contact.getByRole("heading", { level: 1, name: "Values from Contoso Ltd for Cirrus Connect" })).toBeFocused();
  await expectAccessible(contact);
  expect(transferred).toBeLessThan(20_000);
  expect(await contact.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie, location.href])).toEqual([
    ...[0, 0, ""],
    link.split("#")[0],
  ]);
  const seen = (await Promise.all(answers)).filter(({ url }) => /\/h\//.test(url));
  expect(seen.map(({ url }) => new URL(url).pathname.replace(/[0-9a-f-]{36}/, "…"))).toEqual([
    "/h/…",
    "/api/h/…/status",
    "/api/h/…/reveal",
  ]);
  for (const { url, headers } of seen) {
    const policy = headers["content-security-policy"]!;
    expect(headers, url).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "strict-transport-security": expect.stringMatching(/max-age=31536000/),
      "x-robots-tag": expect.stringContaining("noindex"),
    });
    for (const part of ["camera=()", "clipboard-read=()", "clipboard-write=(self)", "geolocation=()"])
      expect(headers["permissions-policy"]).toContain(part);
    for (const directive of [
      "default-src 'none'",
      "script-src 'self'",
      "connect-src 'self'",
      "form-action 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ])
      expect(policy).toContain(directive);
    expect(policy).not.toMatch(/unsafe|\*/);
    for (const leak of ["set-cookie", "access-control-allow-origin", "x-powered-by", "server"]) expect(headers[leak], leak).toBeUndefined();
  }
  // Back, forward, reload and a second tab: the values are gone, and it is said when they were shown.
  const secret = await shownValue(contact, "Client secret value");
  await contact.goto("about:blank");
  await contact.goBack();
  await expect(contact.getByText(secret)).toHaveCount(0);
  const tab = await context.newPage();
  await tab.goto(link);
  await expect(tab.getByText(/They were shown once, on .* (UTC|GMT)/)).toBeVisible();
});

test("names full of markup and of right-to-left letters are text on the contact's page", async ({ browser }) => {
  const customer = `<img src=x onerror=alert(1)></script><b>‮Ltd "&'`;
  const support = await (await browserFor(browser)).newPage();
  const invitation = await invite(support, { customer });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, invitation, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  const contact = await pageOf(browser);
  const violations: string[] = [];
  await contact.addInitScript(() =>
    addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective}`)),
  );
  contact.on("console", (message) => {
    if (message.text().startsWith("CSP:")) violations.push(message.text());
  });
  const link = await takeLink(admin);
  await contact.goto(link);
  await expect(contact.getByRole("heading", { level: 1 })).toContainText("<img src=x onerror=alert(1)>");
  // No form takes a name of this length; the page must stand it all the same.
  const nameIt = (name: string) =>
    withDatabase((query) => query(`UPDATE "Onboarding" SET "customerName" = ${name} WHERE "id" = '${onboardingId(invitation)}'`));
  await nameIt(`"customerName" || repeat('W', 65536)`);
  await contact.setViewportSize({ width: 390, height: 844 });
  await contact.goto("about:blank");
  await contact.goto(link);
  await expect(contact.getByRole("heading", { level: 1 })).toContainText(/W{1000}/);
  expect(await contact.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await reveal(contact);
  expect(await contact.locator("img, b").count()).toBe(0);
  expect(violations).toEqual([]);
  await nameIt(`'Contoso Ltd'`);
});

test("what the contact's browser keeps opens nothing: the secret is in no file of it, and the link in its history is used up", async ({
  browser,
}, info: TestInfo) => {
  const { admin } = await made(browser);
  const link = await takeLink(admin);
  const profile = info.outputPath("profile");
  const own = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM_PATH!, args: ["--no-sandbox"] });
  const contact = own.pages()[0] ?? (await own.newPage());
  await contact.goto(link);
  await reveal(contact);
  const secret = await shownValue(contact, "Client secret value");
  await own.close();
  const found = readdirSync(profile, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .filter((entry) => {
      const bytes = readFileSync(path.join(entry.parentPath, entry.name));
      return [secret, Buffer.from(secret).toString("base64").replace(/=+$/, ""), Buffer.from(secret).toString("hex")].some(
        (text) => bytes.includes(text) || bytes.includes(Buffer.from(text, "utf16le")),
      );
    });
  expect(found.map(({ name }) => name)).toEqual([]);
  const replay = await pageOf(browser);
  await replay.goto(link);
  await expect(replay.getByRole("heading", { level: 1 })).toHaveText("These values were revealed already");
});

test("pages of others, other methods and the receipts of other tenants get nothing", async ({ browser }) => {
  const { admin } = await made(browser);
  const link = await takeLink(admin);
  const [, handoff] = /\/h\/([0-9a-f-]{36})/.exec(link)!;
  const stranger = (await browserFor(browser)).request;
  const post = (act: string, headers: Record<string, string>) =>
    stranger.post(`/api/h/${handoff}/${act}`, { data: { proof: "x" }, headers: { origin: stack.baseUrl, ...headers } });
  for (const act of ["status", "code", "reveal", "said"]) {
    expect((await post(act, { origin: "https://evil.example" })).status(), act).toBe(403);
    expect((await post(act, { "sec-fetch-site": "cross-site" })).status(), act).toBe(403);
    expect((await stranger.get(`/api/h/${handoff}/${act}`)).status(), act).toBe(405);
  }
  expect((await post("nothing", {})).status()).toBe(404);
  const answers = await Promise.all(
    ["00000000-0000-4000-8000-000000000000", handoff!, "..%2f..%2fetc"].map(async (id) => {
      const answer = await stranger.post(`/api/h/${id}/status`, { data: { proof: "A".repeat(43) }, headers: { origin: stack.baseUrl } });
      return [answer.status(), await answer.text()];
    }),
  );
  expect(new Set(answers.map(String)).size, "unknown, wrong and malformed look alike").toBe(1);
  for (const page of [admin.url(), admin.url().replace("/run", "/audit/export")]) {
    const answer = await stranger.get(page);
    expect(await answer.text(), "nobody else sees a receipt").not.toContain(handoff);
  }
  const own = await (await admin.request.get(admin.url().replace("/run", "/audit/export"))).text();
  expect(own, "the record holds no capability").not.toContain(link.split("#")[1]);
});

test("the vendor's own system fetches the values once, sealed to its key: no link exists, and no person sees the secret", async ({
  browser,
}) => {
  const { publicKey, privateKey } = await generateKeyPair("ECDH-ES+A256KW", { crv: "P-256", extractable: true });
  const { kty, crv, x, y } = await exportJWK(publicKey);
  const file = path.join(stackNow().catalogueFolder, "northwind-sync.yaml");
  const plain = readFileSync(path.join(stackNow().catalogueFolder, "northwind-backup.yaml"), "utf8");
  const key = JSON.stringify({ kty, crv, x, y, kid: "northwind-2026" });
  writeFileSync(
    file,
    `${plain.replace("id: northwind-backup", "id: northwind-sync").replace("name: Northwind Backup", "name: Northwind Sync")}  machineKey: ${key}\n`,
  );
  await restartPortal();
  const token = async (clientId: string, secret: string, scope: string) => {
    const { tenants } = await sandbox.state();
    const answer = await fetch(`${stack.sandboxUrl}/${tenants[0]!.id}/oauth2/v2.0/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "client_credentials", client_id: clientId, client_secret: secret, scope }),
    });
    return ((await answer.json()) as { access_token?: string }).access_token ?? "";
  };
  const fetchFor = async (id: string, bearer: string) => {
    const answer = await fetch(`${stack.baseUrl}/api/v1/onboardings/${id}/handoff`, {
      method: "POST",
      headers: bearer ? { authorization: `Bearer ${bearer}` } : {},
    });
    return { status: answer.status, body: (await answer.json()) as { registrations?: { jwe: string }[] } };
  };
  const portalScope = `api://${PORTAL_CLIENT_ID}/.default`;
  const systemToken = () => token(VENDOR_SYSTEM.clientId, VENDOR_SYSTEM.secret, portalScope);
  try {
    const support = await pageOf(browser);
    const link = await invite(support, { product: "Northwind Sync" });
    const admin = await pageOf(browser);
    await enter(admin, link, "adele@contoso.com");
    await chooseAndApprove(admin, ["Mailbox backup"]);
    await acceptConsent(admin);
    await provisioned(admin);
    const id = onboardingId(link);
    expect((await fetchFor(id, await systemToken())).status, "not before the admin releases it").toBe(404);
    await admin.getByRole("button", { name: "Let Northwind Traders’s system fetch them" }).click();
    await expect(admin.getByText("Northwind Traders’s system can fetch the values, once, sealed to its key.")).toBeVisible();
    expect((await fetchFor(id, "")).status).toBe(401);
    expect((await fetchFor(id, "not.a.token")).status).toBe(401);
    expect(
      (await fetchFor(id, await token(VENDOR_SYSTEM.clientId, VENDOR_SYSTEM.secret, `${stack.sandboxUrl}/.default`))).status,
      "for Graph",
    ).toBe(401);
    const both = await Promise.all([fetchFor(id, await systemToken()), fetchFor(id, await systemToken())]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404]);
    const { body } = both.find(({ status }) => status === 200)!;
    const { plaintext } = await compactDecrypt(body.registrations![0]!.jwe, privateKey);
    const values = JSON.parse(Buffer.from(plaintext).toString()) as { applicationId: string; tenantId: string; secretValue: string };
    const call = await foreignClient({ ...values, secret: values.secretValue });
    expect((await call("/users/adele@contoso.com/messages?$top=1")).status).toBe(200);
    await expect(admin.getByRole("list", { name: "Receipts" })).toContainText(
      "Collected by the vendor’s own system; no person saw the secret",
    );
    expect((await fetchFor(id, await systemToken())).status, "once").toBe(404);
  } finally {
    rmSync(file);
  }
});
