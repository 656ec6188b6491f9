import { readFileSync } from "node:fs";
import AxeBuilder from "@axe-core/playwright";
import { type Browser, type BrowserContext, test as base, expect, type Page } from "@playwright/test";

export type StackFacts = {
  baseUrl: string;
  sandboxUrl: string;
  databaseUrl: string;
  databaseFolder: string;
  /** The operator's folder of further manifests. */
  catalogueFolder: string;
  /** Where the portal writes what its memory holds. */
  snapshotFolder: string;
  portalPid: number;
  /** With what it was started. */
  portalEnv: Record<string, string>;
};
/** Read anew where it matters: the portal has another process id after a restart. */
export const stackNow = () =>
  JSON.parse(readFileSync(`${process.env.VESTIBULE_STACKS}/stack-${process.env.TEST_PARALLEL_INDEX ?? 0}.json`, "utf8")) as StackFacts;
export const stack = stackNow();

/** Kills the portal and waits until its supervisor has started it again. */
export async function restartPortal() {
  const { portalPid } = stackNow();
  process.kill(portalPid, "SIGKILL");
  await expect.poll(() => stackNow().portalPid, { timeout: 30_000 }).not.toBe(portalPid);
}

export { expect };

/**
 * A journey: in its end its browsers are closed, and none of them may have written an unexpected error. A fixture and not
 * a hook: a hook in a shared file counts only for the first file of journeys that a process reads.
 */
export const test = base.extend<{ tidy: undefined }>({
  tidy: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures from it
    async ({}, use, info) => {
      await use(undefined);
      if (info.status !== info.expectedStatus)
        for (const page of contexts.flatMap((context) => context.pages())) {
          // Where somebody stood, and no values.
          const shown = await page.locator("h1, h2, button").allInnerTexts();
          await info.attach(new URL(page.url()).pathname, { body: shown.join("\n"), contentType: "text/plain" });
        }
      await Promise.all(contexts.splice(0).map((context) => context.close()));
      expect(errors.splice(0), "console errors").toEqual([]);
    },
    { auto: true },
  ],
});

/** A browser of its own for one person; an unexpected console error fails the test. */
export async function browserFor(
  browser: Browser,
  options: Parameters<Browser["newContext"]>[0] = {},
  expected: RegExp[] = [],
): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: stack.baseUrl, ...options });
  contexts.push(context);
  await context.grantPermissions(["clipboard-write"], { origin: stack.baseUrl });
  await context.grantPermissions(["clipboard-read"], { origin: stack.sandboxUrl });
  context.on("console", (message) => {
    if (message.type() === "error" && ![/status of (403|404|409|410|422)/, ...expected].some((pattern) => pattern.test(message.text())))
      errors.push(`${message.page()?.url()}: ${message.text()}`);
  });
  return context;
}
/** What somebody copied in this browser: the portal's own pages may write to the clipboard and not read it. */
export async function clipboardOf(context: BrowserContext): Promise<string> {
  const reader = await context.newPage();
  await reader.goto(`${stack.sandboxUrl}/_mailbox`);
  await reader.bringToFront();
  const text = await reader.evaluate(() => navigator.clipboard.readText());
  await reader.close();
  return text;
}
const errors: string[] = [];
const contexts: BrowserContext[] = [];
export const sandbox = {
  /** As at the start, but without lag: the main story and the drills have it, other tests ask for it. */
  reset: async (lag = { minMs: 0, maxMs: 0 }) => {
    await fetch(`${stack.sandboxUrl}/_sandbox/reset`, { method: "POST" });
    await sandbox.post("lag", lag);
  },
  post: (path: string, body: unknown) =>
    fetch(`${stack.sandboxUrl}/_sandbox/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  clearFaults: () => fetch(`${stack.sandboxUrl}/_sandbox/faults`, { method: "DELETE" }),
  state: async () => (await (await fetch(`${stack.sandboxUrl}/_sandbox/state`)).json()) as SandboxState,
  mails: async () => (await (await fetch(`${stack.sandboxUrl}/_mailbox/api`)).json()) as { to: string[]; subject: string; text: string }[],
};
export type SandboxState = {
  tenants: {
    id: string;
    domains: string[];
    users: { id: string }[];
    applications: {
      id: string;
      appId: string;
      displayName: string;
      uniqueName: string | null;
      isFallbackPublicClient: boolean;
      publicClient: { redirectUris: string[] };
      passwords: { keyId: string; displayName: string }[];
      requiredResourceAccess: { resourceAccess: unknown[] }[];
    }[];
    servicePrincipals: { id: string; appId: string; displayName: string }[];
    appRoleAssignments: { principalId: string; appRoleId: string }[];
    grants: { clientId: string; scope: string; consentType: string }[];
  }[];
};
export const tenantOf = (state: SandboxState, domain: string) => state.tenants.find(({ domains }) => domains.includes(domain))!;

/** What is mailed later, by the queue: it must not be taken for what a journey waits for. */
const NOTICE = /^(The values were revealed|Somebody else may|It does not work yet|It works|Nobody opened|The one-time link is locked)/;
/** The newest mail to somebody, once it has arrived; without `about`, one that carries a link or an answer. */
export async function mailTo(address: string, about?: RegExp): Promise<{ subject: string; text: string; link: string }> {
  const newest = async () =>
    (await sandbox.mails()).findLast(({ to, subject }) => to.includes(address) && (about ? about.test(subject) : !NOTICE.test(subject)));
  await expect.poll(newest, { timeout: 20_000 }).toBeDefined();
  const { subject, text } = (await newest())!;
  return { subject, text, link: /https?:\/\/\S+/.exec(text)![0] };
}

/** Chooses an account on the sandbox's sign-in page and accepts what is asked for, if anything is. */
export async function signInAs(page: Page, upn: string) {
  await page.getByRole("button", { name: "Sign in with Microsoft" }).click();
  await page.getByRole("button", { name: new RegExp(upn.replaceAll(".", "\\.")) }).click();
  const accept = page.getByRole("button", { name: "Accept" });
  await expect(accept.or(page.getByRole("banner"))).toBeVisible();
  if (await accept.isVisible()) await accept.click();
  await page.waitForURL((url) => url.href.startsWith(stack.baseUrl) && !url.pathname.startsWith("/auth/"));
}

/** Accepts the permissions that the approved plan needs. */
export async function acceptConsent(page: Page) {
  await page.getByRole("button", { name: "Accept" }).click();
  await page.waitForURL((url) => url.href.startsWith(stack.baseUrl) && !url.pathname.startsWith("/auth/"));
}

export type Wish = { customer?: string; domain?: string; admin?: string; contact?: string; product?: string; without?: string[] };
/** Support signs in and invites; returns the link as the form shows it. */
export async function invite(
  page: Page,
  {
    customer = "Contoso Ltd",
    domain = "contoso.com",
    admin = "adele@contoso.com",
    contact = "maria@cirrus.example",
    product = "Cirrus Connect",
    without = [],
  }: Wish = {},
): Promise<string> {
  await page.goto("/desk/new");
  if (page.url().includes("/sign-in")) {
    await signInAs(page, "sam@cirrus.example");
    await page.goto("/desk/new");
  }
  await page.getByLabel("Product").selectOption({ label: product });
  await page.getByLabel(/^Customer ?As the admin/).fill(customer);
  await page.getByLabel("Domain of their tenant").fill(domain);
  await page.getByLabel("Admin’s e-mail").fill(admin);
  await page.getByLabel("Contact’s e-mail").fill(contact);
  for (const feature of without) await page.getByRole("checkbox", { name: feature }).uncheck();
  await page.getByRole("button", { name: "Invite" }).click();
  const link = page.getByTestId("invitation-link");
  await expect(link).toBeVisible();
  return link.innerText();
}

/** The admin opens the invitation and signs in to the tenant. */
export async function enter(page: Page, link: string, upn: string) {
  await page.goto(link);
  await signInAs(page, upn);
}

/** No serious finding of axe on the page as it is. */
export async function expectAccessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
  expect(
    violations.map(({ id, nodes }) => `${new URL(page.url()).pathname} ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`),
  ).toEqual([]);
}

export const onboardingId = (link: string) => /\/o\/([0-9a-f-]+)/.exec(link)![1]!;

/** The prerequisites at the top of the plan, where there are any. */
export async function tickWhatComesFirst(page: Page) {
  await page.waitForURL(/\/plan/);
  await expect(page.getByRole("complementary", { name: "Summary" })).toBeVisible();
  const open = page.getByRole("button", { name: "It is so" });
  for (let left = await open.count(); left > 0; left--) {
    await open.first().click();
    await expect(open).toHaveCount(left - 1);
  }
}

/** From the tenant page to an approved plan under way. */
export async function chooseAndApprove(page: Page, features: string[], also?: () => Promise<unknown>) {
  await page.getByRole("link", { name: "Continue" }).click();
  for (const feature of features) await page.getByRole("checkbox", { name: feature }).check();
  await also?.();
  await page.getByRole("button", { name: "Review the plan" }).click();
  await tickWhatComesFirst(page);
  await page.getByRole("button", { name: "Approve and provision" }).click();
  await page.waitForURL(/\/run/);
}

export async function provisioned(page: Page) {
  await expect(page.getByRole("heading", { level: 1, name: "It works. Now hand it over" })).toBeVisible({ timeout: 60_000 });
}

/** A Cloud Application Administrator does what that role allows and stops where a colleague is needed. */
export async function untilApprovalIsNeeded(page: Page, link: string, features = ["Active Directory"]) {
  await enter(page, link, "chris@contoso.com");
  await chooseAndApprove(page, features);
  await acceptConsent(page);
  await expect(page.getByRole("heading", { name: "Waiting for a colleague with the right role" })).toBeVisible({ timeout: 60_000 });
}

/** Asks by mail, or for a link to pass on. */
export async function askColleague(page: Page, { to = "", message = "" } = {}): Promise<string> {
  const anew = page.getByText("Ask anew: the old link stops working");
  if (await anew.isVisible()) await anew.click();
  await page.getByLabel("Colleague’s e-mail").fill(to);
  await page.getByLabel("A word to them").fill(message);
  await page.getByRole("button", { name: /^Ask (for approval|again|anew)$/ }).click();
  const link = page.getByTestId("approval-link").locator("code, pre").first();
  await expect(link).toBeVisible();
  return (await link.innerText()).trim();
}

/** The colleague opens the link and signs in. */
export async function openRequest(page: Page, link: string, upn: string) {
  await page.goto(link);
  await signInAs(page, upn);
}

/** The object id of one of the sandbox's people. */
export async function userId(upn: string): Promise<string> {
  const { tenants } = (await (await fetch(`${stack.sandboxUrl}/_sandbox/state`)).json()) as {
    tenants: { users: { id: string; userPrincipalName: string }[] }[];
  };
  return tenants.flatMap(({ users }) => users).find(({ userPrincipalName }) => userPrincipalName === upn)!.id;
}

export const contosoNow = async () => tenantOf(await sandbox.state(), "contoso.com");
/** The names of what was granted to the only application in Contoso. */
export async function grantedRoles(): Promise<string[]> {
  const answer = (await (await fetch(`${stack.sandboxUrl}/_sandbox/tenants/contoso.com`)).json()) as {
    applications: { servicePrincipals: { roles: string[] }[] }[];
  };
  return answer.applications[0]?.servicePrincipals[0]?.roles ?? [];
}

/** The admin sends the link, with the challenge that is offered first: a code by mail. */
export async function sendLink(admin: Page, contact: string) {
  await admin.getByRole("button", { name: `Send the link to ${contact}` }).click();
  await expect(admin.getByRole("heading", { level: 1, name: "Handed over to the contact" })).toBeVisible();
}
/** The admin takes the link, which then asks for nothing. */
export async function takeLink(admin: Page): Promise<string> {
  await admin.getByRole("radio", { name: /^Nothing/ }).check();
  await admin.getByRole("checkbox", { name: /I accept that a scanner/ }).check();
  await admin.getByRole("button", { name: "Show the link, to give it myself" }).click();
  return admin.getByTestId("handoff-link").innerText();
}
/** The contact asks for a code, reads it in their mailbox, and reveals. */
export async function revealWithCode(contact: Page, address: string) {
  const before = (await sandbox.mails()).filter(({ to }) => to.includes(address)).length;
  await contact.getByRole("button", { name: /^Mail (a code to|another code)/ }).click();
  await expect.poll(async () => (await sandbox.mails()).filter(({ to }) => to.includes(address)).length).toBeGreaterThan(before);
  const { subject, text } = (await sandbox.mails()).findLast(({ to }) => to.includes(address))!;
  expect(subject).toContain("Your code");
  await contact.getByLabel("The code of the mail").fill(/\b[A-Z2-9]{4}-[A-Z2-9]{4}\b/.exec(text)![0]);
  await reveal(contact);
}
/** The contact presses the button, and what is shown afterwards are the values. */
export async function reveal(contact: Page) {
  await contact.getByRole("button", { name: "Reveal the values once" }).click();
  await expect(contact.getByText("Shown once: store them now", { exact: false })).toBeVisible();
}
