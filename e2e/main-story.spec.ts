import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { foreignClient, shownValue } from "./clients";
import {
  acceptConsent,
  browserFor,
  chooseAndApprove,
  clipboardOf,
  enter,
  expect,
  expectAccessible,
  invite,
  mailTo,
  onboardingId,
  provisioned,
  reveal,
  revealWithCode,
  sandbox,
  sendLink,
  stack,
  stackNow,
  takeLink,
  tenantOf,
  test,
} from "./fixtures";

/** Where a value, in any usual spelling, stands in these files. */
function found(values: Record<string, string>, files: string[]): string[] {
  const spellings = Object.entries(values).flatMap(([name, value]) => {
    const raw = name === "linkKey" ? Buffer.from(value, "base64url") : Buffer.from(value);
    return [
      Buffer.from(value),
      raw,
      Buffer.from(raw.toString("hex")),
      Buffer.from(raw.toString("base64")),
      Buffer.from(raw.toString("base64url")),
      Buffer.from(value, "utf16le"),
    ].map((bytes) => ({ name, bytes }));
  });
  return files.flatMap((file) => {
    const content = readFileSync(file);
    return spellings.filter(({ bytes }) => content.includes(bytes)).map(({ name }) => `${name} in ${path.basename(file)}`);
  });
}
/** PostgreSQL's own files: tables, indexes and write-ahead log. */
const databaseFiles = () =>
  readdirSync(stack.databaseFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));

/** What the portal's memory holds at this moment, as a file. */
async function portalMemory(): Promise<string> {
  const snapshots = () => readdirSync(stack.snapshotFolder).filter((name) => name.endsWith(".heapsnapshot"));
  const before = snapshots();
  process.kill(stackNow().portalPid, "SIGUSR2");
  await expect.poll(() => snapshots().length, { timeout: 60_000 }).toBe(before.length + 1);
  const file = path.join(stack.snapshotFolder, snapshots().find((name) => !before.includes(name))!);
  // It writes while it stands still: once it answers again the file is whole.
  await fetch(stack.baseUrl);
  return file;
}

test.beforeEach(() => sandbox.reset({ minMs: 200, maxMs: 1500 }));

test("support invites, the admin provisions Cirrus Connect, the contact reveals once, and a foreign client works with the values", async ({
  browser,
}) => {
  const supportContext = await browserFor(browser);
  const support = await supportContext.newPage();
  const shownLink = await invite(support);
  await expectAccessible(support);
  const invitation = await mailTo("adele@contoso.com");
  expect(invitation.link).toBe(shownLink);
  await support.goto("/desk");
  const row = support.getByRole("row", { name: /Contoso Ltd/ }).first();
  await expect(row).toContainText("Invited");
  await expectAccessible(support);

  const adminContext = await browserFor(browser);
  const admin = await adminContext.newPage();
  await admin.goto(invitation.link);
  await expect(admin.getByRole("heading", { level: 1 })).toContainText("Connect Cirrus Connect with Contoso Ltd");
  await expect(admin.getByRole("main")).toContainText("What will happen in your tenant");
  expect(admin.url()).not.toContain("#");
  await expectAccessible(admin);
  await expect(row, "support sees the opening without reloading").toContainText("Opened");

  await enter(admin, invitation.link, "adele@contoso.com");
  await expect(admin.getByRole("main")).toContainText("This is the tenant that owns contoso.com");
  await expectAccessible(admin);
  await chooseAndApprove(admin, ["Active Directory", "Outlook Calendar", "Outlook mail", "User presence"], () => expectAccessible(admin));
  await acceptConsent(admin);
  await expect(row, "support watches the run").toContainText(/Provisioning|Ready to hand over/);
  await provisioned(admin);
  await expect(row).toContainText("Ready to hand over");
  await expectAccessible(admin);

  const contoso = tenantOf(await sandbox.state(), "contoso.com");
  const [application, ...others] = contoso.applications;
  expect(others).toEqual([]);
  expect(application).toMatchObject({ displayName: "Cirrus Server", isFallbackPublicClient: true });
  expect(application!.publicClient.redirectUris).toEqual([
    "https://login.microsoftonline.com/common/oauth2/nativeclient",
    "urn:ietf:wg:oauth:2.0:oob",
    "http://localhost:8639",
  ]);
  expect(application!.passwords).toHaveLength(1);
  expect(application!.requiredResourceAccess[0]!.resourceAccess).toHaveLength(9);
  const principal = contoso.servicePrincipals.find(({ appId }) => appId === application!.appId)!;
  expect(contoso.appRoleAssignments.filter(({ principalId }) => principalId === principal.id)).toHaveLength(4);
  expect(
    contoso.grants
      .find(({ clientId }) => clientId === principal.id)
      ?.scope.split(" ")
      .sort(),
  ).toEqual(["Mail.ReadWrite.Shared", "Mail.Send.Shared", "offline_access", "openid", "profile"]);

  const mailbox = admin.getByRole("listitem").filter({ hasText: "Give the service account rights on the shared mailboxes" });
  await expect(mailbox).toContainText("Add-MailboxPermission");
  await mailbox.getByLabel("Note").fill("Done for support@ and sales@");
  await mailbox.getByRole("button", { name: "Mark as done" }).click();
  await expect(mailbox).toContainText("“Done for support@ and sales@”");
  await expect(mailbox).toContainText("Adele Vance");

  await sendLink(admin, "maria@cirrus.example");
  await expect(row).toContainText("Handed over");

  const mail = await mailTo("maria@cirrus.example");
  expect(mail.subject).not.toContain(contoso.id);
  const linkKey = new URL(mail.link).hash.slice(1);
  // The last turns of what mailed it may hold the link for a moment; it must not stay.
  let memory = "";
  const held = async () => {
    memory = await portalMemory();
    return found({ linkKey }, [memory]);
  };
  await expect.poll(held, { timeout: 60_000, intervals: [1000] }).toEqual([]);
  const contactContext = await browserFor(browser);
  const contact = await contactContext.newPage();
  await contact.goto(mail.link);
  await expect(contact.getByRole("heading", { level: 1 })).toHaveText("Contoso Ltd sends you the values for Cirrus Connect");
  await contact.reload();
  await contact.goto(mail.link);
  await expect(contact.getByText("after reveal").first(), "opening consumes nothing").toBeVisible();
  await expectAccessible(contact);
  await revealWithCode(contact, "maria@cirrus.example");
  await expect(contact.getByRole("heading", { level: 1 })).toHaveText("Values from Contoso Ltd for Cirrus Connect");
  const secret = await shownValue(contact, "Client secret value");
  const revealed = {
    applicationId: await shownValue(contact, "Application (client) ID"),
    tenantId: await shownValue(contact, "Tenant (directory) ID"),
    secret,
  };
  expect(revealed.applicationId).toBe(application!.appId);
  expect(await shownValue(contact, "Tenant name")).toBe("Contoso Ltd");
  await contact.getByRole("button", { name: "Copy Client secret value" }).click();
  expect(await clipboardOf(contactContext)).toBe(secret);
  await contact.bringToFront();
  await contact.goto("about:blank");
  await contact.goto(mail.link);
  await expect(contact.getByRole("heading", { level: 1 })).toHaveText("These values were revealed already");

  await expect(admin.getByRole("heading", { level: 1, name: "Handed over", exact: true })).toBeVisible();
  await expect(admin.getByText("Revealed", { exact: false }).first()).toBeVisible();
  await expect(row).toContainText("Live");

  const call = await foreignClient(revealed);
  expect((await call("/users")).status).toBe(200);
  expect((await call("/groups")).status).toBe(200);

  await admin.getByRole("link", { name: "The record" }).click();
  await expect(admin.getByText("Values revealed to the contact")).toBeVisible();
  await expectAccessible(admin);
  await expect(admin.getByText("this one is not covered yet", { exact: false })).toBeVisible();
  const operator = (command: string) =>
    spawnSync("npm", ["run", "-s", command], { encoding: "utf8", env: { ...process.env, ...stack.portalEnv } }).stdout;
  expect(operator("audit:checkpoint")).toMatch(/Checkpoint \d+ over \d+ onboarding/);
  await admin.reload();
  await expect(admin.getByText(/Signed up to record \d+, by checkpoint \d+/)).toBeVisible();
  await expectAccessible(admin);
  const exported = await adminContext.request.get(`/o/${onboardingId(invitation.link)}/audit/export`);
  const text = await exported.text();
  const file = test.info().outputPath("record.json");
  writeFileSync(file, text);
  const { keys } = (await (await adminContext.request.get("/audit-checkpoints.json")).json()) as { keys: string[] };
  const proved = spawnSync(process.execPath, ["public/verify-record.mjs", file, keys[0]!], { encoding: "utf8" });
  expect(proved.stdout, "the customer proves it offline").toMatch(/each follows the one before it\.\nUp to record \d+ it is signed/);
  expect(text).toContain("graph.called");
  expect(text, "the record holds no secret").not.toContain(secret);
  expect(text).not.toContain(linkKey);

  await support.goto(`/desk/${onboardingId(invitation.link)}`);
  await expect(support.getByText("Values revealed to the contact")).toBeVisible();
  await expectAccessible(support);
  expect(found({ secret, linkKey }, databaseFiles())).toEqual([]);
  expect(found({ product: "Cirrus Connect" }, [memory]), "the snapshot is one").toContain(`product in ${path.basename(memory)}`);
  expect(found({ secret, linkKey }, [memory]), "before the reveal the portal's memory keeps neither").toEqual([]);
  expect(operator("audit:verify")).toMatch(/The audit trail is whole: .* [1-9]\d* signed checkpoint/);
});

test("without Active Directory the application may not read groups", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { customer: "Contoso calendars" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  const handoff = await takeLink(admin);
  const contact = await (await browserFor(browser)).newPage();
  await contact.goto(handoff);
  await reveal(contact);
  const call = await foreignClient({
    applicationId: await shownValue(contact, "Application (client) ID"),
    tenantId: await shownValue(contact, "Tenant (directory) ID"),
    secret: await shownValue(contact, "Client secret value"),
  });
  const refused = await call("/groups");
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ error: { code: "Authorization_RequestDenied" } });
});

test("a product that is only a file in CATALOGUE_DIR is onboarded in another tenant", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, {
    product: "Northwind Backup",
    customer: "Fabrikam GmbH",
    domain: "fabrikam.de",
    admin: "gustav@fabrikam.de",
    contact: "ops@northwind.example",
  });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "gustav@fabrikam.de");
  await chooseAndApprove(admin, ["Mailbox backup"]);
  await acceptConsent(admin);
  await provisioned(admin);
  const fabrikam = tenantOf(await sandbox.state(), "fabrikam.de");
  expect(fabrikam.applications).toMatchObject([
    {
      displayName: "Northwind Backup",
      isFallbackPublicClient: false,
      web: { redirectUris: ["https://backup.northwind.example/callback"] },
    },
  ]);
  await sendLink(admin, "ops@northwind.example");
  const contact = await (await browserFor(browser)).newPage();
  await contact.goto((await mailTo("ops@northwind.example")).link);
  await revealWithCode(contact, "ops@northwind.example");
  const call = await foreignClient({
    applicationId: await shownValue(contact, "Application (client) ID"),
    tenantId: await shownValue(contact, "Tenant (directory) ID"),
    secret: await shownValue(contact, "Client secret value"),
  });
  expect((await call(`/users/${fabrikam.users[0]!.id}/messages`)).status).toBe(200);
  expect((await call("/users")).status).toBe(403);
});
