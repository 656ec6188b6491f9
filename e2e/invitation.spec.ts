import pg from "pg";
import {
  acceptConsent,
  browserFor,
  chooseAndApprove,
  enter,
  expect,
  expectAccessible,
  invite,
  mailTo,
  onboardingId,
  provisioned,
  sandbox,
  sendLink,
  signInAs,
  stack,
  test,
  tickWhatComesFirst,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());

async function query(sql: string, values: unknown[] = []) {
  const database = new pg.Client(stack.databaseUrl);
  await database.connect();
  await database.query(sql, values).finally(() => database.end());
}

test("support decides what stays, fills in what it knows, sees what the admin will see, and writes to them in German", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  await support.goto("/desk/new");
  await signInAs(support, "sam@cirrus.example");
  await support.goto("/desk/new");
  await support.getByLabel("Product").selectOption("Cirrus Connect");
  await support.getByLabel(/^Customer ?As the admin/).fill("Contoso Räder");
  await support.getByLabel("Domain of their tenant").fill("contoso.com");
  await support.getByLabel("Admin’s e-mail").fill("adele@contoso.com");
  await support.getByLabel("Contact’s e-mail").fill("maria@cirrus.example");
  await support.getByRole("checkbox", { name: "Active Directory" }).uncheck();
  const locks = support.getByRole("checkbox", { name: "Cannot be left out" });
  await locks.nth(1).check();
  await support.getByText("More: language, days, further contacts, reference").click();
  await support.getByLabel("Language").selectOption("Deutsch");
  await support.getByLabel("Days").fill("91");
  await support.getByLabel("Further contacts").fill("tom@cirrus.example, ute@cirrus.example");
  await support.getByLabel("Your reference").fill("CRM-4711");
  await support.getByText("Values that you know already").click();
  await support
    .getByLabel(/service account/i)
    .first()
    .fill("svc-connect@contoso.com");
  await support.getByText("What the admin will see").click();
  const preview = support.getByTestId("preview");
  await expect(preview.getByRole("heading", { name: "Connect Cirrus Connect with Contoso Räder’s Microsoft 365" })).toBeVisible();
  await expect(preview).not.toContainText("Active Directory");
  await expect(preview).toContainText("(always part of it)");
  await expectAccessible(support);
  const lockedTitle = await support.locator(`#${await locks.nth(1).getAttribute("aria-describedby")}`).innerText();
  // The browser keeps 91 days from being sent; the server does, too.
  await support.getByLabel("Days").evaluate((input: HTMLInputElement) => input.removeAttribute("max"));
  await support.getByRole("button", { name: "Invite" }).click();
  await expect(support.getByText("An invitation works for at most 90 days.")).toBeVisible();
  await expect(support.getByLabel("Your reference"), "nothing that was typed is lost").toHaveValue("CRM-4711");
  await support.getByLabel("Days").fill("30");
  await support.getByRole("button", { name: "Invite" }).click();
  const { subject, text, link } = await mailTo("adele@contoso.com", /lädt/);
  expect(subject).toBe("Cirrus lädt Contoso Räder ein, Cirrus Connect einzurichten");
  expect(text).toContain("Der Link gilt bis");
  await support.goto("/desk?q=crm-4711");
  await expect(support.getByRole("link", { name: "Contoso Räder" })).toBeVisible();

  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await admin.getByRole("link", { name: "Continue" }).click();
  const locked = admin.getByRole("checkbox", { name: lockedTitle });
  await expect(locked).toBeChecked();
  await expect(locked).toBeDisabled();
  await expect(admin.getByRole("checkbox", { name: "Active Directory" })).toHaveCount(0);
  await expectAccessible(admin);
  const account = admin.locator('[name="variable.service-account"]');
  if ((await account.count()) > 0) {
    await expect(account).toHaveValue("svc-connect@contoso.com");
    await expect(account).toHaveAttribute("readonly", "");
  }
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await tickWhatComesFirst(admin);
  await expect(admin.getByRole("button", { name: "Approve and provision" })).toBeVisible();
  const record = (await (await support.request.get(`/desk/${onboardingId(link)}/audit`)).json()) as {
    records: { type: string; detail: { choices?: { features: string[]; variables: Record<string, string> } } }[];
  };
  const { choices } = record.records.findLast(({ type }) => type === "features.chosen")!.detail;
  expect(choices!.features.length).toBeGreaterThan(0);
  expect(Object.values(choices!.variables)).toContain("svc-connect@contoso.com");
});

test("whoever holds an expired link gets a fresh one to the invited address, and support extends a link that is out", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { customer: "Late Ltd", admin: "late-admin@contoso.com" });
  const id = onboardingId(link);
  await query(
    `UPDATE "Onboarding" SET "expiresAt" = now() - interval '1 minute', "state" = jsonb_set("state", '{expiresAt}', '"2026-01-01T00:00:00.000Z"') WHERE "id" = $1`,
    [id],
  );
  const holder = await (await browserFor(browser)).newPage();
  await holder.goto(link);
  await expect(holder.getByText("This invitation has expired. Nothing was changed in your tenant.")).toBeVisible();
  await expect(holder.getByRole("button", { name: "Sign in with Microsoft" })).toHaveCount(0);
  await expectAccessible(holder);
  await holder.getByRole("button", { name: "Mail a fresh link to the invited address" }).click();
  await expect(holder.getByText("A fresh link is on its way to l…@contoso.com")).toBeVisible();
  await expect.poll(async () => (await sandbox.mails()).filter(({ to }) => to.includes("late-admin@contoso.com")).length).toBe(2);
  const fresh = (await mailTo("late-admin@contoso.com", /invites/)).link;
  expect(fresh).not.toBe(link);
  const other = await (await browserFor(browser)).newPage();
  await other.goto(fresh);
  await expect(other.getByRole("button", { name: "Sign in with Microsoft" })).toBeVisible();
  const late = await (await browserFor(browser)).newPage();
  await late.goto(link);
  await expect(late.getByText("This invitation doesn't exist", { exact: false })).toBeVisible();
  await support.goto(`/desk/${id}`);
  await expect(support.getByText("A fresh link asked for", { exact: false })).toBeVisible();
  await support.locator("summary", { hasText: "Extend" }).click();
  await support.getByLabel("Days from now").fill("60");
  await support.getByRole("button", { name: "Extend it" }).click();
  await expect(support.getByText("Invitation extended")).toBeVisible();
  await other.reload();
  await expect(other.getByRole("button", { name: "Sign in with Microsoft" })).toBeVisible();
});

test("the mail server is away for a while: support is told, and the invitation arrives by itself; a wrong address is corrected", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  await support.goto("/desk");
  await signInAs(support, "sam@cirrus.example");
  await sandbox.post("mail", { down: true });
  const link = await invite(support, { customer: "Patient Ltd", admin: "patient@contoso.com" });
  await expect(support.getByText("The mail server cannot be reached.", { exact: false })).toBeVisible();
  await support.goto(`/desk/${onboardingId(link)}`);
  await expect(support.getByText("Invitation could not be mailed")).toBeVisible();
  await sandbox.post("mail", { down: false });
  await expect
    .poll(async () => (await sandbox.mails()).filter(({ to }) => to.includes("patient@contoso.com")).length, { timeout: 60_000 })
    .toBe(1);
  await expect(support.getByText("Invitation mailed"), "the page follows by itself").toBeVisible();
  // The mail's link and the one that support has both work: each is known by its digest alone.
  for (const each of [link, (await mailTo("patient@contoso.com", /invites/)).link]) {
    const admin = await (await browserFor(browser)).newPage();
    await admin.goto(each);
    await expect(admin.getByRole("button", { name: "Sign in with Microsoft" })).toBeVisible();
  }

  const wrong = await invite(support, { customer: "Wrong Ltd", admin: "reject-me@contoso.com" });
  await expect(support.getByText("There is no mailbox reject-me@contoso.com", { exact: false })).toBeVisible();
  await support.goto(`/desk/${onboardingId(wrong)}`);
  await support.locator("summary", { hasText: "Send a fresh link" }).click();
  await support.getByLabel("Mail it to").fill("right@contoso.com");
  await support.getByRole("button", { name: "Send a fresh link" }).click();
  await expect(support.getByText("The invitation is on its way to right@contoso.com")).toBeVisible();
  expect((await mailTo("right@contoso.com")).subject).toContain("invites Wrong Ltd");
});

test("another contact: the link that is out stops working, and the admin issues anew for the new one", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { contact: "maria@cirrus.example" });
  const id = onboardingId(link);
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  await sendLink(admin, "maria@cirrus.example");
  const handoff = (await mailTo("maria@cirrus.example", /values/)).link;
  await support.goto(`/desk/${id}`);
  await support.locator("summary", { hasText: "Change the contact" }).click();
  await expect(support.getByText("The link that is out stops working at once.", { exact: false })).toBeVisible();
  await support.getByLabel("Contact’s e-mail").fill("ute@cirrus.example");
  await support.getByRole("button", { name: "Change it" }).click();
  await expect(support.getByText("ute@cirrus.example").first()).toBeVisible();
  const former = await (await browserFor(browser)).newPage();
  await former.goto(handoff);
  await expect(former.getByRole("heading", { level: 1 })).not.toHaveText("Opening your link");
  await expect(former.getByRole("button", { name: /Mail a code|Reveal/ })).toHaveCount(0);
  await admin.reload();
  await admin
    .getByRole("button", { name: /Issue a new credential/ })
    .first()
    .click();
  await provisioned(admin);
  await sendLink(admin, "ute@cirrus.example");
  expect((await mailTo("ute@cirrus.example", /values/)).link).not.toBe(handoff);
  const bundle = await support.request.get(`/desk/${id}/diagnostics`);
  const text = await bundle.text();
  expect(JSON.parse(text)).toMatchObject({ onboarding: { id }, graph: { calls: expect.any(Number) } });
  expect(text, "no link, no secret, no address in full").not.toMatch(/#[\w-]{43}|\dQ~|maria@|ute@|adele@/);
});
