import { connect } from "node:net";
import { ACTIONS, API, HANDOFF, PAGES, ROUTES, type Who } from "../lib/access";
import { builtEntries } from "../scripts/production";
import { Visitor } from "../scripts/visitor";
import {
  askColleague,
  browserFor,
  expect,
  invite,
  onboardingId,
  openRequest,
  sandbox,
  signInAs,
  stack,
  test,
  untilApprovalIsNeeded,
  userId,
} from "./fixtures";

test.beforeEach(() => sandbox.reset());

const missing = (what: string): never => {
  throw new Error(`There is no ${what}`);
};

/** Stands in everything that belongs to the customer; whoever may not see it never does. */
const CUSTOMER = "Zebrafinch Clinics";

/** Which of the callers each person is, for an onboarding of Cirrus in the tenant of Contoso. */
const PEOPLE: Record<string, readonly Who[]> = {
  nobody: [],
  "somebody whose session was ended": [],
  "the contact, signed in without a role at the desk": [],
  "an admin of another tenant": [],
  "a member of the customer's tenant, without the link": [],
  "an agent of another vendor": [],
  "the admin": ["admin", "link"],
  "an administrator of the tenant, without the link": ["admin"],
  "the approver": ["admin", "approver"],
  "a viewer": ["viewer"],
  "an agent": ["viewer", "agent"],
  "a manager": ["viewer", "agent", "manager"],
  "the operator": ["viewer", "agent", "manager", "operator"],
};
/** What the desk shows to staff of any vendor, each their own; it is the rows that differ. */
const OF_ANY_VENDOR = ["/desk", "/desk/funnel", "/desk/new", "/desk/integrations", "/desk/events", "/desk/export"];
const DENIED =
  /session is over|not for you|nothing here for you|There is no such (onboarding|key|webhook)|only lets you watch|may look and not change|are for managers|"code":"(http\.foreign|handoff\.unknown)/;

test("every page, route and action, asked by everybody: each gives what lib/access says, and nothing more", async ({ browser }) => {
  test.setTimeout(240_000);
  const support = await (await browserFor(browser)).newPage();
  const invitation = await invite(support, { customer: CUSTOMER, admin: "chris@contoso.com" });
  const id = onboardingId(invitation);
  const chrisContext = await browserFor(browser);
  const chris = await chrisContext.newPage();
  await untilApprovalIsNeeded(chris, invitation, ["Active Directory", "Outlook mail"]);
  const request = await askColleague(chris);
  const approval = /\/approve\/([0-9a-f-]+)/.exec(request)![1]!;
  const priyaContext = await browserFor(browser);
  await openRequest(await priyaContext.newPage(), request, "priya@contoso.com");

  const signedIn = async (upn: string) => {
    const visitor = new Visitor(stack);
    await visitor.signIn(await userId(upn), false);
    return visitor;
  };
  const endedContext = await browserFor(browser);
  const ended = await endedContext.newPage();
  await ended.goto("/desk");
  await signInAs(ended, "sam@cirrus.example");
  const stolen = new Visitor(stack, await endedContext.cookies());
  await ended.getByRole("button", { name: /^Account/ }).click();
  await ended.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(ended.getByText("You are signed out")).toBeVisible();
  const visitors: Record<string, Visitor> = {
    nobody: new Visitor(stack),
    "somebody whose session was ended": stolen,
    "the contact, signed in without a role at the desk": await signedIn("maria@cirrus.example"),
    "an admin of another tenant": await signedIn("gustav@fabrikam.de"),
    "a member of the customer's tenant, without the link": await signedIn("nora@contoso.com"),
    "an agent of another vendor": await signedIn("lea@luware.example"),
    "the admin": new Visitor(stack, await chrisContext.cookies()),
    "an administrator of the tenant, without the link": await signedIn("adele@contoso.com"),
    "the approver": new Visitor(stack, await priyaContext.cookies()),
    "a viewer": await signedIn("vera@cirrus.example"),
    "an agent": await signedIn("sam@cirrus.example"),
    "a manager": await signedIn("mona@cirrus.example"),
    "the operator": await signedIn("olga@cirrus.example"),
  };
  expect(Object.keys(visitors)).toEqual(Object.keys(PEOPLE));
  const manager = visitors["a manager"]!;
  const INTEGRATIONS = "app/desk/integrations/actions.ts";
  const made = async (name: string, fields: readonly (readonly [string, string])[]) =>
    (await manager.action("/desk/integrations", INTEGRATIONS, name, [["vendor", "cirrus"], ...fields], true)).text;
  await made("createKey", [
    ["name", "Matrix"],
    ["scope", "read"],
    ["days", "30"],
  ]);
  await made("createWebhook", [["url", "http://127.0.0.1:9/matrix"]]);
  const page = await (await manager.fetch("/desk/integrations")).text();
  const rowOf = (what: string) =>
    new RegExp(`${what}[\\s\\S]*?name="id" value="([0-9a-f-]{36})"`).exec(page)?.[1] ?? missing(`id of ${what}`);
  const keyId = rowOf("Matrix");
  const hookId = rowOf("127\\.0\\.0\\.1:9/matrix");

  const located = (path: string) =>
    path.replace("[onboarding]", id).replace("[approval]", approval).replace("[format]", "json").replace("[...path]", "openapi.json");
  const wrong: string[] = [];
  let cells = 0;
  const judge = (what: string, person: string, who: Who, isLet: boolean, text: string) => {
    cells += 1;
    const may = who === "anybody" || PEOPLE[person]!.includes(who);
    if (isLet !== may) wrong.push(`${what}: ${person} was ${isLet ? "let in" : "refused"} (${who}): ${text.slice(0, 160)}`);
    if (!may && text.includes(CUSTOMER)) wrong.push(`${what}: ${person} saw the customer`);
  };
  const built = builtEntries();
  expect([built.pages.toSorted(), built.routes.toSorted(), built.actions.toSorted()]).toEqual([
    Object.keys(PAGES).toSorted(),
    Object.keys(ROUTES).toSorted(),
    Object.keys(ACTIONS).toSorted(),
  ]);

  const policies: string[] = [];
  const policyOf = (name: string, headers: Headers) => {
    const policy = headers.get("content-security-policy") ?? "";
    const isStrict =
      /script-src 'nonce-[\w+/=]{20,}' 'strict-dynamic'/.test(policy) &&
      ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"].every((each) =>
        policy.includes(each),
      );
    if (!isStrict || /unsafe|\*/.test(policy)) wrong.push(`${name}: the policy is ${policy}`);
    for (const [header, value] of [
      ["x-content-type-options", "nosniff"],
      ["referrer-policy", "same-origin"],
      ["cross-origin-opener-policy", "same-origin"],
      ["cross-origin-resource-policy", "same-origin"],
      ["strict-transport-security", "max-age=31536000; includeSubDomains"],
    ] as const)
      if (headers.get(header) !== value) wrong.push(`${name}: ${header} is ${headers.get(header)}`);
    for (const leak of ["x-powered-by", "server"]) if (headers.has(leak)) wrong.push(`${name}: it says ${leak}`);
    return policy;
  };
  const aside = new AbortController();
  for (const [name, who] of Object.entries({ ...PAGES, ...ROUTES }))
    for (const [person, visitor] of Object.entries(visitors)) {
      const isOpened = name.endsWith("/open");
      const answer = isOpened
        ? await visitor.post(located(name), { token: "A".repeat(43) })
        : await visitor.fetch(located(name), { signal: aside.signal });
      if (person === "nobody" && !name.endsWith("/open")) policies.push(policyOf(name, answer.headers));
      // A stream of events does not end.
      const isStream = answer.headers.get("content-type")?.startsWith("text/event-stream");
      const text = isStream ? "" : await answer.text();
      const isAway = /\/(sign-in|no-access)/.test(answer.headers.get("location") ?? "");
      // A session is asked for by POST; anybody may try.
      const isLet = name === "/api/session" ? answer.status === 405 : answer.status < 400 && !isAway;
      if (isOpened) {
        // A wrong link opens nothing, whoever brings it.
        cells += 1;
        if (answer.status !== 404) wrong.push(`${name}: ${person}: ${answer.status}`);
        continue;
      }
      if (person === "an agent of another vendor" && OF_ANY_VENDOR.includes(name)) {
        cells += 1;
        if (!isLet) wrong.push(`${name}: ${person} was refused`);
        if (text.includes(CUSTOMER)) wrong.push(`${name}: ${person} saw the customer`);
      } else if (who === "anybody") {
        cells += 1;
        if (answer.status >= 400 && name !== "/api/session") wrong.push(`${name}: ${person} was refused: ${answer.status}`);
        if (PEOPLE[person]!.length === 0 && text.includes(CUSTOMER)) wrong.push(`${name}: ${person} saw the customer`);
      } else judge(name, person, who, isLet, `${answer.status} ${text}`);
    }
  aside.abort();
  expect(new Set(policies).size, "no nonce is used twice").toBe(policies.length);

  /** What an action is called with: enough to tell whether the caller may, little enough to change nothing that a later cell needs. */
  const PLAIN: Record<string, readonly unknown[]> = {
    explain: ["AADSTS65004", "/"],
    returned: ["no-such-state", null],
    grant: [approval, false],
    searchRegistrations: [id, "x"],
    start: [id, false],
    undo: [id, "x", false],
    leave: [id, "x", false],
    checkHealth: [id, false],
    checkConsent: [id, false],
    consentPageLinks: [id],
    mailHandoff: [id, { challenge: "none", passphrase: "", hours: 72, removes: false, understands: true }],
    copyHandoff: [id, { challenge: "none", passphrase: "", hours: 72, removes: false, understands: true }],
    releaseToMachine: [id, { challenge: "none", passphrase: "", hours: 72, removes: false, understands: true }],
    removeDue: [id, false],
    checkByHand: [id, {}],
    sealByHand: [
      id,
      { id: "00000000-0000-4000-8000-000000000000", proofHash: "x", parts: [{ part: "server", boundTo: "x", inner: "x" }] },
      { challenge: "none", passphrase: "", hours: 72, removes: false, understands: true },
    ],
  };
  const VALID = [
    ["customerName", "Invited by the matrix"],
    ["expectedDomain", "matrix.example"],
    ["adminEmail", "admin@matrix.example"],
    ["contactEmail", "maria@cirrus.example"],
    ["offered", "outlook-calendar"],
  ] as const;
  const fieldsOf = (name: string): (readonly [string, string])[] => [
    ["onboarding", id],
    ["approval", approval],
    ["id", /Webhook|Delivery/.test(name) ? hookId : keyId],
    ["vendor", "cirrus"],
    ["productId", "cirrus-connect"],
    ["step", "mailbox-rights"],
    ["state", "done"],
    ["text", name === "addNote" ? "A note" : ""],
    ...(name === "invite" ? VALID : []),
  ];
  /** Where the buttons are; a list posts to the page of one. */
  const PAGE_OF: Record<string, string> = { [`/o/${id}`]: `/o/${id}/run`, "/desk": `/desk/${id}` };
  // Whoever may not is asked first: what the others do changes what there is.
  const order = Object.entries(visitors).toSorted(([a], [b]) => PEOPLE[a]!.length - PEOPLE[b]!.length);
  const LAST = ["app/desk/actions.ts#revoke", `${INTEGRATIONS}#revokeKey`, `${INTEGRATIONS}#removeWebhook`];
  const actions = Object.entries(ACTIONS).toSorted(([a], [b]) => LAST.indexOf(a) - LAST.indexOf(b));
  for (const [name, who] of actions)
    for (const [person, visitor] of order) {
      const [file = "", action = ""] = name.split("#");
      const path = located(file.replace("app", "").replace("/actions.ts", ""));
      const plain = PLAIN[action];
      const { status, location, text } = await visitor.action(PAGE_OF[path] ?? path, file, action, plain ?? fieldsOf(action), !plain);
      // The answer itself; what follows it is the page, drawn anew.
      const [said = ""] = /^1:\{.*$/m.exec(text) ?? [];
      const isLet =
        status < 400 &&
        !/\/(sign-in|no-access)/.test(location ?? "") &&
        !DENIED.test(said) &&
        (action !== "invite" || said.includes(`${stack.baseUrl}/o/`));
      // There is no such delivery, and what the manager before removed is gone: that may be told to managers.
      const isToldOnly = /^(replayDelivery|removeWebhook|revokeKey)$/.test(action) && PEOPLE[person]!.includes("manager");
      if (who === "link" || who === "anybody") {
        cells += 1;
        if (PEOPLE[person]!.length === 0 && text.includes(CUSTOMER)) wrong.push(`${name}: ${person} saw the customer`);
        if (status >= 500) wrong.push(`${name}: ${person}: ${status}`);
      } else judge(name, person, who, isLet || isToldOnly, `${status} ${location ?? ""} ${text}`);
    }

  for (const [name] of Object.entries(HANDOFF))
    for (const [person, visitor] of Object.entries(visitors)) {
      cells += 1;
      const answer = await visitor.post(`/api/h/00000000-0000-4000-8000-000000000000/${name}`, { proof: "A".repeat(43), word: "saved" });
      if (answer.status !== 404 && answer.status !== 429) wrong.push(`handoff ${name}: ${person}: ${answer.status}`);
    }
  expect(wrong).toEqual([]);
  expect(cells).toBe((Object.keys({ ...PAGES, ...ROUTES }).length + Object.keys(ACTIONS).length + Object.keys(HANDOFF).length) * 13);
});

test("what is too large, too slow or from another page is stopped before anything reads it", async () => {
  const post = (path: string, init: RequestInit & { duplex?: string }) =>
    fetch(`${stack.baseUrl}${path}`, {
      method: "POST",
      ...init,
      headers: { "content-type": "application/json", origin: stack.baseUrl, ...init.headers },
    });
  const paths = ["/api/session", "/o/x/open", "/approve/x/open", "/api/h/x/status", "/desk", "/o/x/run"];
  for (const path of paths) {
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ])
      expect(
        (await post(path, { body: "{}", headers: headers as unknown as HeadersInit })).status,
        `${path} ${JSON.stringify(headers)}`,
      ).toBe(403);
    expect((await post(path, { body: "x".repeat(1_000_001) })).status, path).toBe(413);
    const endless = new Response("x".repeat(5_000_000)).body;
    // What is not read any further may be cut off before it is sent.
    const status = await post(path, { body: endless, duplex: "half" }).then(
      (answer) => answer.status,
      () => 0,
    );
    expect(status, path).toBeLessThan(500);
  }
  expect((await fetch(stack.baseUrl, { headers: { "x-large": "x".repeat(20_000) } })).status).toBe(431);
  // Somebody who sends a request drop by drop is cut off; meanwhile others are served.
  const { hostname, port } = new URL(stack.baseUrl);
  const slow = connect(Number(port), hostname);
  const closed = new Promise<string>((resolve) => {
    let said = "";
    slow.on("data", (chunk) => (said += chunk.toString()));
    slow.on("error", () => undefined);
    slow.on("close", () => resolve(said));
  });
  slow.write("GET / HTTP/1.1\r\nHost: x\r\n");
  const drops = setInterval(() => slow.write("X-A: b\r\n"), 500);
  expect((await fetch(stack.baseUrl)).status).toBe(200);
  expect(await closed).toMatch(/^(HTTP\/1\.1 408|$)/);
  clearInterval(drops);
});

test("every operation of the API, with every kind of key", async ({ browser }) => {
  const support = await (await browserFor(browser)).newPage();
  const id = onboardingId(await invite(support, { customer: CUSTOMER }));
  const manager = new Visitor(stack);
  await manager.signIn(await userId("mona@cirrus.example"), false);
  const keyOf = async (vendor: string, ...scopes: string[]) => {
    const fields = [["vendor", vendor], ["name", scopes.join()], ["days", "30"], ...scopes.map((scope) => ["scope", scope])] as [
      string,
      string,
    ][];
    const { text } = await manager.action("/desk/integrations", "app/desk/integrations/actions.ts", "createKey", fields, true);
    return /vst_[\w-]+/.exec(text)?.[0] ?? missing(text.slice(0, 300));
  };
  const revoked = await keyOf("cirrus", "read", "write", "collect");
  const list = await (await manager.fetch("/desk/integrations")).text();
  const revokedId = /read,write,collect[\s\S]*?name="id" value="([0-9a-f-]{36})"/.exec(list)![1]!;
  await manager.action("/desk/integrations", "app/desk/integrations/actions.ts", "revokeKey", [["id", revokedId]], true);
  const keys: Record<string, { key: string | null; vendor: string; may: readonly string[] }> = {
    "no key": { key: null, vendor: "", may: [] },
    "an invented key": { key: `vst_${"a".repeat(43)}`, vendor: "", may: [] },
    "a revoked key": { key: revoked, vendor: "", may: [] },
    "a key that reads": { key: await keyOf("cirrus", "read"), vendor: "cirrus", may: ["read"] },
    "a key that writes": { key: await keyOf("cirrus", "write"), vendor: "cirrus", may: ["write"] },
    "a key that collects": { key: await keyOf("cirrus", "collect"), vendor: "cirrus", may: ["collect"] },
    "another vendor's key": { key: await keyOf("luware", "read", "write", "collect"), vendor: "luware", may: ["read", "write", "collect"] },
  };
  const { paths } = (await (await fetch(`${stack.baseUrl}/api/v1/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path.replace("/api/v1", "")}`),
  );
  expect(operations.toSorted()).toEqual(Object.keys(API).toSorted());
  const wrong: string[] = [];
  // What changes something comes last.
  for (const [name, who] of Object.entries(API).toSorted(([a], [b]) => a.localeCompare(b)))
    for (const [whose, { key, vendor, may }] of Object.entries(keys)) {
      const [method = "", path = ""] = name.split(" ");
      const answer = await fetch(`${stack.baseUrl}/api/v1${path.replace("{id}", id)}`, {
        method: method.toUpperCase(),
        headers: { ...(key ? { authorization: `Bearer ${key}` } : {}), "content-type": "application/json", "idempotency-key": "matrix" },
        ...(method === "post" ? { body: "{}" } : {}),
      });
      const text = await answer.text();
      const expected =
        !key || !vendor
          ? [401]
          : !may.includes(who)
            ? [403]
            : vendor !== "cirrus" && path.includes("{id}")
              ? [404]
              : [200, 201, 404, 409, 422];
      if (!expected.includes(answer.status)) wrong.push(`${name} with ${whose}: ${answer.status} ${text.slice(0, 200)}`);
      if (vendor !== "cirrus" && text.includes(CUSTOMER)) wrong.push(`${name} with ${whose} saw the customer`);
    }
  expect(wrong).toEqual([]);
});
