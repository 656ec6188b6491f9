import pg from "pg";
import {
  acceptConsent,
  browserFor,
  chooseAndApprove,
  enter,
  expect,
  invite,
  mailTo,
  onboardingId,
  provisioned,
  restartPortal,
  revealWithCode,
  sandbox,
  sendLink,
  signInAs,
  stack,
  takeLink,
  tenantOf,
  test,
  tickWhatComesFirst,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());
test.afterEach(() => sandbox.clearFaults());

/** Exactly one of everything in Contoso, whatever happened on the way. */
async function expectOneOfEach() {
  const contoso = tenantOf(await sandbox.state(), "contoso.com");
  expect(contoso.applications).toHaveLength(1);
  expect(contoso.applications[0]!.passwords, "one credential, no orphan").toHaveLength(1);
  expect(contoso.servicePrincipals.filter(({ appId }) => appId === contoso.applications[0]!.appId)).toHaveLength(1);
}

test("links that are unknown, incomplete, revoked: each says what to do", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const id = onboardingId(link);
  const stranger = await (await browserFor(browser)).newPage();
  await stranger.goto(`/o/${id}#wrong-token`);
  await expect(stranger.getByText("This invitation cannot be opened")).toBeVisible();
  await stranger.goto("about:blank");
  await stranger.goto(`/o/${id}`);
  await expect(stranger.getByText(/the part after # is missing/)).toBeVisible();
  await stranger.goto("/o/no-such-thing#x");
  await expect(stranger.getByText("This invitation cannot be opened")).toBeVisible();
  await support.goto(`/desk/${id}`);
  await support.getByText("Cancel the onboarding").click();
  await support.getByRole("button", { name: "Cancel it now" }).click();
  await expect(support.getByText("Cancelled", { exact: true })).toBeVisible();
  const invited = await (await browserFor(browser)).newPage();
  await invited.goto(link);
  await expect(invited.getByText(/The vendor withdrew this invitation/)).toBeVisible();
  await expect(invited.getByRole("button", { name: "Sign in with Microsoft" })).toHaveCount(0);
});

test("what is not there, and a portal that fails, are said in words", async ({ browser }) => {
  const support = await (await browserFor(browser, {}, [/status of 500/, /React error #441/])).newPage();
  const id = onboardingId(await invite(support));
  const nothing = support.getByRole("heading", { name: "There is nothing here for you" });
  const nobodys = "00000000-0000-4000-8000-000000000000";
  for (const path of ["/desk/doctor", `/desk/${nobodys}`, `/o/${nobodys}/plan`, "/no-such-page"]) {
    expect((await support.goto(path))!.status(), path).toBe(404);
    await expect(nothing, path).toBeVisible();
  }
  const database = new pg.Client({ connectionString: stack.databaseUrl });
  await database.connect();
  await database.query('ALTER TABLE "Note" RENAME TO "NoteElsewhere"');
  try {
    expect((await support.goto(`/desk/${id}`))!.status()).toBe(500);
    await expect(support.getByRole("heading", { name: "The portal failed to answer" })).toBeVisible();
    await expect(support.getByText(/send support this reference/)).toBeVisible();
  } finally {
    await database.query('ALTER TABLE "NoteElsewhere" RENAME TO "Note"');
    await database.end();
  }
  await support.getByRole("button", { name: "Try again" }).click();
  await expect(support.getByRole("heading", { name: "Contoso Ltd" })).toBeVisible();
});

test("a fresh link replaces the old one", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const old = await invite(support);
  await support.goto(`/desk/${onboardingId(old)}`);
  await support.locator("summary", { hasText: "Send a fresh link" }).click();
  await support.getByRole("button", { name: "Send a fresh link" }).click();
  const fresh = await support.getByTestId("invitation-link").innerText();
  expect(fresh).not.toBe(old);
  const admin = await (await browserFor(browser)).newPage();
  await admin.goto(old);
  await expect(admin.getByText("This invitation cannot be opened")).toBeVisible();
  await admin.goto("about:blank");
  await admin.goto(fresh);
  await expect(admin.getByRole("heading", { level: 1 })).toContainText("Connect Cirrus Connect");
});

test("an admin of another tenant is told which tenant is expected, and changes nothing", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "gustav@fabrikam.de");
  await expect(admin.getByText(/You signed in to Fabrikam GmbH .*tenant that owns contoso\.com/)).toBeVisible();
  await support.goto(`/desk/${onboardingId(link)}`);
  await expect(support.getByText(/Somebody signed in to Fabrikam GmbH instead/)).toBeVisible();
  for (const page of ["features", "plan", "run", "audit"]) {
    await admin.goto(`/o/${onboardingId(link)}/${page}`);
    await expect(admin.getByRole("heading", { name: /What should|changes in|record of/ })).toHaveCount(0);
  }
});

test("a member without a role is sent to an administrator, and a declined consent changes nothing", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const member = await (await browserFor(browser)).newPage();
  await enter(member, link, "nora@contoso.com");
  await expect(member.getByText("none that counts here")).toBeVisible();
  await chooseAndApprove(member, ["Outlook Calendar"]);
  await member.getByRole("button", { name: "Return to the application without granting consent" }).click();
  await expect(member.getByText(/Only an administrator can grant what this portal asks for/)).toBeVisible();

  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await admin.getByRole("button", { name: "Cancel" }).click();
  await expect(admin.getByText(/You declined\. Nothing was changed/)).toBeVisible();
  await admin.getByRole("link", { name: "Go back and try again" }).click();
  await acceptConsent(admin);
  await provisioned(admin);
  await expectOneOfEach();
});

test("a Cloud Application Administrator does all they may, and a Privileged Role Administrator finishes", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const first = await (await browserFor(browser)).newPage();
  await enter(first, link, "chris@contoso.com");
  await first.getByRole("link", { name: "Continue" }).click();
  await first.getByRole("checkbox", { name: "Active Directory" }).check();
  await first.getByRole("button", { name: "Review the plan" }).click();
  await expect(first.getByText("Needs an approver", { exact: true }).first()).toBeVisible();
  await first.getByRole("button", { name: "Approve and provision" }).click();
  await acceptConsent(first);
  await expect(first.getByRole("heading", { name: "Waiting for a colleague with the right role" })).toBeVisible({ timeout: 60_000 });
  expect(tenantOf(await sandbox.state(), "contoso.com").applications[0]!.passwords, "no secret before the permissions are there").toEqual(
    [],
  );

  const second = await (await browserFor(browser)).newPage();
  await enter(second, link, "adele@contoso.com");
  await second.getByRole("link", { name: "Continue" }).click();
  await second.getByRole("link", { name: "See what is left and approve it" }).click();
  await expect(second.getByRole("heading", { level: 1 })).toHaveText("2 changes in contoso.com");
  await second.getByRole("button", { name: "Approve and provision" }).click();
  await acceptConsent(second);
  await provisioned(second);
  await expectOneOfEach();
  await expect(
    first.getByText("The link was sealed for another browser session"),
    "the first admin's open page cannot give out the second's link",
  ).toBeVisible();
});

test("throttling, an outage, a lost answer and a double click still end with one of each", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  await sandbox.post("lag", { minMs: 200, maxMs: 1500 });
  await sandbox.post("faults", { method: "PATCH", path: "^/applications", times: 1, status: 503 });
  await sandbox.post("faults", { method: "PATCH", path: "^/applications", times: 1, reset: "after" });
  await sandbox.post("faults", { method: "PATCH", path: "^/servicePrincipals", times: 1, status: 429, retryAfter: 1 });
  await sandbox.post("faults", { method: "POST", path: "appRoleAssignedTo$", times: 2, reset: "after" });
  await sandbox.post("faults", { method: "POST", path: "^/oauth2PermissionGrants", times: 1, reset: "after" });
  await sandbox.post("faults", {
    method: "POST",
    path: "addPassword$",
    times: 1,
    status: 404,
    code: "Request_ResourceNotFound",
    message: "Resource does not exist or one of its queried reference-property objects are not present.",
  });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  for (const feature of ["Active Directory", "Outlook mail"]) await admin.getByRole("checkbox", { name: feature }).check();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await tickWhatComesFirst(admin);
  await admin.getByRole("button", { name: "Approve and provision" }).dblclick();
  await acceptConsent(admin);
  await provisioned(admin);
  await expectOneOfEach();
  const { log } = (await sandbox.state()) as unknown as { log: { status: number }[] };
  expect(log.filter(({ status }) => status === 429)).toHaveLength(1);
});

test("two tabs: one runs, the other follows; closing the browser does not stop it", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const context = await browserFor(browser);
  const admin = await context.newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  const other = await context.newPage();
  await sandbox.post("faults", { method: "PATCH", path: "^/servicePrincipals", times: 1, status: 429, retryAfter: 2 });
  await acceptConsent(admin);
  await other.goto(`/o/${onboardingId(link)}/run`);
  await expect(other.getByRole("heading", { level: 1, name: "Making it in your tenant" })).toBeVisible();
  await expect(other.getByText("Microsoft asked us to slow down", { exact: false })).toBeVisible();
  await context.close();
  const back = await (await browserFor(browser)).newPage();
  await enter(back, link, "adele@contoso.com");
  await back.getByRole("link", { name: "Continue" }).click();
  await expect(back.getByRole("heading", { level: 1, name: "It works. Now hand it over" })).toBeVisible({ timeout: 60_000 });
  await back.getByRole("button", { name: "Issue a new credential and link" }).click();
  await expect(back.getByRole("button", { name: /Send the link to/ })).toBeVisible({ timeout: 60_000 });
  await expectOneOfEach();
});

test("a permission that the tenant does not have is named before anything is written", async ({ browser }) => {
  await sandbox.post("tenants/contoso.com/permissions/remove", { value: "Calendars.Read" });
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar", "Active Directory"]);
  await acceptConsent(admin);
  await expect(admin.getByText(/Microsoft Graph does not have Calendars\.Read/)).toBeVisible();
  await expect(admin.getByRole("button", { name: "Approve and provision" })).toHaveCount(0);
  expect(tenantOf(await sandbox.state(), "contoso.com").applications).toEqual([]);
  await admin.getByRole("link", { name: "Change the features" }).click();
  await admin.getByRole("checkbox", { name: "Outlook Calendar" }).uncheck();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);
});

test("one registration for each feature: each has its own permissions, and one link carries them all", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar", "Outlook mail"], () =>
    admin.getByRole("radio", { name: /One for each feature/ }).check(),
  );
  await acceptConsent(admin);
  await provisioned(admin);
  await sendLink(admin, "maria@cirrus.example");
  const mail = await mailTo("maria@cirrus.example");
  const contact = await (await browserFor(browser)).newPage();
  await contact.goto(mail.link);
  await revealWithCode(contact, "maria@cirrus.example");
  await expect(contact.getByRole("rowheader")).toHaveText(["Cirrus Server – Outlook Calendar", "Cirrus Server – Outlook mail"]);
  await expect(contact.locator('td[data-label="Client secret value"] code')).toHaveText([/.{30}/, "none"]);
});

test("a forged sign-in answer is refused and opens no session", async ({ browser }) => {
  const context = await browserFor(browser);
  const page = await context.newPage();
  await page.goto("/auth/callback#code=forged&state=forged");
  await expect(page.getByText(/You are not signed in|This sign-in is over/)).toBeVisible();
  expect((await context.cookies()).filter(({ name }) => name === "vestibule")).toEqual([]);
  const refused = await context.request.post("/api/session", { data: { accessToken: "e30.e30.x" }, headers: { origin: stack.baseUrl } });
  expect(refused.status()).toBe(403);
});

test("strangers, members of other tenants and foreign pages get nothing", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const id = onboardingId(link);
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  const stranger = await browserFor(browser);
  const fabrikam = await browserFor(browser);
  const gustav = await fabrikam.newPage();
  await gustav.goto("/sign-in");
  await signInAs(gustav, "gustav@fabrikam.de");
  for (const context of [stranger, fabrikam]) {
    for (const path of [`/o/${id}/events`, `/o/${id}/audit/export`, "/desk/events", `/desk/${id}/audit`])
      expect((await context.request.get(path)).status(), path).toBe(404);
    for (const path of [
      `/o/${id}/features`,
      `/o/${id}/plan`,
      `/o/${id}/run`,
      `/o/${id}/undo`,
      `/o/${id}/audit`,
      `/desk/${id}`,
      "/desk",
      "/desk/new",
    ]) {
      const answer = await context.request.get(path);
      expect(await answer.text(), path).not.toContain("Contoso");
    }
  }
  expect((await admin.context().request.get("/desk/events")).status(), "an admin is not support").toBe(404);
  const foreign = await stranger.request.post(`/o/${id}/open`, { data: { token: "x" }, headers: { origin: "https://evil.example" } });
  expect(foreign.status()).toBe(403);
  const viewerContext = await browserFor(browser);
  const viewer = await viewerContext.newPage();
  await viewer.goto("/desk");
  await signInAs(viewer, "vera@cirrus.example");
  await expect(viewer.getByRole("link", { name: "New onboarding" })).toHaveCount(0);
  await viewer.goto(`/desk/${id}`);
  await expect(viewer.getByText("Cancel the onboarding")).toHaveCount(0);
});

test("the server is killed in the middle: the run goes on when it is back, and nothing is there twice", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  const context = await browserFor(browser, {}, [/ERR_|Failed to (fetch|load)|network/i]);
  const admin = await context.newPage();
  await enter(admin, link, "adele@contoso.com");
  await sandbox.post("faults", { method: "POST", path: "appRoleAssignedTo$", times: 1, status: 429, retryAfter: 4 });
  await chooseAndApprove(admin, ["Active Directory"]);
  await acceptConsent(admin);
  await expect(admin.getByText("Microsoft asked us to slow down", { exact: false })).toBeVisible();
  await restartPortal();
  await provisioned(admin);
  await expectOneOfEach();
  await sendLink(admin, "maria@cirrus.example");
  const mail = await mailTo("maria@cirrus.example");
  const contact = await (await browserFor(browser)).newPage();
  await contact.goto(mail.link);
  await revealWithCode(contact, "maria@cirrus.example");
  await expect(contact.getByText("Client secret value")).toBeVisible();
});

test("the server is killed in the middle of undoing: it goes on when it is back, and nothing is left", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser, {}, [/ERR_|Failed to (fetch|load)|network/i])).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await chooseAndApprove(admin, ["Active Directory"]);
  await acceptConsent(admin);
  await provisioned(admin);
  await admin.getByRole("link", { name: "Undo everything done here" }).click();
  await sandbox.post("faults", { method: "DELETE", path: "^/applications", times: 1, status: 429, retryAfter: 4 });
  await admin.getByRole("button", { name: "Undo all of this" }).click();
  await expect(admin.getByText("Microsoft asked us to slow down", { exact: false })).toBeVisible();
  await restartPortal();
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("Everything that this portal made is gone", { timeout: 60_000 });
  expect(tenantOf(await sandbox.state(), "contoso.com").applications).toEqual([]);
});

test("a second onboarding of the same product finds the registration and adds only what is missing", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const context = await browserFor(browser);
  const admin = await context.newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  await enter(admin, await invite(support), "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  for (const feature of ["Outlook Calendar", "Active Directory"]) await admin.getByRole("checkbox", { name: feature }).check();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await expect(admin.getByText("Your tenant is not empty")).toBeVisible();
  await expect(admin.getByText("Grant 2 application permissions")).toBeVisible();
  await admin.getByRole("button", { name: "Approve and provision" }).click();
  await provisioned(admin);
  const contoso = tenantOf(await sandbox.state(), "contoso.com");
  expect(contoso.applications).toHaveLength(1);
  expect(contoso.applications[0]!.passwords, "the first onboarding's credential stays").toHaveLength(2);
});

test("an expired invitation says so, and a forged feature is refused by name", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const expired = await invite(support);
  const database = new pg.Client(stack.databaseUrl);
  await database.connect();
  await database.query(
    `UPDATE "Onboarding" SET "expiresAt" = now(), "state" = jsonb_set("state", '{expiresAt}', '"2026-01-01T00:00:00.000Z"') WHERE "id" = $1`,
    [onboardingId(expired)],
  );
  await database.end();
  const late = await (await browserFor(browser)).newPage();
  await late.goto(expired);
  await expect(late.getByText("This invitation has expired. Nothing was changed in your tenant.")).toBeVisible();
  await support.goto("/desk");
  await expect(support.getByRole("row", { name: /Contoso Ltd/ }).first()).toContainText("Expired");

  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  const box = admin.getByRole("checkbox", { name: "Outlook Calendar" });
  await box.check();
  await box.evaluate((input: HTMLInputElement) => {
    input.value = "everything";
  });
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await expect(admin.getByText('does not offer a feature "everything"', { exact: false })).toBeVisible();
});

test("mail that is refused is said so; the thrown-away link is replaced by a new credential", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { admin: "reject@contoso.com", contact: "reject@cirrus.example" });
  await expect(support.getByText("There is no mailbox reject@contoso.com", { exact: false })).toBeVisible();
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  const before = tenantOf(await sandbox.state(), "contoso.com").applications[0]!.passwords[0]!.keyId;
  await admin.getByRole("button", { name: /Send the link to reject/ }).click();
  await expect(admin.getByText("This link was thrown away")).toBeVisible();
  await admin.getByRole("button", { name: "Issue a new credential and link" }).click();
  await admin.getByRole("radio", { name: /^Nothing/ }).check({ timeout: 60_000 });
  const handoff = await takeLink(admin);
  await expectOneOfEach();
  expect(tenantOf(await sandbox.state(), "contoso.com").applications[0]!.passwords[0]!.keyId).not.toBe(before);

  const contact = await (await browserFor(browser)).newPage();
  const [address, key] = handoff.split("#");
  await contact.goto(address!);
  await expect(contact.getByRole("heading", { level: 1 })).toHaveText("The link is not complete");
  await contact.getByLabel("The link, or the part after #").fill(` ${handoff}. `);
  await contact.getByRole("button", { name: "Open" }).click();
  await expect(contact.getByText("after reveal").first(), "pasted whole, with what a mail program left around it").toBeVisible();
  for (const rewritten of [`${address}%23${key}`, `${address}%2523${key}`, `${address}#${key}.`]) {
    await contact.goto("about:blank");
    await contact.goto(rewritten);
    await expect(contact.getByText("after reveal").first(), rewritten.replace(key!, "…")).toBeVisible();
    expect(contact.url()).toBe(address);
  }
  await contact.goto("about:blank");
  await contact.goto(`${address}#${"A".repeat(43)}`);
  await expect(contact.getByRole("heading", { level: 1 })).toHaveText("This link doesn’t open anything");
});
