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
  revealWithCode,
  sandbox,
  sendLink,
  signInAs,
  test,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());

const drift = (kind: string, value = "") => sandbox.post("tenants/contoso.com/drift", { kind, value });

test("the next sign-in looks whether everything is as it was: what is missing is made again by a plan, what was added is accepted or not", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  const contact = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Active Directory", "Outlook mail"]);
  await acceptConsent(admin);
  await provisioned(admin);
  await sendLink(admin, "maria@cirrus.example");
  await contact.goto((await mailTo("maria@cirrus.example")).link);
  await revealWithCode(contact, "maria@cirrus.example");
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("Handed over");
  const health = admin.getByRole("region", { name: "Health" });
  await expect(health).toContainText("Not compared with your tenant since it was handed over");
  await health.getByRole("button", { name: "Check now" }).click();
  await expect(health).toContainText("As it was handed over");

  await drift("disable-service-principal");
  await drift("add-credential", "Somebody\u2019s own");
  await drift("add-redirect-uri", "https://contoso.example/own");
  await drift("remove-role", "Group.Read.All");
  // Somebody comes back another day: nothing has to be pressed.
  const later = await (await browserFor(browser)).newPage();
  await later.goto(`/o/${onboardingId(link)}/run`);
  await signInAs(later, "adele@contoso.com");
  const found = later.getByRole("region", { name: "Health" });
  await expect(found).toContainText("4 things are not as handed over");
  for (const words of [
    "Its service principal is disabled",
    "1 application permission not granted any more",
    "Somebody\u2019s own",
    "https://contoso.example/own",
  ])
    await expect(found).toContainText(words);
  await expectAccessible(later);
  await support.goto("/desk");
  await expect(support.getByRole("row", { name: /Contoso Ltd/ }).first()).toContainText("Needs attention");
  await support.goto(`/desk/${onboardingId(link)}`);
  await expect(support.getByText("Its service principal is disabled").first()).toBeVisible();

  await found
    .getByRole("listitem")
    .filter({ hasText: "https://contoso.example/own" })
    .getByRole("button", { name: "This is as it should be" })
    .click();
  await expect(found).toContainText("3 things are not as handed over");
  await found.getByRole("link", { name: "Review the plan" }).click();
  await expect(later.getByText("Enable its service principal")).toBeVisible();
  await later.getByRole("button", { name: "Approve and provision" }).click();
  await expect(later.getByRole("heading", { level: 1 })).toHaveText("Handed over", { timeout: 60_000 });
  await expect(found).toContainText("One thing is not as handed over");
  await found.getByRole("button", { name: "Check now" }).click();
  await expect(found.getByRole("button", { name: "Check now" })).toBeVisible();
  await expect(found).toContainText("One thing is not as handed over");
  const [application] = (await contosoNow()).applications;
  expect(application!.passwords, "what somebody else added is left alone").toHaveLength(2);
  await found.getByRole("button", { name: "This is as it should be" }).click();
  await expect(found).toContainText("Accepted by you: 2");
  await support.goto("/desk");
  await expect(support.getByRole("row", { name: /Contoso Ltd/ }).first()).toContainText("Live");
});

test("the portal is taken out of the tenant: its grants and its service principal are gone, and the product goes on working", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  const admin = await (await browserFor(browser)).newPage();
  const link = await invite(support);
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Active Directory"]);
  await acceptConsent(admin);
  await provisioned(admin);
  await sendLink(admin, "maria@cirrus.example");
  const before = await contosoNow();
  const own = before.servicePrincipals.find(({ displayName }) => displayName === "Vestibule")!;
  expect(before.grants.filter(({ clientId }) => clientId === own.id).length).toBeGreaterThan(0);

  await admin.getByRole("link", { name: "Remove this portal from my tenant" }).click();
  await expect(admin.getByText("Take back what was consented to this portal")).toBeVisible();
  await expectAccessible(admin);
  // Between the list and the button somebody signs in and consents: what was not shown is not done.
  const other = await (await browserFor(browser)).newPage();
  await other.goto(`/o/${onboardingId(link)}/run`);
  await signInAs(other, "chris@contoso.com");
  await admin.getByRole("button", { name: "Remove this portal" }).click();
  await expect(admin.getByText("Your tenant changed while you read this")).toBeVisible();
  await expect(admin.getByText("Delegated permissions, for 2 people")).toBeVisible();
  await admin.getByRole("button", { name: "Remove this portal" }).click();
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("This portal is no longer in your tenant", { timeout: 60_000 });
  await expect(admin.getByText("Microsoft gives this portal no token for your tenant any more", { exact: false })).toBeVisible();
  const after = await contosoNow();
  expect(after.servicePrincipals.some(({ appId }) => appId === own.appId)).toBe(false);
  expect(after.grants.filter(({ clientId }) => clientId === own.id)).toEqual([]);
  expect(after.applications).toEqual(before.applications);
  expect(after.appRoleAssignments).toEqual(before.appRoleAssignments);
  await admin.getByRole("link", { name: "Back to the onboarding" }).click();
  await expect(admin.getByText("This portal is no longer in your tenant")).toBeVisible();
  await support.goto(`/desk/${onboardingId(link)}`);
  await expect(support.getByText("This portal removed from the tenant")).toBeVisible();

  // Whoever needs it again lets it in again, and what it made is still known.
  await admin.getByRole("link", { name: "Undo everything done here" }).click();
  await admin.getByRole("button", { name: "Go to Microsoft" }).click();
  await acceptConsent(admin);
  await admin.getByRole("button", { name: "Undo all of this" }).click();
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("Everything that this portal made is gone", { timeout: 60_000 });
  await admin.getByRole("link", { name: "Remove this portal from your tenant, too" }).click();
  await admin.getByRole("button", { name: "Remove this portal" }).click();
  await expect(admin.getByRole("heading", { level: 1 })).toHaveText("This portal is no longer in your tenant", { timeout: 60_000 });
  expect((await contosoNow()).applications).toEqual([]);
});
