import { readFileSync } from "node:fs";
import { invite as inviteByRequest, Visitor } from "../scripts/visitor";
import {
  acceptConsent,
  browserFor,
  chooseAndApprove,
  contosoNow,
  enter,
  expect,
  expectAccessible,
  invite,
  onboardingId,
  provisioned,
  sandbox,
  signInAs,
  stack,
  test,
  userId,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());

/** What happened to run into these names on purpose: a formula, another script, markup. */
const AWKWARD = ['=HYPERLINK("http://x")', "+49 Müller & Söhne", "@SUM(A1)", "-1+1", "شركة كونتوسو 🏢", '<b>Bold</b>, "quoted"'];

test("support finds an onboarding by whatever the customer says: name, person, application, Microsoft's request id; and saves the view", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  await invite(support, { customer: "Fabrikam Räder GmbH", domain: "fabrikam.com", admin: "bea@fabrikam.com" });
  const link = await invite(support, { customer: "Contoso Ltd" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await chooseAndApprove(admin, ["Outlook Calendar"]);
  await acceptConsent(admin);
  await provisioned(admin);
  const { appId } = (await contosoNow()).applications[0]!;
  const exported = await support.request.get(`/desk/${onboardingId(link)}/audit`);
  const { records } = (await exported.json()) as { records: { type: string; detail: { requestId?: string } }[] };
  const requestId = records.find(({ type, detail }) => type === "graph.called" && detail.requestId)!.detail.requestId!;
  await support.goto("/desk");
  await expectAccessible(support);
  const search = async (q: string) => {
    await support.getByRole("searchbox").fill(q);
    await support.getByRole("searchbox").press("Enter");
    await support.waitForURL((url) => url.searchParams.get("q") === q);
  };
  const rows = support.getByRole("row").filter({ has: support.getByRole("cell") });
  for (const q of ["fabrikam rad", "bea@fab"]) {
    await search(q);
    await expect(rows.first(), q).toContainText("Fabrikam Räder GmbH");
  }
  for (const q of [appId, requestId, onboardingId(link)]) {
    await search(q);
    await expect(rows, q).toHaveCount(1);
    await expect(rows, q).toContainText("Ready to hand over");
  }
  await search(`100% "x" ' %_`);
  await expect(support.getByRole("heading", { name: "Nothing matches" })).toBeVisible();
  await support.getByRole("link", { name: "Show all" }).first().click();
  await support.getByLabel("Status").selectOption("Ready to hand over");
  await support.getByLabel("Product").selectOption("Cirrus Connect");
  await support.getByRole("button", { name: "Show" }).click();
  await expect(rows.filter({ hasText: "Invited" })).toHaveCount(0);
  await expect(rows.first()).toContainText("Contoso Ltd");
  await support.getByRole("columnheader", { name: "Customer" }).getByRole("link").click();
  await expect(support.getByRole("columnheader", { name: "Customer" })).toHaveAttribute("aria-sort", "ascending");
  const saved = support.url();
  const colleague = await (await browserFor(browser)).newPage();
  await colleague.goto(saved);
  await signInAs(colleague, "sam@cirrus.example");
  expect(colleague.url(), "an address is a view, also for a colleague who signs in first").toBe(saved);
  await expect(colleague.getByLabel("Status")).toHaveValue("ready_for_handoff");
});

test("hundreds of onboardings: pages of fifty, the rest a click away, and all of them as CSV that no spreadsheet runs", async ({
  browser,
}) => {
  const agent = new Visitor(stack);
  await agent.signIn(await userId("sam@cirrus.example"), false);
  const wish = { productId: "cirrus-connect", features: [], offered: ["outlook-calendar"] };
  for (let made = 0; made < 52; made++) await inviteByRequest(agent, `paged-${made}.example`, wish);
  const support = await (await browserFor(browser)).newPage();
  for (const customer of AWKWARD) await invite(support, { customer, domain: "paged-awkward.example" });
  await support.goto("/desk?q=paged");
  const rows = support.getByRole("row").filter({ has: support.getByRole("cell") });
  await expect(support.getByText("58 onboardings")).toBeVisible();
  await expect(rows).toHaveCount(50);
  for (const customer of AWKWARD) await expect(support.getByRole("link", { name: customer, exact: true })).toBeVisible();
  await support.getByRole("link", { name: "Next page" }).click();
  await expect(rows).toHaveCount(8);
  await expectAccessible(support);
  await support.getByRole("link", { name: "First page" }).click();
  await expect(rows).toHaveCount(50);
  const [download] = await Promise.all([support.waitForEvent("download"), support.getByRole("link", { name: "Export as CSV" }).click()]);
  const csv = readFileSync(await download.path(), "utf8");
  expect(csv.startsWith("\uFEFFOnboarding,Customer,")).toBe(true);
  expect(csv.trim().split("\r\n")).toHaveLength(59);
  expect(csv).toContain("شركة كونتوسو 🏢");
  expect(csv).toContain(`"<b>Bold</b>, ""quoted"""`);
  for (const customer of AWKWARD.filter((name) => /^[=+\-@]/.test(name))) expect(csv).toContain(`'${customer.replaceAll('"', '""')}`);
  for (const cell of csv.matchAll(/(?:^|,)"?([=+\-@][^,]*)/gm)) expect(cell[1], "a cell that a spreadsheet would run").toBe("");
});

test("the funnel counts each onboarding at every stage it has reached, with what was lost and how long it took", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { product: "Bright Pattern EMI" });
  await invite(support, { product: "Bright Pattern EMI" });
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await expect(admin.getByRole("link", { name: "Continue" })).toBeVisible();
  await support.goto("/desk");
  await support.getByRole("link", { name: "How far they come" }).click();
  await support.getByLabel("Product").selectOption("Bright Pattern EMI");
  await support.getByLabel("Invited within").selectOption("30 days");
  await support.getByRole("button", { name: "Show" }).click();
  await support.waitForURL(/product=bright-pattern-emi/);
  const cellsOf = (stage: string) => support.getByRole("row", { name: stage }).getByRole("cell");
  const invited = Number(await cellsOf("Invited").first().innerText());
  const signedIn = Number(await cellsOf("Signed in").first().innerText());
  expect(signedIn).toBeGreaterThan(0);
  expect(invited).toBeGreaterThan(signedIn);
  await expect(cellsOf("Signed in").last()).toContainText(/under a minute|min|hr/);
  await expectAccessible(support);
});

test("staff of another vendor see their own vendor's onboardings, and of all others not even that they exist", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { customer: "Secret Customer", domain: "secret-customer.example" });
  const lea = await (await browserFor(browser)).newPage();
  await lea.goto("/desk");
  await signInAs(lea, "lea@luware.example");
  await expect(lea.getByRole("heading", { name: "Onboardings" })).toBeVisible();
  await lea.goto("/desk/new");
  expect(await lea.getByLabel("Product").getByRole("option").allInnerTexts(), "only products of theirs").toEqual(["Luware LUCS"]);
  await lea.getByLabel(/^Customer ?As the admin/).fill("Customer of Luware");
  await lea.getByLabel("Domain of their tenant").fill("customer-of-luware.example");
  await lea.getByLabel("Admin’s e-mail").fill("admin@customer-of-luware.example");
  await lea.getByLabel("Contact’s e-mail").fill("lea@luware.example");
  await lea.getByRole("button", { name: "Invite" }).click();
  await expect(lea.getByTestId("invitation-link")).toBeVisible();
  await lea.goto("/desk");
  const rows = lea.getByRole("row").filter({ has: lea.getByRole("cell") });
  await expect(rows.filter({ hasText: "Customer of Luware" })).toHaveCount(1);
  for (const product of ["Cirrus", "SecurEnds", "Bright Pattern"]) await expect(rows.filter({ hasText: product })).toHaveCount(0);
  for (const q of ["secret", "secret-customer.example", onboardingId(link)]) {
    await lea.goto(`/desk?q=${q}`);
    await expect(lea.getByRole("heading", { name: "Nothing matches" })).toBeVisible();
  }
  expect(await (await lea.request.get("/desk/export")).text()).not.toContain("Secret Customer");
  expect((await lea.request.get(`/desk/${onboardingId(link)}`)).status()).toBe(404);
  expect((await lea.request.get(`/desk/${onboardingId(link)}/audit`)).status()).toBe(404);
  const byRequest = new Visitor(stack);
  await byRequest.signIn(await userId("lea@luware.example"), false);
  for (const action of ["revoke", "renew"])
    expect((await byRequest.action("/desk", "app/desk/actions.ts", action, [["onboarding", onboardingId(link)]], true)).text).toContain(
      "refused",
    );
  await expect(inviteByRequest(byRequest, "x.example", { productId: "cirrus-connect", features: [], offered: [] })).rejects.toThrow(
    /No invitation/,
  );
  await support.goto(`/desk/${onboardingId(link)}`);
  await expect(support.getByText("Onboarding cancelled"), "nothing of theirs was touched").toHaveCount(0);
  await expect(support.getByText("Invitation renewed")).toHaveCount(0);
  await support.goto("/desk?q=luware");
  await expect(support.getByRole("row").filter({ hasText: "Customer of Luware" }), "whoever runs the portal sees all of them").toHaveCount(
    1,
  );
  const leo = await (await browserFor(browser)).newPage();
  await leo.goto("/desk");
  await signInAs(leo, "leo@luware.example");
  await expect(leo.getByRole("heading", { name: "This account has no role at the desk" })).toBeVisible();
});

test("support takes an onboarding over, tags it, writes notes that the customer never sees, and copies a reply to them", async ({
  browser,
}) => {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { customer: "Noted Ltd" });
  await support.goto(`/desk/${onboardingId(link)}`);
  await support.getByRole("button", { name: "Take it" }).click();
  await expect(support.getByRole("list", { name: "Notes" })).toContainText("Owner: sam@cirrus.example");
  await support.getByRole("textbox", { name: "Tags" }).fill("Pilot, EMEA");
  await support.getByRole("button", { name: "Change the tags" }).click();
  await expect(support.getByRole("list", { name: "Notes" })).toContainText("Tags: pilot, emea");
  const pasted = `abc8Q~${"x".repeat(34)}`;
  await support.getByRole("textbox", { name: "Note" }).fill(`The secret is ${pasted}`);
  await support.getByRole("button", { name: "Keep the note" }).click();
  await expect(support.getByText("This looks like a client secret", { exact: false })).toBeVisible();
  await expect(support.getByRole("textbox", { name: "Note" }), "what was typed is not lost").toHaveValue(`The secret is ${pasted}`);
  await support.getByRole("textbox", { name: "Note" }).fill("Called them: <b>they</b> wait for legal.");
  await support.getByRole("button", { name: "Keep the note" }).click();
  await expect(support.getByText("Called them: <b>they</b> wait for legal.")).toBeVisible();
  await expect(support.getByRole("textbox", { name: "Note" })).toHaveValue("");
  await expectAccessible(support);
  await support.getByText("A reply to the customer").click();
  await expect(support.getByText("The invitation was not opened yet", { exact: false })).toBeVisible();
  await support.goto("/desk?owner=sam@cirrus.example&tag=pilot");
  await expect(support.getByRole("row", { name: /Noted Ltd/ })).toContainText("#pilot #emea");
  await support.goto("/desk?tag=pilot&owner=nobody");
  await expect(support.getByRole("heading", { name: "Nothing matches" })).toBeVisible();
  const viewer = await (await browserFor(browser)).newPage();
  await viewer.goto(`/desk/${onboardingId(link)}`);
  await signInAs(viewer, "vera@cirrus.example");
  await expect(viewer.getByText("they</b> wait for legal", { exact: false })).toBeVisible();
  await expect(viewer.getByRole("button", { name: "Keep the note" })).toHaveCount(0);
  const byRequest = new Visitor(stack);
  await byRequest.signIn(await userId("vera@cirrus.example"), false);
  for (const action of ["addNote", "assign", "setTags"])
    expect(
      (
        await byRequest.action(
          "/desk",
          "app/desk/actions.ts",
          action,
          [
            ["onboarding", onboardingId(link)],
            ["text", "x@y.example"],
          ],
          true,
        )
      ).text,
    ).toContain("Your role may look and not change");
  const admin = await (await browserFor(browser)).newPage();
  await enter(admin, link, "adele@contoso.com");
  await expect(admin.getByRole("link", { name: "Continue" })).toBeVisible();
  const record = await (await admin.request.get(`/o/${onboardingId(link)}/audit/export`)).text();
  expect(record).toContain("onboarding.created");
  expect(record).not.toMatch(/wait for legal|pilot/);
});

test("the board and its export are for the vendor's support alone", async ({ browser }) => {
  const stranger = await browserFor(browser);
  expect((await stranger.request.get("/desk/export", { maxRedirects: 0 })).status()).toBe(404);
  const admin = await (await browserFor(browser)).newPage();
  const support = await (await browserFor(browser)).newPage();
  await enter(admin, await invite(support), "adele@contoso.com");
  expect((await admin.request.get("/desk/export", { maxRedirects: 0 })).status()).toBe(404);
  await admin.goto("/desk?q=contoso");
  await expect(admin.getByRole("row")).toHaveCount(0);
  await expect(admin).toHaveURL(/no-access/);
});
