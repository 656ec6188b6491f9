import pg from "pg";
import {
  acceptConsent,
  askColleague,
  browserFor,
  chooseAndApprove,
  contosoNow,
  enter,
  expect,
  expectAccessible,
  grantedRoles,
  invite,
  mailTo,
  onboardingId,
  openRequest,
  provisioned,
  sandbox,
  signInAs,
  stack,
  test,
  untilApprovalIsNeeded,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());
test.afterEach(() => sandbox.clearFaults());

const GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10";

test("a Privileged Role Administrator approves by link: the run goes on by itself, and everybody is told", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const chris = await (await browserFor(browser)).newPage();
  await untilApprovalIsNeeded(chris, link);
  await expectAccessible(chris);
  expect((await contosoNow()).applications[0]!.passwords, "no secret before the permissions are there").toEqual([]);
  const request = await askColleague(chris, { to: "priya@contoso.com", message: "For the contact centre, ticket 4711" });
  await expect(chris.getByText("Mailed to priya@contoso.com", { exact: true })).toBeVisible();
  const mail = await mailTo("priya@contoso.com");
  expect(mail.link).toBe(request);

  const priya = await (await browserFor(browser)).newPage();
  await priya.goto(mail.link);
  await expect(priya.getByRole("heading", { level: 1 })).toHaveText("Chris Green asks you to approve permissions");
  await expect(priya.getByText("chris@contoso.com")).toBeVisible();
  await expect(priya.getByText("For the contact centre, ticket 4711")).toBeVisible();
  expect(priya.url()).not.toContain("#");
  await expectAccessible(priya);
  await signInAs(priya, "priya@contoso.com");
  await expect(priya.getByText("Reads every user's profile for the import", { exact: false })).toBeVisible();
  await expectAccessible(priya);
  await priya.getByRole("button", { name: "Approve all" }).click();
  await acceptConsent(priya);
  await expect(priya.getByRole("heading", { level: 1 })).toHaveText("Granted", { timeout: 60_000 });
  expect(await grantedRoles()).toEqual(["Group.Read.All", "User.Read.All"]);
  expect((await contosoNow()).applications[0]!.passwords.length, "the approver is given no secret").toBeLessThan(2);

  await provisioned(chris);
  const contoso = await contosoNow();
  expect(contoso.applications).toHaveLength(1);
  expect(contoso.applications[0]!.passwords).toHaveLength(1);
  expect((await mailTo("chris@contoso.com")).subject).toContain("Priya Nair approved the request");
  expect((await mailTo("sam@cirrus.example")).subject).toContain("Priya Nair approved the request");
  await priya.reload();
  await expect(priya.getByRole("button", { name: "Approve all" })).toHaveCount(0);
  await support.goto(`/desk/${onboardingId(link)}`);
  await expect(support.getByText("Approval requested")).toBeVisible();
  await expect(support.getByText("Approved", { exact: true })).toBeVisible();
});

test("a part is approved: the other feature is left out, and the rest works", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const chris = await (await browserFor(browser)).newPage();
  await untilApprovalIsNeeded(chris, await invite(support), ["Active Directory", "Outlook Calendar"]);
  const request = await askColleague(chris);
  const adele = await (await browserFor(browser)).newPage();
  await openRequest(adele, request, "adele@contoso.com");
  await adele.getByRole("checkbox", { name: /Group\.Read\.All/ }).uncheck();
  await expect(adele.getByText("Active Directory will not work", { exact: false })).toBeVisible();
  await adele.getByLabel(/Why not all/).fill("Groups hold payroll names");
  await adele.getByRole("button", { name: "Approve 2 of 3" }).click();
  await acceptConsent(adele);
  await expect(adele.getByRole("heading", { level: 1 })).toHaveText("Granted", { timeout: 60_000 });
  await expect(chris.getByText("Adele Vance approved a part")).toBeVisible();
  await expect(chris.getByText("Groups hold payroll names", { exact: false })).toBeVisible();
  await chris.getByRole("button", { name: "Go on without Active Directory" }).click();
  await chris.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(chris);
  expect(await grantedRoles()).toEqual(["Calendars.Read", "User.Read.All"]);
});

test("a request is rejected with a reason, and asked again", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const chris = await (await browserFor(browser)).newPage();
  await untilApprovalIsNeeded(chris, link);
  const request = await askColleague(chris);
  const priya = await (await browserFor(browser)).newPage();
  await openRequest(priya, request, "priya@contoso.com");
  await priya.getByText("Reject the request").click();
  await priya.getByLabel(/^Reason/).fill("Needs a data protection assessment first");
  await priya.getByRole("button", { name: "Reject with this reason" }).click();
  await expect(priya.getByText("Priya Nair rejected this request", { exact: false })).toBeVisible();
  await expect(chris.getByText("Needs a data protection assessment first", { exact: false })).toBeVisible();
  expect((await mailTo("chris@contoso.com")).text).toContain("Needs a data protection assessment first");
  await support.goto("/desk");
  await expect(support.getByRole("row", { name: /Contoso Ltd/ }).first()).toContainText("Needs attention");
  const again = await askColleague(chris);
  expect(again).not.toBe(request);
  await priya.goto("about:blank");
  await priya.goto(request);
  await expect(priya.getByText("This request was withdrawn", { exact: false })).toBeVisible();
  expect(await grantedRoles()).toEqual([]);
});

test("a link that is not for this person: another tenant, no role, the requester, a stranger, too late", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const chris = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  await untilApprovalIsNeeded(chris, link);
  const request = await askColleague(chris);
  const [address] = request.split("#");

  const stranger = await (await browserFor(browser)).newPage();
  await stranger.goto(`${address}#${"A".repeat(43)}`);
  await expect(stranger.getByText("This request cannot be opened")).toBeVisible();

  const gustavContext = await browserFor(browser);
  const gustav = await gustavContext.newPage();
  await openRequest(gustav, request, "gustav@fabrikam.de");
  await expect(gustav.getByText("You are signed in as gustav@fabrikam.de, who belongs to another tenant")).toBeVisible();
  await expect(gustav.getByRole("button", { name: "Approve all" })).toHaveCount(0);
  expect((await gustavContext.request.get(`${new URL(address!).pathname}/events`)).status()).toBe(404);

  const grace = await (await browserFor(browser)).newPage();
  await openRequest(grace, request, "grace@contoso.com");
  await expect(grace.getByText("This needs a Privileged Role Administrator or a Global Administrator")).toBeVisible();
  await expect(grace.getByText("Global Reader", { exact: false }).first()).toBeVisible();
  await grace.getByRole("button", { name: "Approve all" }).click();
  await grace.getByRole("button", { name: "Return to the application without granting consent" }).click();
  await expect(grace.getByText("Only an administrator can grant what this portal asks for", { exact: false })).toBeVisible();
  expect(await grantedRoles()).toEqual([]);

  const own = await chris.context().newPage();
  await own.goto(request);
  await expect(own.getByText("Grace Reader approved this already", { exact: false })).toBeVisible();

  const database = new pg.Client(stack.databaseUrl);
  await database.connect();
  await sandbox.reset();
  const second = await (await browserFor(browser)).newPage();
  await untilApprovalIsNeeded(second, await invite(support));
  const late = await askColleague(second);
  const mine = await second.context().newPage();
  await mine.goto(late);
  await expect(mine.getByText("You asked for this yourself")).toBeVisible();
  await database.query(`UPDATE "Ticket" SET "expiresAt" = now() WHERE "subject" = $1`, [/approve\/([0-9a-f-]+)/.exec(late)![1]]);
  await database.end();
  await mine.reload();
  await expect(mine.getByText("This link has expired. Ask the sender for a new one.")).toBeVisible();
});

test("the plan changes after asking: the link says so and grants nothing", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const chris = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  await untilApprovalIsNeeded(chris, link);
  const request = await askColleague(chris);
  await chris.goto(`/o/${onboardingId(link)}/features`);
  await chris.getByRole("checkbox", { name: "Active Directory" }).uncheck();
  await chris.getByRole("checkbox", { name: "Outlook Calendar" }).check();
  await chris.getByRole("button", { name: "Review the plan" }).click();
  const priya = await (await browserFor(browser)).newPage();
  await priya.goto(request);
  await expect(priya.getByText("Chris Green changed the plan after asking. This request is void", { exact: false })).toBeVisible();
});

test("two who approve at the same time: one decision counts, the other is told whose", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const chris = await (await browserFor(browser)).newPage();
  await untilApprovalIsNeeded(chris, await invite(support));
  const request = await askColleague(chris);
  const priya = await (await browserFor(browser)).newPage();
  const adele = await (await browserFor(browser)).newPage();
  await openRequest(priya, request, "priya@contoso.com");
  await openRequest(adele, request, "adele@contoso.com");
  await priya.getByRole("button", { name: "Approve all" }).click();
  await acceptConsent(priya);
  await expect(priya.getByRole("heading", { level: 1 })).toHaveText("Granted", { timeout: 60_000 });
  await expect(adele.getByText("Priya Nair approved this already")).toBeVisible();
  await expect(adele.getByRole("button", { name: "Approve all" })).toHaveCount(0);
  await provisioned(chris);
  expect(await grantedRoles()).toEqual(["Group.Read.All", "User.Read.All"]);
});

test("a role that is activated later: a fresh token is fetched and the run goes on", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const chris = await (await browserFor(browser)).newPage();
  await untilApprovalIsNeeded(chris, await invite(support));
  await sandbox.post("users/chris@contoso.com/roles", { wids: [GLOBAL_ADMINISTRATOR], revoke: true });
  await chris.getByRole("button", { name: "I activated my role: check again" }).click();
  await provisioned(chris);
  expect(await grantedRoles()).toEqual(["Group.Read.All", "User.Read.All"]);
});

test("Microsoft's own consent page: what it says is not believed, what the tenant shows is", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const chris = await (await browserFor(browser)).newPage();
  await sandbox.post("lag", { minMs: 0, maxMs: 800 });
  await untilApprovalIsNeeded(chris, await invite(support));
  await chris.getByText("Your colleague would rather use Microsoft’s own page").click();
  await chris.getByRole("button", { name: "Prepare Microsoft’s page" }).click();
  await chris.getByRole("button", { name: "Show Microsoft’s address" }).click({ timeout: 60_000 });
  const address = (await chris.getByTestId("consent-link").locator("code, pre").first().innerText()).trim();
  expect((await contosoNow()).applications[0]).toMatchObject({ web: { redirectUris: [`${stack.baseUrl}/approve/consented`] } });

  const adele = await (await browserFor(browser)).newPage();
  await adele.goto(address);
  await adele.getByRole("button", { name: /adele@contoso\.com/ }).click();
  await adele.getByRole("button", { name: "Cancel" }).click();
  await expect(adele.getByText("Microsoft did not grant it"), "an error beats admin_consent=True").toBeVisible();
  await expect(chris.getByText("Microsoft’s page came back with", { exact: false })).toBeVisible();
  await chris.getByText("Your colleague would rather use Microsoft’s own page").click();
  await chris.getByRole("button", { name: "Prepare Microsoft’s page" }).click();
  await chris.getByRole("button", { name: "Show Microsoft’s address" }).click({ timeout: 60_000 });
  const second = (await chris.getByTestId("consent-link").locator("code, pre").first().innerText()).trim();
  await adele.goto(second);
  await adele.getByRole("button", { name: /adele@contoso\.com/ }).click();
  await adele.getByRole("button", { name: "Accept" }).click();
  await expect(adele.getByText("Microsoft says that it is granted", { exact: false })).toBeVisible();
  await provisioned(chris);
  expect(await grantedRoles()).toEqual(["Group.Read.All", "User.Read.All"]);
  expect((await contosoNow()).applications[0], "the portal's address is gone again").toMatchObject({ web: { redirectUris: [] } });
  const state = new URL(second).searchParams.get("state")!;
  await adele.goto(`/approve/consented?admin_consent=True&state=${state}`);
  await expect(adele.getByText("This address was used already")).toBeVisible();
  await adele.goto("/approve/consented?admin_consent=True&state=made-up");
  await expect(adele.getByText("This address was used already")).toBeVisible();
});

test("a consent that gives only a part is named, and asked for again", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await admin.getByText("Grant less than asked").click();
  await admin.getByRole("checkbox", { name: /AppRoleAssignment\.ReadWrite\.All/ }).check();
  await acceptConsent(admin);
  await expect(admin.getByText("Microsoft gave the portal only a part of what this needs")).toBeVisible();
  await expect(admin.getByText("AppRoleAssignment.ReadWrite.All")).toBeVisible();
  expect((await contosoNow()).applications).toEqual([]);
  await admin.getByRole("button", { name: "Ask Microsoft again" }).click();
  await acceptConsent(admin);
  await provisioned(admin);
});

test("with permissions for one account only, Microsoft's own page is not offered: it would grant for everyone", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "chris@contoso.com");
  await chooseAndApprove(admin, ["Active Directory", "Outlook mail"], async () => {
    await admin.getByRole("radio", { name: /Only one account/ }).check();
    await admin.getByRole("textbox", { name: /^Service account/ }).fill("nora@contoso.com");
  });
  await acceptConsent(admin);
  await expect(admin.getByRole("heading", { name: "Waiting for a colleague with the right role" })).toBeVisible({ timeout: 60_000 });
  await expect(admin.getByText("Your colleague would rather use Microsoft’s own page")).toHaveCount(0);
  const request = await askColleague(admin);
  const approver = await (await browserFor(browser)).newPage();
  await openRequest(approver, request, "priya@contoso.com");
  await approver.getByRole("button", { name: /^Approve/ }).click();
  await acceptConsent(approver);
  await provisioned(admin);
  const { grants } = await contosoNow();
  expect(grants.filter(({ scope }) => scope.includes("Mail.Send.Shared"))).toMatchObject([{ consentType: "Principal" }]);
});
