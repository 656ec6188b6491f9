// What a page is good for before its scripts have arrived, and what it does without any.
import { type Browser, expect, type Page } from "@playwright/test";
import { browserFor, clipboardOf, enter, invite, onboardingId, test, tickWhatComesFirst } from "./fixtures";

/** An admin who signed in and has the checklist to fill in next. */
async function atChecklist(browser: Browser, product?: string) {
  const support = await (await browserFor(browser)).newPage();
  const link = await invite(support, { ...(product ? { product } : {}) });
  const context = await browserFor(browser);
  const admin = await context.newPage();
  await enter(admin, link, "adele@contoso.com");
  await expect(admin.getByRole("link", { name: "Continue" })).toBeVisible();
  return { admin, context, id: onboardingId(link) };
}
/** Keeps the page's scripts back until told otherwise. */
async function heldBack(page: Page): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await page.route("**/_next/static/**/*.js", async (route) => {
    await promise;
    await route.continue();
  });
  return resolve;
}

test("without any script: features are chosen, a refusal loses nothing, the plan is read and approved", async ({ browser }) => {
  const { context, id } = await atChecklist(browser, "Bright Pattern EMI");
  const plain = await (await browserFor(browser, { javaScriptEnabled: false, storageState: await context.storageState() })).newPage();
  await plain.goto(`/o/${id}/features`);
  await plain.getByRole("button", { name: "Review the plan" }).click();
  await expect(plain.getByRole("status").filter({ hasText: "Choose at least one feature" })).toBeVisible();
  await plain.getByRole("checkbox").first().check();
  await plain.getByRole("button", { name: "Review the plan" }).click();
  const refused = plain.getByRole("status").filter({ hasText: /\S/ });
  await expect(refused.first()).toBeVisible();
  await expect(plain.getByRole("checkbox").first(), "what was ticked is still ticked").toBeChecked();
  // The feature's questions and values are there now.
  await plain.getByLabel(/host/i).first().fill("acme.brightpattern.com");
  await plain.getByRole("button", { name: "Review the plan" }).click();
  await tickWhatComesFirst(plain);
  await plain.getByRole("button", { name: "Approve and provision" }).click();
  await plain.waitForURL(/\/run/);
});

test("what is ticked before the scripts have arrived counts when they have", async ({ browser }) => {
  const { admin, id } = await atChecklist(browser);
  const release = await heldBack(admin);
  await admin.goto(`/o/${id}/features`);
  const box = admin.getByRole("checkbox", { name: "Outlook Calendar" });
  await box.check();
  const summary = admin.getByRole("complementary");
  await expect(summary).toContainText("App registrations0");
  release();
  await expect(summary).toContainText("App registrations1");
  await expect(box).toBeChecked();
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await tickWhatComesFirst(admin);
  await expect(admin.getByText("Calendars.Read").filter({ visible: true }).first()).toBeVisible();
});

test("a field that only a script reads waits for it: nothing that was chosen is forgotten", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  await invite(support);
  const release = await heldBack(support);
  await support.goto("/desk/new");
  const product = support.getByLabel("Product");
  await expect(product).toBeDisabled();
  release();
  await product.selectOption({ label: "SecurEnds" });
  await expect(product.locator("option:checked")).toHaveText("SecurEnds");
});

test("a page is painted before its scripts are asked for; one that only says something asks for none", async ({ browser }) => {
  const { admin, id } = await atChecklist(browser);
  const seen = (page: Page) =>
    page.evaluate(() => ({
      painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
      scripts: performance.getEntriesByType("resource").flatMap(({ name, startTime }) => (name.endsWith(".js") ? [startTime] : [])),
    }));
  await admin.goto(`/o/${id}/features`);
  await admin.getByRole("checkbox", { name: "Outlook Calendar" }).check();
  await expect(admin.getByRole("complementary")).toContainText("App registrations1");
  const { painted, scripts } = await seen(admin);
  expect(scripts.length).toBeGreaterThan(5);
  for (const startedAt of scripts) expect(startedAt).toBeGreaterThanOrEqual(painted!);

  const stranger = await (await browserFor(browser)).newPage();
  for (const path of ["/", "/api-reference", `/o/${id}`, "/nowhere"]) {
    await stranger.goto(path);
    await expect(stranger.getByRole("banner")).toBeVisible();
    expect((await seen(stranger)).scripts, path).toEqual([]);
  }
  await expect(stranger.getByRole("heading", { level: 1 })).toHaveText("There is nothing here for you");
  await stranger.goto(`/o/${id}`);
  await expect(stranger.getByRole("status")).toContainText("the part after # is missing");
  await stranger.goto("/api-reference");
  await stranger
    .getByRole("button", { name: /^Copy / })
    .first()
    .click();
  await expect(stranger.getByRole("status").filter({ hasText: "copied" })).toHaveCount(1);
  expect((await clipboardOf(stranger.context())).length).toBeGreaterThan(10);
});

test("a refresh that fails on the way is asked again; the page stays as it is meanwhile", async ({ browser }) => {
  const context = await browserFor(browser, {}, [/ERR_CONNECTION_REFUSED/]);
  const colleague = await context.newPage();
  await invite(colleague);
  const board = await context.newPage();
  await board.goto("/desk");
  await expect(board.locator("table")).toHaveAttribute("aria-busy", "false");
  const shown = await board.evaluateHandle(() => document);
  let cut = 0;
  await board.route("**/desk**", (route) => {
    if (!route.request().headers().rsc || cut >= 2) return route.continue();
    cut += 1;
    return route.abort("connectionrefused");
  });
  await invite(colleague, { customer: "Tailspin Toys" });
  await expect(board.getByRole("link", { name: "Tailspin Toys" }).first()).toBeVisible();
  expect(cut).toBe(2);
  expect(await shown.evaluate((document) => document.body.innerText), "the same document").toContain("Tailspin Toys");
});

test("behind a proxy that ends TLS, the plan comes along with the answer to the choice", async ({ browser }) => {
  const { context, id } = await atChecklist(browser);
  const storageState = await context.storageState();
  const proxied = await browserFor(browser, { extraHTTPHeaders: { "x-forwarded-proto": "https" }, storageState });
  const admin = await proxied.newPage();
  await admin.goto(`/o/${id}/features`);
  const box = admin.getByRole("checkbox", { name: "Outlook Calendar" });
  await box.check();
  await expect(admin.getByRole("complementary")).toContainText("App registrations1");
  const asked: string[] = [];
  admin.on("request", (request) => {
    const { rsc, "next-action": action } = request.headers();
    if (request.isNavigationRequest() || rsc || action) asked.push(`${request.method()} ${new URL(request.url()).pathname}`);
  });
  await admin.getByRole("button", { name: "Review the plan" }).click();
  await tickWhatComesFirst(admin);
  expect(asked, "nothing had to be asked for a second time").toEqual([`POST /o/${id}/features`]);
});
