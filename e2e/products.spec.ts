import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Page, TestInfo } from "@playwright/test";
import { newCertificate } from "./certificate";
import { assertingClient, foreignClient, shownCell, shownValue } from "./clients";
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
  provisioned,
  restartPortal,
  reveal,
  revealWithCode,
  sandbox,
  sendLink,
  stack,
  stackNow,
  takeLink,
  tenantOf,
  test,
  tickWhatComesFirst,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());

type Story = { product: string; features: string[]; without?: string[]; also?: (admin: Page) => Promise<unknown>; admin?: string };
/** From the invitation to a run that is done. */
async function provisionedProduct(
  browser: Parameters<typeof browserFor>[0],
  { product, features, also, admin: upn = "adele@contoso.com" }: Story,
) {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product, contact: "contact@vendor.example" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, upn);
  await chooseAndApprove(admin, features, also && (() => also(admin)));
  await acceptConsent(admin);
  await provisioned(admin);
  return { admin, link };
}
/** The admin takes the link; the contact reveals. */
async function revealed(browser: Parameters<typeof browserFor>[0], admin: Page): Promise<Page> {
  const contact = await (await browserFor(browser)).newPage();
  await contact.goto(await takeLink(admin));
  await reveal(contact);
  await expect(contact.getByText("Shown once: store them now")).toBeVisible();
  return contact;
}
const clientOf = async (contact: Page) =>
  foreignClient({
    applicationId: await shownValue(contact, "Application (client) ID"),
    tenantId: await shownValue(contact, "Tenant (directory) ID"),
    secret: await shownValue(contact, "Client secret value"),
  });
type Registered = {
  displayName: string;
  appId: string;
  passwords: unknown[];
  keyCredentials: unknown[];
  web: { redirectUris: string[] };
  spa: { redirectUris: string[] };
  publicClient: { redirectUris: string[] };
  servicePrincipals: { roles: string[]; grants: { consentType: string; scopes: string[] }[] }[];
};
const registered = async () =>
  ((await (await fetch(`${stack.sandboxUrl}/_sandbox/tenants/contoso.com`)).json()) as { applications: Registered[] }).applications;

test("Cirrus Connect: delegated permissions for one service account only, and the mailbox script with its values", async ({ browser }) => {
  const { admin } = await provisionedProduct(browser, {
    product: "Cirrus Connect",
    features: ["Outlook mail", "Outlook Calendar"],
    also: async (page) => {
      await page.getByRole("radio", { name: /Only one account/ }).check();
      await page.getByRole("textbox", { name: /^Service account/ }).fill("nora@contoso.com");
      await page.getByRole("textbox", { name: /^Shared mailboxes/ }).fill("sales@contoso.com\ninfo@contoso.com");
    },
  });
  const [application] = await registered();
  expect(application?.servicePrincipals[0]?.grants).toMatchObject([
    { consentType: "Principal", scopes: ["Mail.ReadWrite.Shared", "Mail.Send.Shared", "offline_access", "openid", "profile"] },
  ]);
  const script = admin.getByRole("region", { name: "the script" });
  await expect(script).toContainText("$account = 'nora@contoso.com'");
  await expect(script).toContainText("@('sales@contoso.com', 'info@contoso.com')");
  await expectAccessible(admin);
  const call = await clientOf(await revealed(browser, admin));
  expect((await call("/users/nora@contoso.com/events")).status).toBe(200);
});

test("an account that the tenant does not have is said so before anything is written", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product: "Cirrus Connect" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook mail"], async () => {
    await admin.getByRole("radio", { name: /Only one account/ }).check();
    await admin.getByRole("textbox", { name: /^Service account/ }).fill("nobody@contoso.com");
  });
  await acceptConsent(admin);
  await expect(admin.getByText("Your tenant has no account nobody@contoso.com.").first()).toBeVisible({ timeout: 30_000 });
  expect((await contosoNow()).applications).toEqual([]);
});

test("Cirrus Insight: prerequisites first, the test account is tried, and the customer's own person gets the values", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product: "Cirrus Insight", contact: "contact@vendor.example" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  await admin.getByRole("checkbox", { name: "Calendar Scheduling" }).check();
  await admin.getByLabel("Test account").fill("nora@contoso.com");
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await expect(admin.getByText("2 things come first")).toBeVisible();
  await expect(admin.getByRole("button", { name: "Approve and provision" })).toHaveCount(0);
  await tickWhatComesFirst(admin);
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await admin.waitForURL(/\/run/);
  await acceptConsent(admin);
  await provisioned(admin);
  await expect(admin.getByText("Read one calendar entry of the test account")).toBeVisible();
  await admin.getByText(/Somebody else\?/).click();
  await admin.getByLabel(/E-mail of your own person/).fill("insight-admin@contoso.com");
  await admin.getByRole("button", { name: "Use this address" }).click();
  await sendLink(admin, "insight-admin@contoso.com");
  const contact = await (await browserFor(browser)).newPage();
  await contact.goto((await mailTo("insight-admin@contoso.com")).link);
  await revealWithCode(contact, "insight-admin@contoso.com");
  const call = await clientOf(contact);
  expect((await call("/users/nora@contoso.com/messages")).status).toBe(200);
});

test("Cirrus Insight for chosen mailboxes: nothing is granted for the tenant, and Exchange gets a script with the application's own IDs", async ({
  browser,
}) => {
  const { admin } = await provisionedProduct(browser, {
    product: "Cirrus Insight",
    features: ["Calendar Sync", "Email Sync"],
    also: async (page) => {
      await page.getByRole("radio", { name: /RBAC for Applications/ }).check();
      await expect(page.getByText("Chosen mailboxes only").first()).toBeVisible();
      await page.getByLabel("Test account").fill("nora@contoso.com");
      await page.getByLabel("Group of mailboxes").fill("insight@contoso.com");
    },
  });
  const [application] = await registered();
  expect(application?.servicePrincipals[0]).toMatchObject({ roles: [], grants: [] });
  const script = admin.getByRole("region", { name: /the script/ }).first();
  await expect(script).toContainText(`$appId = '${application!.appId}'`);
  await expect(script).toContainText("Test-ServicePrincipalAuthorization -Identity $appId -Resource 'nora@contoso.com'");
  const step = admin.getByRole("listitem").filter({ hasText: "Give Cirrus Insight the mail of the group" });
  await step.getByLabel("Note or evidence").fill("InScope True");
  await step.getByRole("button", { name: "Re-check tomorrow" }).click();
  await expect(step.getByText(/Look at it again after/)).toBeVisible();
  await step.getByRole("button", { name: "Mark as done" }).click();
  await expect(step.getByText("Done", { exact: true })).toBeVisible();
  const call = await clientOf(await revealed(browser, admin));
  expect((await call("/users/nora@contoso.com/messages")).status, "until Exchange grants it").toBe(403);
});

test("Luware LUCS: a registration for each component and instance, open questions shown, one table for the contact", async ({
  browser,
}) => {
  const { admin } = await provisionedProduct(browser, {
    product: "Luware LUCS",
    features: ["Agent Controller (AC)", "Calendar Integration (CI)", "Customer Infrastructure Connector (CIC)"],
    also: async (page) => {
      await expect(page.getByText("Vendor to confirm.").first()).toBeVisible();
      await page.getByRole("radio", { name: "Yes" }).check();
      await page.getByLabel(/How many instances of Calendar Integration/).selectOption("2");
      await expectAccessible(page);
    },
  });
  expect((await registered()).map(({ displayName }) => displayName).toSorted()).toEqual([
    "Luware-TM-AC",
    "Luware-TM-CI",
    "Luware-TM-CI-02",
    "Luware-TM-CIC",
  ]);
  const contact = await revealed(browser, admin);
  await expect(contact.getByRole("rowheader")).toHaveText(["Luware-TM-AC", "Luware-TM-CI", "Luware-TM-CI-02", "Luware-TM-CIC"]);
  await expectAccessible(contact);
  const ids = await contact.locator('td[data-label="Application (client) ID"] code').allInnerTexts();
  expect(new Set(ids).size).toBe(4);
  const call = await foreignClient({
    applicationId: await shownCell(contact, "Luware-TM-CIC", "Application (client) ID"),
    tenantId: await shownValue(contact, "Tenant (directory) ID"),
    secret: await shownCell(contact, "Luware-TM-CIC", "Client secret value"),
  });
  expect((await call("/users")).status).toBe(200);
});

test("Bright Pattern EMI: the host becomes the redirect URI, and whatever is not a host is refused with the reason", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product: "Bright Pattern EMI", contact: "contact@vendor.example" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  await admin.getByRole("checkbox", { name: "Enterprise messenger" }).check();
  const host = admin.getByLabel("Your Bright Pattern host name");
  for (const [wrong, reason] of [
    ["https://acme.brightpattern.com", /without https/],
    ["*.brightpattern.com", /wildcard/],
    ["10.1.2.3", /IP address/],
    ["acme.brightpattern.com:443", /without a port/],
    ["аcme.brightpattern.com", /imitate/],
  ] as const) {
    await host.fill(wrong);
    await admin.getByRole("button", { name: "Review the plan" }).click();
    await expect(admin.getByText(reason).first()).toBeVisible();
    await expect(host, "what was typed is still there").toHaveValue(wrong);
  }
  await host.fill("acme.brightpattern.com");
  await admin.getByLabel("How long the client secret is valid").selectOption("12");
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await tickWhatComesFirst(admin);
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await admin.waitForURL(/\/run/);
  await acceptConsent(admin);
  await provisioned(admin);
  const [application] = await registered();
  expect(application?.web.redirectUris).toEqual(["https://acme.brightpattern.com/agentdesktop/msteamscallback.html"]);
  expect(application?.servicePrincipals[0]?.roles).toHaveLength(4);
  expect(application?.servicePrincipals[0]?.grants[0]?.scopes).toHaveLength(9);
  const call = await clientOf(await revealed(browser, admin));
  expect((await call("/users")).status).toBe(200);
});

test("Bright Pattern EMI allows one registration per tenant: one that was made by hand is found, adopted, and keeps what it has", async ({
  browser,
}) => {
  await sandbox.post("tenants/contoso.com/applications", {
    displayName: "Old EMI",
    redirectUris: ["https://old.brightpattern.com/agentdesktop/msteamscallback.html"],
    secrets: 1,
    permissions: { application: ["User.Read.All", "Mail.Read"], delegated: ["User.Read"] },
  });
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product: "Bright Pattern EMI" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Enterprise messenger"], async () => {
    await admin.getByLabel("Your Bright Pattern host name").fill("acme.brightpattern.com");
  });
  await acceptConsent(admin);
  await expect(admin.getByText("Bright Pattern EMI Server may exist only once in a tenant")).toBeVisible({ timeout: 30_000 });
  await expect(admin.getByRole("button", { name: "Approve and provision" })).toHaveCount(0);
  await admin.getByRole("button", { name: "Use this one" }).click();
  await expect(admin.getByText("Use the app registration Old EMI for Bright Pattern EMI Server")).toBeVisible();
  await expect(admin.getByText(/Kept as it is, not ours: .*old\.brightpattern\.com.*Mail\.Read.*1 secret/)).toBeVisible();
  await expectAccessible(admin);
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);
  const applications = await registered();
  expect(applications).toHaveLength(1);
  expect(applications[0]?.displayName, "the name is the customer's").toBe("Old EMI");
  expect(applications[0]?.web.redirectUris).toEqual([
    "https://old.brightpattern.com/agentdesktop/msteamscallback.html",
    "https://acme.brightpattern.com/agentdesktop/msteamscallback.html",
  ]);
  expect(applications[0]?.passwords, "theirs and the new one").toHaveLength(2);
  expect(applications[0]?.servicePrincipals[0]?.roles).toContain("Mail.Read");
  expect(applications[0]?.servicePrincipals[0]?.grants[0]?.scopes).toHaveLength(10);
  // Undoing takes away what was added, and nothing else.
  await admin.getByRole("link", { name: "Undo everything done here" }).click();
  await admin.getByRole("button", { name: /^Undo/ }).click();
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("Everything that this portal made is gone", { timeout: 60_000 });
  const [left] = await registered();
  expect(left?.web.redirectUris).toEqual(["https://old.brightpattern.com/agentdesktop/msteamscallback.html"]);
  expect(left?.passwords).toHaveLength(1);
  expect(left?.servicePrincipals[0]?.roles).toEqual(["Mail.Read", "User.Read.All"]);
  expect(left?.servicePrincipals[0]?.grants[0]?.scopes).toEqual(["User.Read"]);
});

test("SecurEnds: the existing connector's registration is searched by name, only what is missing is added, and a new secret works", async ({
  browser,
}) => {
  await sandbox.post("tenants/contoso.com/applications", {
    displayName: "SecurEnds Azure AD",
    secrets: 1,
    permissions: { application: ["User.Read.All"] },
  });
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product: "SecurEnds", contact: "contact@vendor.example" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  await admin.getByRole("checkbox", { name: "Office 365 connector" }).check();
  await admin.getByRole("radio", { name: /Application permissions only/ }).check();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await admin.getByText("Use a registration that is there already").click();
  await admin.getByLabel("Start of its name, or its application ID").fill("SecurEnds");
  await admin.getByRole("button", { name: "Search my tenant" }).click();
  await admin.getByRole("button", { name: "Let the portal look" }).click();
  await acceptConsent(admin);
  await admin.getByText("Use a registration that is there already").click();
  await admin.getByLabel("Start of its name, or its application ID").fill("SecurEnds");
  await admin.getByRole("button", { name: "Search my tenant" }).click();
  await admin.getByRole("button", { name: "Use this one" }).click();
  await expect(admin.getByText("Use the app registration SecurEnds Azure AD")).toBeVisible();
  await expect(admin.getByText("Grant 1 application permission")).toBeVisible();
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);
  const applications = await registered();
  expect(applications).toHaveLength(1);
  expect(applications[0]?.servicePrincipals[0]?.roles).toEqual(["Directory.Read.All", "User.Read.All"]);
  const call = await clientOf(await revealed(browser, admin));
  expect((await call("/groups")).status).toBe(200);
});

test("a certificate in place of a secret: a private key is refused in the browser, the public part is added, and only its owner gets in", async ({
  browser,
}, testInfo: TestInfo) => {
  const [{ pem, privateKey: own }, { privateKey }] = [await newCertificate(), await newCertificate()];
  const withKey = testInfo.outputPath("with-key.pem");
  const publicPart = testInfo.outputPath("acme.cer");
  writeFileSync(withKey, `${own}\n${pem}`);
  writeFileSync(publicPart, pem);
  const { admin } = await provisionedProduct(browser, {
    product: "Bright Pattern EMI",
    features: ["Enterprise messenger"],
    also: async (page) => {
      await page.getByLabel("Your Bright Pattern host name").fill("acme.brightpattern.com");
      await page.getByRole("radio", { name: /The vendor’s certificate/ }).check();
      const chooser = page.locator('input[type="file"]');
      await chooser.setInputFiles(withKey);
      await expect(page.getByText(/holds a private key. It was not uploaded/)).toBeVisible();
      await page.getByRole("button", { name: "Review the plan" }).click();
      await expect(page.getByText(/Upload the public certificate/)).toBeVisible();
      await chooser.setInputFiles(publicPart);
      await expect(page.getByText(new X509Certificate(pem).fingerprint.replaceAll(":", ""))).toBeVisible();
    },
  });
  const [application] = await registered();
  expect(application).toMatchObject({ passwords: [], keyCredentials: [{ type: "AsymmetricX509Cert", usage: "Verify" }] });
  const contact = await revealed(browser, admin);
  await expect(contact.getByText("it signs in with the certificate of this thumbprint")).toBeVisible();
  const values = {
    applicationId: await shownValue(contact, "Application (client) ID"),
    tenantId: await shownValue(contact, "Tenant (directory) ID"),
  };
  const thumbprint = Buffer.from(await shownValue(contact, "Certificate thumbprint"), "hex").toString("base64url");
  const claims = {
    issuer: values.applicationId,
    subject: values.applicationId,
    audience: `${stack.sandboxUrl}/${values.tenantId}/oauth2/v2.0/token`,
  };
  const call = await assertingClient(values, { privateKey: own, header: { x5t: thumbprint }, ...claims });
  expect((await call("/users")).status).toBe(200);
  await expect(assertingClient(values, { privateKey, header: { x5t: thumbprint }, ...claims }), "somebody else's key").rejects.toThrow(
    /AADSTS700027/,
  );
});

test("a tenant that forbids secrets: the certificate is offered in their place, and what was done stays", async ({ browser }, testInfo) => {
  await sandbox.post("tenants/contoso.com/policies", { secrets: "blocked" });
  const { pem } = await newCertificate();
  const file = testInfo.outputPath("acme.cer");
  writeFileSync(file, pem);
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product: "Bright Pattern EMI" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Enterprise messenger"], () =>
    admin.getByLabel("Your Bright Pattern host name").fill("acme.brightpattern.com"),
  );
  await acceptConsent(admin);
  await admin.getByRole("link", { name: "Choose another kind of credential" }).click({ timeout: 60_000 });
  await admin.getByRole("radio", { name: /The vendor’s certificate/ }).check();
  await admin.locator('input[type="file"]').setInputFiles(file);
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await expect(admin.getByText("Add the vendor's public certificate")).toBeVisible();
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);
  expect(await registered()).toMatchObject([{ passwords: [], keyCredentials: [{ usage: "Verify" }] }]);
});

test("a product that is only a file trusts tokens of its own cloud: no secret exists anywhere", async ({ browser }) => {
  const { privateKey: key, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privateKey = key.export({ type: "pkcs8", format: "pem" }).toString();
  const issuer = "https://tokens.northwind.example";
  await fetch(`${stack.sandboxUrl}/_sandbox/issuers`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ issuer, keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256" }] }),
  });
  const { admin } = await provisionedProduct(browser, {
    product: "Northwind Insights",
    features: ["Directory insights"],
    also: (page) => page.getByLabel("Your workspace").fill("contoso-prod"),
  });
  const [application] = await registered();
  expect(application?.passwords).toEqual([]);
  const contact = await revealed(browser, admin);
  const values = {
    applicationId: await shownValue(contact, "Application (client) ID"),
    tenantId: await shownValue(contact, "Tenant (directory) ID"),
  };
  const subject = "workspace:contoso-prod";
  await expect(contact.getByText(subject)).toBeVisible();
  const call = await assertingClient(values, { privateKey, header: { kid: "1" }, issuer, subject, audience: "api://AzureADTokenExchange" });
  expect((await call("/users")).status).toBe(200);
  await expect(
    assertingClient(values, {
      privateKey,
      header: { kid: "1" },
      issuer,
      subject: "workspace:other",
      audience: "api://AzureADTokenExchange",
    }),
  ).rejects.toThrow(/AADSTS70021/);
});

test("a product that is only a file, out of the ordinary in every way: two registrations of different kinds, Exchange's own permission, SPA addresses, an own recipient", async ({
  browser,
}) => {
  const footer = `It's "ours" $(Get-Date) \`n ’; Remove-Item`;
  const { admin } = await provisionedProduct(browser, {
    product: "Adatum Suite",
    features: ["Mail keeper", "Outlook panel"],
    also: async (page) => {
      await page.getByRole("radio", { name: /Client secret/ }).check();
      await expect(page.getByText("Adatum Add-in cannot use it")).toHaveCount(0);
      await page.getByLabel("Add-in host").fill("acme.evil.example");
      await page.getByRole("button", { name: "Review the plan" }).click();
      await expect(page.getByText(/It has to end in \.adatum\.example/).first()).toBeVisible();
      await page.getByLabel("Add-in host").fill("acme.adatum.example");
      await page.getByLabel("Footer").fill(footer);
      await page.getByLabel("How long the client secret is valid").selectOption("6");
    },
  });
  const [archive, addIn] = (await registered()).toSorted((a, b) => b.displayName.localeCompare(a.displayName));
  expect(archive).toMatchObject({ displayName: "Adatum Archive", keyCredentials: [] });
  expect(archive?.servicePrincipals[0]?.roles).toEqual(["User.Read.All", "full_access_as_app"]);
  expect(addIn).toMatchObject({
    displayName: "Adatum Add-in",
    passwords: [],
    spa: { redirectUris: ["https://acme.adatum.example/add-in"] },
    publicClient: { redirectUris: ["http://localhost", "adatum://signed-in"] },
  });
  expect(addIn?.servicePrincipals[0]?.grants).toMatchObject([{ consentType: "AllPrincipals", scopes: ["User.Read", "openid"] }]);
  await expect(admin.getByRole("region", { name: /the script/ })).toContainText(`-Text 'It''s "ours" $(Get-Date) \`n ’’; Remove-Item'`);
  await expect(admin.getByRole("button", { name: /^Send the link/ }), "nobody is named yet").toHaveCount(0);
  await admin.getByLabel(/E-mail of your own person/).fill("archive@contoso.com");
  await admin.getByRole("button", { name: "Use this address" }).click();
  await sendLink(admin, "archive@contoso.com");
  const contact = await (await browserFor(browser)).newPage();
  await contact.goto((await mailTo("archive@contoso.com")).link);
  await revealWithCode(contact, "archive@contoso.com");
  await expect(contact.getByRole("rowheader")).toHaveText(["Adatum Add-in", "Adatum Archive"]);
  const call = await foreignClient({
    applicationId: await shownCell(contact, "Adatum Archive", "Application (client) ID"),
    tenantId: await shownValue(contact, "Tenant (directory) ID"),
    secret: await shownCell(contact, "Adatum Archive", "Client secret value"),
  });
  expect((await call("/users")).status).toBe(200);
});

test("by hand: the plan is taken along, the portal only reads, says what is missing, and the secret is sealed in the browser", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product: "SecurEnds", contact: "contact@vendor.example" });
  const admin = await (await browserFor(browser)).newPage();
  await admin.goto(link);
  await admin.getByRole("link", { name: "Permission dossier, to print" }).click();
  await expect(admin.getByRole("heading", { level: 1 }), "before anybody signed in").toHaveText("Permission dossier: SecurEnds");
  await expect(admin.getByText("Directory.AccessAsUser.All").first()).toBeVisible();
  await expectAccessible(admin);
  await enter(admin, link, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  await admin.getByRole("checkbox", { name: "Office 365 connector" }).check();
  await admin.getByRole("radio", { name: /Application permissions only/ }).check();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await admin.getByRole("link", { name: "Do it by hand instead" }).click();
  await expect(admin.getByText("Directory.Read.All").first()).toBeVisible();
  await expectAccessible(admin);
  for (const [format, words] of [
    ["Azure CLI (bash)", "az ad app create"],
    ["Microsoft Graph PowerShell", "New-MgApplication"],
    ["Terraform (azuread)", 'resource "azuread_application"'],
    ["JSON", '"Directory.Read.All"'],
  ] as const) {
    await admin.getByRole("link", { name: format }).click();
    await expect(admin.getByRole("region", { name: format })).toContainText(words);
  }
  // What the admin makes in the admin centre, with one permission forgotten.
  const made = (wish: object) =>
    sandbox.post("tenants/contoso.com/applications", { displayName: "SecurEnds Office 365 Connector", ...wish });
  const { result: first } = (await (await made({ permissions: { application: ["User.Read.All"] } })).json()) as { result: string };
  const id = admin.getByLabel("Application (client) ID of SecurEnds Office 365 Connector");
  await id.fill(first);
  await admin.getByRole("button", { name: "Check what I made" }).click();
  await admin.getByRole("button", { name: "Let the portal read" }).click();
  await expect(admin.getByText("Application.ReadWrite.All"), "only to read").toHaveCount(0);
  await acceptConsent(admin);
  await admin.getByLabel("Application (client) ID of SecurEnds Office 365 Connector").fill(first);
  await admin.getByRole("button", { name: "Check what I made" }).click();
  await expect(admin.getByText("Not granted: application Directory.Read.All")).toBeVisible({ timeout: 30_000 });
  await expect(admin.getByText("There is no client secret that is valid")).toBeVisible();
  const { result: second } = (await (await made({ permissions: { application: ["User.Read.All", "Directory.Read.All"] } })).json()) as {
    result: string;
  };
  const { result: secret } = (await (await sandbox.post("tenants/contoso.com/secrets", { appId: second })).json()) as { result: string };
  await admin.getByLabel("Application (client) ID of SecurEnds Office 365 Connector").fill(second);
  await admin.getByRole("button", { name: "Check what I made" }).click();
  await expect(admin.getByText("Nothing is missing")).toBeVisible({ timeout: 30_000 });
  const sent: string[] = [];
  admin.on("request", (request) => sent.push(`${request.url()} ${request.postData() ?? ""}`));
  await admin.getByLabel("Secret value of SecurEnds Office 365 Connector").fill("11111111-2222-4333-8444-555555555555");
  await admin.getByRole("button", { name: "Seal and show the link" }).click();
  await expect(admin.getByText(/this is the Secret ID/)).toBeVisible();
  await admin.getByLabel("Secret value of SecurEnds Office 365 Connector").fill(secret);
  await admin.getByRole("button", { name: "Seal and show the link" }).click();
  const handoff = (await admin.getByTestId("handoff-link").locator("pre").innerText()).trim();
  const key = handoff.split("#")[1]!;
  expect(sent.length).toBeGreaterThan(0);
  expect(
    sent.filter((each) => each.includes(secret) || each.includes(key)),
    "neither the secret nor the link's key left the browser",
  ).toEqual([]);
  const contact = await (await browserFor(browser)).newPage();
  await contact.goto(handoff);
  await revealWithCode(contact, "contact@vendor.example");
  const call = await clientOf(contact);
  expect((await call("/groups")).status).toBe(200);
  await contact.getByRole("button", { name: "I have stored them, hide" }).click();
  await contact.getByText("It does not work", { exact: true }).click();
  await contact.getByLabel("The error that the product shows").fill("AADSTS700016: Application was not found in the directory");
  await contact.getByRole("button", { name: "Send it to the admin" }).click();
  await expect(contact.getByText("Sent.", { exact: false })).toBeVisible();
  await admin.goto(admin.url());
  const became = admin.getByRole("region", { name: "What became of the link" });
  await expect(became).toContainText("As a rule tenant ID and application ID were mixed up");
  await expect(became.getByRole("list", { name: "Receipts" })).toContainText("Revealed from");
  const { log } = (await (await fetch(`${stack.sandboxUrl}/_sandbox/state`)).json()) as { log: { method: string }[] };
  expect(
    log.filter(({ method }) => method !== "GET"),
    "the portal wrote nothing",
  ).toEqual([]);
  expect(tenantOf(await sandbox.state(), "contoso.com").applications).toHaveLength(2);
});

test("an onboarding keeps the edition of the manifest that it was planned with; a newer one shows the difference and asks", async ({
  browser,
}) => {
  const support = await (await browserFor(browser, {}, [/ERR_|Failed to (fetch|load)|network/i])).newPage();
  const link = await invite(support, { product: "Northwind Backup" });
  const admin = await (await browserFor(browser, {}, [/ERR_|Failed to (fetch|load)|network/i])).newPage();
  await enter(admin, link, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  await admin.getByRole("checkbox", { name: "Mailbox backup" }).check();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await expect(admin.getByText("Grant 1 application permission")).toBeVisible();
  const file = path.join(stackNow().catalogueFolder, "northwind-backup.yaml");
  const before = readFileSync(file, "utf8");
  try {
    writeFileSync(
      file,
      before
        .replace("version: 3", "version: 4\nchangelog:\n  - { version: 4, changes: [Calendars are backed up too.] }")
        .replace(
          "    probes:",
          "      - { kind: application, value: Calendars.Read, risk: high, because: Copies each calendar once a night }\n    probes:",
        ),
    );
    await restartPortal();
    await admin.reload();
    await expect(admin.getByText("Northwind Traders has changed what Northwind Backup needs")).toBeVisible();
    await expect(admin.getByText("Calendars are backed up too.")).toBeVisible();
    await admin.getByText(/Every difference/).click();
    await expect(admin.getByText("+ feature mailbox-backup: application Calendars.Read")).toBeVisible();
    await expect(admin.getByText("Grant 1 application permission"), "until then nothing changes").toBeVisible();
    await expectAccessible(admin);
    await admin.getByRole("button", { name: "Use version 4" }).click();
    await admin.waitForURL(/features/);
    await expect(admin.getByRole("checkbox", { name: "Mailbox backup" }), "what was chosen stays").toBeChecked();
    await admin.getByRole("button", { name: "Review the plan" }).click();
    await expect(admin.getByText("Grant 2 application permissions")).toBeVisible();
  } finally {
    writeFileSync(file, before);
    await restartPortal();
  }
  await admin.reload();
  await expect(admin.getByText("Grant 2 application permissions"), "an older file does not take it back").toBeVisible();
});

test("nobody of another tenant reads a plan's exports or checks by hand", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product: "SecurEnds" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  await admin.getByRole("checkbox", { name: "Office 365 connector" }).check();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await admin.waitForURL(/\/plan$/);
  const [, id] = /\/o\/([0-9a-f-]{36})/.exec(admin.url())!;
  const own = await admin.request.get(`/o/${id}/export/json`);
  expect([own.status(), own.headers()["content-disposition"]]).toEqual([200, 'attachment; filename="securends-plan.json"']);
  expect((await admin.request.get(`/o/${id}/export/exe`)).status()).toBe(404);
  const { $schema: schemaUrl } = (await own.json()) as { $schema: string };
  for (const url of [schemaUrl, "/manifest.schema.json"]) expect(await (await admin.request.get(url)).json()).toHaveProperty("properties");
  const stranger = await (await browserFor(browser)).newPage();
  expect((await stranger.request.get(`/o/${id}/export/json`)).status(), "signed out").toBe(404);
  expect((await stranger.request.get(`/o/${id}/dossier`)).status()).toBe(404);
  const otherLink = await invite(support, {
    product: "SecurEnds",
    customer: "Fabrikam",
    domain: "fabrikam.de",
    admin: "gustav@fabrikam.de",
  });
  await enter(stranger, otherLink, "gustav@fabrikam.de");
  expect((await stranger.request.get(`/o/${id}/export/json`)).status(), "of another tenant").toBe(404);
  for (const path of ["by-hand", "dossier"]) expect((await stranger.request.get(`/o/${id}/${path}`)).status(), path).toBe(404);
});
