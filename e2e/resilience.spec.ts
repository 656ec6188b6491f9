import {
  acceptConsent,
  browserFor,
  chooseAndApprove,
  clipboardOf,
  contosoNow,
  enter,
  expect,
  expectAccessible,
  grantedRoles,
  invite,
  onboardingId,
  provisioned,
  sandbox,
  signInAs,
  stack,
  test,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());
test.afterEach(() => sandbox.clearFaults());

const policies = (change: object) => sandbox.post("tenants/contoso.com/policies", change);

test("a capped lifetime: the admin lets the secret live as long as the tenant allows", async ({ browser }) => {
  await policies({ maxSecretDays: 90 });
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await expect(admin.getByText("does not allow a client secret that lives this long", { exact: false }).first()).toBeVisible({
    timeout: 60_000,
  });
  await expect(admin.getByText("CredentialInvalidLifetimeAsPerAppPolicy").first()).toBeVisible();
  await expectAccessible(admin);
  expect((await contosoNow()).applications[0]!.passwords).toEqual([]);
  await admin.getByRole("button", { name: "Use the longest lifetime that my tenant allows" }).click();
  await provisioned(admin);
  const [password, ...others] = (await contosoNow()).applications[0]!.passwords as unknown as {
    startDateTime: string;
    endDateTime: string;
  }[];
  expect(others).toEqual([]);
  const days = (new Date(password!.endDateTime).getTime() - new Date(password!.startDateTime).getTime()) / 86_400_000;
  expect(Math.round(days)).toBe(90);
});

test("forbidden secrets: the owner of the policy gets exact words, and nothing is worked around", async ({ browser }) => {
  await policies({ secrets: "blocked" });
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await expect(admin.getByText("does not allow client secrets", { exact: false }).first()).toBeVisible({ timeout: 60_000 });
  const { id, applications } = await contosoNow();
  const words = admin.getByRole("region", { name: "the wording" });
  await expect(words).toContainText(applications[0]!.appId);
  await expect(words).toContainText(`${id.slice(0, 24)}000000000001`);
  await expect(words).toContainText("/appManagementPolicies/$ref");
  await expectAccessible(admin);
  expect(applications[0]!.passwords).toEqual([]);
  await policies({ secrets: "allowed" });
  await admin.getByRole("button", { name: "Try again" }).click();
  await provisioned(admin);
  expect((await contosoNow()).applications[0]!.passwords).toHaveLength(1);
});

for (const [where, title] of [
  ["sign-in", "at the sign-in"],
  ["token", "when the portal wants a token"],
  ["call", "in the middle of the run"],
] as const)
  test(`Conditional Access asks for more ${title}: the person confirms and everything goes on`, async ({ browser }) => {
    const support = await (await browserFor(browser)).newPage();
    const link = await invite(support);
    await policies({ stepUp: where });
    const admin = await (await browserFor(browser)).newPage();
    const confirm = () => admin.getByRole("button", { name: "Approve with the authenticator" }).click();
    await admin.goto(link);
    await admin.getByRole("button", { name: "Sign in with Microsoft" }).click();
    await admin.getByRole("button", { name: /adele@contoso\.com/ }).click();
    if (where === "sign-in") await confirm();
    await acceptConsent(admin);
    if (where === "token") {
      await expect(admin.getByText("asks for multi-factor authentication", { exact: false })).toBeVisible();
      await admin.getByRole("button", { name: "Confirm at Microsoft" }).click();
      await confirm();
    }
    await chooseAndApprove(admin, ["Outlook Calendar"]);
    if (where === "sign-in") await confirm();
    await admin.getByRole("button", { name: "Accept" }).click();
    if (where !== "sign-in") {
      const again = admin.getByRole("button", { name: "Confirm at Microsoft" });
      await again.click();
      await confirm();
    }
    await provisioned(admin);
    expect(await grantedRoles()).toEqual(["Calendars.Read"]);
  });

test("all tokens are ended in the middle of a run: it pauses, and goes on after a new sign-in", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await sandbox.post("faults", { method: "PATCH", path: "^/servicePrincipals", times: 1, status: 429, retryAfter: 3 });
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await expect(admin.getByText("Microsoft asked us to slow down", { exact: false })).toBeVisible();
  await expect(admin.getByText("next try in", { exact: false })).toBeVisible();
  await sandbox.post("users/adele@contoso.com/revoke", {});
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("Paused until you confirm", { timeout: 30_000 });
  await expectAccessible(admin);
  await admin.getByRole("button", { name: "Confirm at Microsoft" }).click();
  await provisioned(admin);
  expect((await contosoNow()).applications).toHaveLength(1);
});

test("everything is undone, and what was there before is not touched", async ({ browser }) => {
  await sandbox.post("tenants/contoso.com/applications", { displayName: "Cirrus Server" });
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  const first = await invite(support);
  await enter(admin, first, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  const second = await invite(support);
  await enter(admin, second, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  for (const feature of ["Outlook Calendar", "Active Directory"]) await admin.getByRole("checkbox", { name: feature }).check();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await expect(admin.getByText("Left alone: 1 other registration of that name", { exact: false })).toBeVisible();
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);

  await admin.getByRole("link", { name: "Undo everything done here" }).click();
  await expect(admin.getByText("Take back 2 application permissions")).toBeVisible();
  await expect(admin.getByText("Remove 1 client secret")).toBeVisible();
  await expectAccessible(admin);
  await admin.getByRole("button", { name: "Undo all of this" }).click();
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("Everything that this portal made is gone", { timeout: 60_000 });
  const between = await contosoNow();
  expect(between.applications).toHaveLength(2);
  const ours = between.applications.find(({ uniqueName }) => uniqueName)!;
  expect(ours.passwords, "the first onboarding's credential stays").toHaveLength(1);
  const principal = between.servicePrincipals.find(({ appId }) => appId === ours.appId)!;
  expect(between.appRoleAssignments.filter(({ principalId }) => principalId === principal.id)).toHaveLength(1);

  await admin.goto(`/o/${onboardingId(first)}/undo`);
  await expect(admin.getByText("Delete the app registration Cirrus Server")).toBeVisible();
  await admin.getByRole("button", { name: "Undo all of this" }).click();
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("Everything that this portal made is gone", { timeout: 60_000 });
  expect((await contosoNow()).applications, "a colleague's registration of the same name stays").toMatchObject([{ uniqueName: null }]);
  await support.goto("/desk");
  await expect(support.getByRole("row", { name: /Contoso Ltd/ }).first()).toContainText("Undone");
  await admin.getByRole("link", { name: "Set it up anew" }).click();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);
});

test("the tenant changes after everything was done: the difference is shown, and approved again", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await chooseAndApprove(admin, ["Active Directory", "Outlook mail"]);
  await acceptConsent(admin);
  await provisioned(admin);
  await admin.getByRole("link", { name: "Compare with my tenant now" }).click();
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("0 changes in contoso.com");
  await sandbox.post("tenants/contoso.com/drift", { kind: "remove-role", value: "Group.Read.All" });
  await sandbox.post("tenants/contoso.com/drift", { kind: "add-scope", value: "Tasks.Read" });
  await sandbox.post("tenants/contoso.com/drift", { kind: "add-redirect-uri", value: "https://contoso.example/own" });
  await expect(async () => {
    await admin.reload();
    await expect(admin.getByRole("heading", { level: 1 })).toHaveText("1 change in contoso.com", { timeout: 1000 });
  }).toPass();
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);
  expect(await grantedRoles()).toEqual(["Group.Read.All", "User.Read.All"]);
  const contoso = await contosoNow();
  expect(contoso.grants.find(({ scope }) => scope.includes("Mail.Send.Shared"))?.scope.split(" "), "theirs stays").toContain("Tasks.Read");
  expect(contoso.applications[0]).toMatchObject({ web: { redirectUris: ["https://contoso.example/own"] } });
  expect(contoso.applications[0]!.passwords).toHaveLength(1);

  await sandbox.post("tenants/contoso.com/drift", { kind: "delete-service-principal" });
  await admin.getByRole("link", { name: "Compare with my tenant now" }).click();
  await expect(async () => {
    await admin.reload();
    await expect(admin.getByText("Create its service principal")).toBeVisible({ timeout: 1000 });
  }).toPass();
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);
  expect(await grantedRoles()).toEqual(["Group.Read.All", "User.Read.All"]);
});

test("the tenant is not as the approved plan assumed: lines that differ are marked, and approved again; 250 grants are read", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await sandbox.post("tenants/contoso.com/applications", {
    displayName: "Cirrus by hand",
    uniqueName: "vestibule-cirrus-connect-server",
    tags: ["vestibule:cirrus-connect"],
    roles: 250,
    scopes: ["Tasks.Read"],
  });
  await acceptConsent(admin);
  await expect(admin.getByText("Your tenant changed since you approved")).toBeVisible();
  await expect(admin.getByText("New since you approved").first()).toBeVisible();
  await expect(admin.getByText("You approved: Create the app registration Cirrus Server", { exact: false })).toBeVisible();
  await expectAccessible(admin);
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);
  const roles = await grantedRoles();
  expect(roles).toContain("Calendars.Read");
  expect(roles.length, "what was there stays").toBeGreaterThanOrEqual(250);
  expect((await contosoNow()).grants.find(({ scope }) => scope.includes("Tasks.Read"))).toBeDefined();
});

test("our key on somebody else's application: it is named, and never touched", async ({ browser }) => {
  await sandbox.post("tenants/contoso.com/applications", {
    displayName: "Payroll",
    uniqueName: "vestibule-cirrus-connect-server",
    roles: 1,
  });
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await expect(admin.getByText("belongs to another application", { exact: false })).toBeVisible();
  await expect(admin.getByText('"Payroll"', { exact: false })).toBeVisible();
  await expect(admin.getByRole("button", { name: "Approve and provision" })).toHaveCount(0);
  expect((await contosoNow()).applications).toMatchObject([{ displayName: "Payroll", passwords: [], tags: [] }]);
});

test("answers that are not JSON, and an outage that stays: words, and a way on", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await sandbox.post("faults", { path: "^/applications", times: 1, text: "<html>proxy</html>" });
  await sandbox.post("faults", { path: "batch$", times: 1, text: "<html>proxy</html>" });
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  await sandbox.post("faults", { path: "batch$", times: 200, status: undefined, text: "<html>proxy</html>" });
  await admin.goto(`${admin.url().replace(/run.*/, "plan")}`);
  await expect(admin.getByText("does not speak like Microsoft Graph", { exact: false })).toBeVisible({ timeout: 40_000 });
});

/** Each refusal at Microsoft's sign-in page, and words that only its explanation has. */
const SIGN_IN_REFUSALS: [number, RegExp][] = [
  [65001, /has not been given these permissions/],
  [65004, /You declined\. Nothing was changed/],
  [90094, /Only an administrator can grant/],
  [90095, /Your organization reviews such requests/],
  [50020, /does not belong to the tenant/],
  [50177, /a guest account of another organization does not do/],
  [50076, /asks for multi-factor authentication/],
  [50079, /set up multi-factor authentication/],
  [50158, /further check by another identity provider/],
  [53000, /a device that your organization manages/],
  [53001, /a device that your organization manages/],
  [53003, /A Conditional Access policy blocks this sign-in/],
  [530032, /A security policy of your tenant blocks this account/],
  [530035, /The security defaults of your tenant block/],
  [530036, /blocks this way of signing in/],
  [50105, /lets only assigned people use this portal/],
  [500011, /does not have the Microsoft service/],
  [650052, /no subscription to a Microsoft service/],
  [650051, /not known to the service yet/],
  [700016, /does not know the application yet/],
  [500113, /no redirect URI that this sign-in could return to/],
  [50011, /redirect URI of this sign-in is not registered/],
  [70043, /limits how long a sign-in lasts/],
  [50173, /Your sign-in was ended/],
];
test("each refusal at the sign-in is explained: what happened, what to do, who can, and the code", async ({ browser }) => {
  const page = await (await browserFor(browser)).newPage();
  for (const [number, words] of SIGN_IN_REFUSALS) {
    await sandbox.post("faults", { path: "authorize", times: 1, sts: number });
    await page.context().clearCookies();
    await page.goto("/sign-in");
    await page.getByRole("button", { name: "Sign in with Microsoft" }).click();
    await page.getByRole("button", { name: /adele@contoso\.com/ }).click();
    const said = page.getByRole("status").filter({ hasText: "You are not signed in" });
    await expect(said, String(number)).toContainText(words);
    await expect(said, String(number)).toContainText(`AADSTS${number}`);
    await expect(said, String(number)).toContainText("Who can:");
    await expect(said.getByRole("button", { name: "Copy the details" })).toBeVisible();
  }
});

test("assignment required on the portal, and user consent blocked: each says who can change it", async ({ browser }) => {
  await policies({ assignmentRequired: true });
  const page = await (await browserFor(browser)).newPage();
  await page.goto("/sign-in");
  await page.getByRole("button", { name: "Sign in with Microsoft" }).click();
  await page.getByRole("button", { name: /adele@contoso\.com/ }).click();
  await expect(page.getByText("lets only assigned people use this portal", { exact: false })).toBeVisible();
  await policies({ assignmentRequired: false, userConsent: false });
  await page.context().clearCookies();
  await page.goto("/sign-in");
  await page.getByRole("button", { name: "Sign in with Microsoft" }).click();
  await page.getByRole("button", { name: /nora@contoso\.com/ }).click();
  await page.getByRole("button", { name: "Return to the application without granting consent" }).click();
  await expect(page.getByText("Only an administrator can grant what this portal asks for", { exact: false })).toBeVisible();
  await page.goto("/sign-in");
  await signInAs(page, "adele@contoso.com");
  expect(page.url()).toBe(`${stack.baseUrl}/`);
});

test("a refusal of Graph shows what was tried, what Microsoft said, the request id and who can fix it", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await sandbox.post("faults", {
    method: "PATCH",
    path: "^/applications",
    times: 1,
    status: 403,
    code: "Directory_QuotaExceeded",
    message: "The directory object quota limit for the Principal has been exceeded.",
  });
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await expect(admin.getByText("Your account has made as many directory objects as it may", { exact: false }).first()).toBeVisible({
    timeout: 30_000,
  });
  const failure = admin.getByRole("main").locator("div", { hasText: "We tried" }).first();
  await expect(failure).toContainText("PATCH /v1.0/applications(uniqueName='vestibule-cirrus-connect-server')");
  await expect(failure).toContainText("The directory object quota limit for the Principal has been exceeded.");
  await expect(failure).toContainText("Directory_QuotaExceeded");
  await expect(failure).toContainText("Who can:");
  await admin.getByRole("button", { name: "Copy the details" }).first().click();
  const copied = await clipboardOf(admin.context());
  expect(copied).toContain("Tried: PATCH /v1.0/applications");
  expect(copied).toMatch(/Request id: [0-9a-f-]{36}/);
  await admin.getByRole("button", { name: "Try again" }).click();
  await provisioned(admin);
});

test("the sign-in service does not know the new application yet: it is waited for in words; a policy that blocks it is not", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  for (const sts of [700016, 7000229, 7000215, 7000222]) await sandbox.post("faults", { path: "client-credentials", times: 1, sts });
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  await admin.getByRole("link", { name: "The record" }).click();
  for (const words of [/does not know the application yet/, /does not know the service principal yet/, /does not know the new secret yet/])
    await expect(admin.getByText(words).first()).toBeVisible();

  await sandbox.reset();
  await sandbox.post("faults", { path: "client-credentials", times: 1, sts: 53003 });
  const other = await (await browserFor(browser)).newPage();
  await enter(other, await invite(support), "adele@contoso.com");
  await chooseAndApprove(other, ["Outlook Calendar"]);
  await acceptConsent(other);
  await expect(other.getByText("A Conditional Access policy blocks this sign-in", { exact: false }).first()).toBeVisible({
    timeout: 30_000,
  });
  await expect(other.getByText("AADSTS53003").first()).toBeVisible();
  await other.getByRole("button", { name: "Try again" }).click();
  await provisioned(other);
  expect((await contosoNow()).applications[0]!.passwords, "the secret that was never proved is gone").toHaveLength(1);
});

test("where members may not register applications, a member is told who can, and an administrator finishes", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const before = await (await browserFor(browser)).newPage();
  await enter(before, await invite(support), "adele@contoso.com");
  await before.getByRole("link", { name: "Continue" }).click();
  await before.getByRole("checkbox", { name: "Outlook Calendar" }).check();
  await before.getByRole("button", { name: "Review the plan" }).click();
  await before.getByRole("button", { name: "Approve and provision" }).click();
  await before.getByRole("checkbox", { name: "Consent on behalf of your organization" }).check();
  await acceptConsent(before);
  await provisioned(before);
  await before.getByRole("link", { name: "Undo everything done here" }).click();
  await before.getByRole("button", { name: "Undo all of this" }).click();
  await expect(before.getByRole("heading", { level: 1 })).toHaveText("Everything that this portal made is gone", { timeout: 60_000 });

  await policies({ usersMayRegister: false });
  const link = await invite(support);
  const nora = await (await browserFor(browser)).newPage();
  await enter(nora, link, "nora@contoso.com");
  await chooseAndApprove(nora, ["Outlook Calendar"]);
  await expect(nora.getByText("Your tenant does not let you register applications", { exact: false })).toBeVisible({ timeout: 30_000 });
  await expectAccessible(nora);
  expect((await contosoNow()).applications).toEqual([]);
  const adele = await (await browserFor(browser)).newPage();
  await enter(adele, link, "adele@contoso.com");
  await adele.getByRole("link", { name: "Continue" }).click();
  await adele.getByRole("link", { name: "See what is left and approve it" }).click();
  await adele.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(adele);
});
