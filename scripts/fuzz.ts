// Random and schema-derived requests against everything that can be called, as people of every kind: nothing may fail on our
// side, and nobody may learn of a customer who is not theirs. `npm run fuzz -- --count 100000 --seed 7`.
import { parseArgs } from "node:util";
import fc from "fast-check";
import { API, HANDOFF } from "../lib/access.ts";
import { withDesk } from "./desk-stage.ts";
import { builtEntries } from "./production.ts";
import { Visitor } from "./visitor.ts";

const { values } = parseArgs({ options: { count: { type: "string", default: "100000" }, seed: { type: "string", default: "1" } } });
const CUSTOMER = "Zebrafinch Clinics";
const AT_ONCE = 8;

const awkward = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    ...[
      "",
      " ",
      "\0",
      "a\0b",
      "%00",
      "'",
      "' OR 1=1 --",
      '";DROP TABLE "Onboarding";--',
      "../../etc/passwd",
      "..%2f..%2f",
      "%",
      "%E0%A4%A",
    ],
    ...[
      "{{7*7}}",
      "$" + "{7*7}",
      "<script>alert(1)</script>",
      "javascript:alert(1)",
      "null",
      "undefined",
      "true",
      "NaN",
      "-1",
      "0",
      "1e309",
      "9".repeat(40),
    ],
    ...[
      "__proto__",
      "constructor",
      "toString",
      "[object Object]",
      "\u202Egnp.exe",
      "🏢".repeat(40),
      "\uD800",
      "x".repeat(10_000),
      "2026-13-45",
      "P1D",
    ],
    ...["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "urn:uuid:0ea668a9-380c-467d-a48e-9df1d1b74002"],
  ),
);
const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: awkward },
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 3 }),
);

const QUERY = [
  "q",
  "status",
  "product",
  "waiting",
  "owner",
  "tag",
  "stuck",
  "expiring",
  "sort",
  "after",
  "days",
  "to",
  "go",
  "asked",
  "changed",
  "since",
];
/** As React's client does: what begins with a dollar would be one of its own references. */
const escaped = (given: unknown): unknown =>
  typeof given === "string" && given.startsWith("$")
    ? `$${given}`
    : Array.isArray(given)
      ? given.map(escaped)
      : given && typeof given === "object"
        ? Object.fromEntries(Object.entries(given).map(([name, each]) => [name, escaped(each)]))
        : given;
const FIELDS = [
  ...[
    "onboarding",
    "approval",
    "id",
    "vendor",
    "productId",
    "customerName",
    "expectedDomain",
    "adminEmail",
    "contactEmail",
    "offered",
    "locked",
  ],
  ...[
    "feature",
    "layout",
    "months",
    "digest",
    "registration",
    "appId",
    "message",
    "to",
    "text",
    "days",
    "state",
    "step",
    "note",
    "grant",
    "reason",
  ],
  ...[
    "name",
    "scope",
    "url",
    "credential",
    "certificate",
    "consent",
    "variant.x",
    "answer.x",
    "variable.host",
    "instances.x",
    "adopt.server",
    "__proto__",
  ],
  ...[
    "limit",
    "cursor",
    "product",
    "customer",
    "domain",
    "reference",
    "language",
    "contacts",
    "proof",
    "code",
    "passphrase",
    "word",
    "error",
    "accessToken",
    "token",
  ],
];
const fields = fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 8 });
const pick = fc.nat();

await withDesk(async ({ stack, support, query }) => {
  const { tenants } = (await (await fetch(`${stack.sandboxUrl}/_sandbox/state`)).json()) as {
    tenants: { users: { id: string; userPrincipalName: string }[] }[];
  };
  const signedIn = async (upn: string) => {
    const visitor = new Visitor(stack);
    const { id } = tenants.flatMap((tenant) => tenant.users).find(({ userPrincipalName }) => userPrincipalName === upn)!;
    await visitor.signIn(id, false);
    return visitor;
  };
  const strangers = [
    new Visitor(stack),
    ...(await Promise.all(["gustav@fabrikam.de", "nora@contoso.com", "lea@luware.example"].map(signedIn))),
  ];
  const insiders = [support, ...(await Promise.all(["adele@contoso.com", "mona@cirrus.example", "olga@cirrus.example"].map(signedIn)))];
  const made = await support.action(
    "/desk/new",
    "app/desk/actions.ts",
    "invite",
    [
      ["productId", "cirrus-connect"],
      ["customerName", CUSTOMER],
      ["expectedDomain", "contoso.com"],
      ["adminEmail", "adele@contoso.com"],
      ["contactEmail", "maria@cirrus.example"],
      ["offered", "outlook-calendar"],
    ],
    true,
  );
  const [, known = "", link = ""] = /\/o\/([0-9a-f-]{36})#([\w-]{43})/.exec(made.text) ?? [];
  const adele = insiders[1]!;
  await adele.post(`/o/${known}/open`, { token: link });
  await adele.action(`/o/${known}/tenant`, "app/o/[onboarding]/actions.ts", "enter", [["onboarding", known]], true);

  const { pages, routes, actions } = builtEntries();
  const paths = [...pages, ...routes.filter((path) => !path.endsWith("/events"))];
  const operations = Object.keys(API);
  const calls = Object.keys(HANDOFF);
  const id = fc.oneof({ weight: 3, arbitrary: fc.constant(known) }, awkward);
  const at = <T>(list: readonly T[], index: number) => list[index % list.length]!;
  const pathOf = (path: string, by: string) =>
    path.replaceAll(/\[[^\]]+\]|\{\w+\}/g, () => encodeURIComponent(by.toWellFormed()).slice(0, 2000) || "x");
  const one = fc.record({
    kind: fc.constantFrom("read", "read", "method", "plain", "form", "form", "api", "handoff", "session", "path"),
    who: pick,
    which: pick,
    id,
    text: awkward,
    given: fields,
    asked: fc.dictionary(fc.constantFrom(...QUERY), awkward, { maxKeys: 4 }),
    args: fc.array(fc.oneof(value, id, fields), { maxLength: 5 }),
    body: fc.oneof(fields, value),
    method: fc.constantFrom("PUT", "PATCH", "DELETE", "POST", "OPTIONS", "HEAD", "TRACE1"),
  });
  type One = typeof one extends fc.Arbitrary<infer T> ? T : never;

  const manager = insiders[2]!;
  const keyOf = async (vendor: string) => {
    const wish = [
      ["vendor", vendor],
      ["name", "Fuzz"],
      ["days", "30"],
      ["scope", "read"],
      ["scope", "write"],
      ["scope", "collect"],
    ] as [string, string][];
    const { text } = await manager.action("/desk/integrations", "app/desk/integrations/actions.ts", "createKey", wish, true);
    return /vst_[\w-]+/.exec(text)![0];
  };
  const keys = [await keyOf("luware"), await keyOf("cirrus")] as const;

  const bad: string[] = [];
  const seen: Record<string, number> = {};
  const ask = async (each: One): Promise<{ what: string; status: number; text: string; isStranger: boolean }> => {
    const everybody = [...strangers, ...insiders];
    const visitor = at(everybody, each.who);
    const isStranger = strangers.includes(visitor);
    const json = (path: string, body: unknown, more: Record<string, string> = {}) =>
      visitor.fetch(path, {
        method: "POST",
        headers: { "content-type": "application/json", origin: stack.baseUrl, ...more },
        body: JSON.stringify(body) ?? "undefined",
      });
    const search = new URLSearchParams(
      Object.entries(each.asked).map(([name, text]) => [name, text.slice(0, 3000).toWellFormed()]),
    ).toString();
    const of = async (what: string, answer: Response | Promise<Response>) => {
      const given = await answer;
      return { what: `${each.kind} ${what}`, status: given.status, text: await given.text(), isStranger };
    };
    switch (each.kind) {
      case "read": {
        const path = `${pathOf(at(paths, each.which), each.id)}?${search}`;
        return of(path, visitor.fetch(path));
      }
      case "method": {
        const path = pathOf(at(paths, each.which), each.id);
        return of(`${each.method} ${path}`, visitor.fetch(path, { method: each.method, headers: { origin: stack.baseUrl } }));
      }
      case "plain":
      case "form": {
        const [file = "", name = ""] = at(actions, each.which).split("#");
        const page = pathOf(file.replace(/^app/, "").replace(/\/actions\.ts$/, ""), known);
        const pairs = Object.entries({ ...each.given, ...(each.which % 2 ? { onboarding: known } : {}) }).map(
          ([field, what]) => [field, (typeof what === "string" ? what : JSON.stringify(what)).toWellFormed()] as const,
        );
        const { status, text } = await visitor.action(
          page,
          file,
          name,
          each.kind === "form" ? pairs : (escaped(each.args) as unknown[]),
          each.kind === "form",
        );
        return {
          what: `${each.kind} ${file}#${name} ${JSON.stringify(each.kind === "form" ? pairs : each.args).slice(0, 300)}`,
          status,
          text,
          isStranger,
        };
      }
      case "api": {
        const [method = "", path = ""] = at(operations, each.which).split(" ");
        const where = `/api/v1${pathOf(path, each.id)}${method === "get" ? `?${search}` : ""}`;
        const authorization = `Bearer ${isStranger ? keys[0] : keys[1]}`;
        const answer = method === "get" ? visitor.fetch(where, { headers: { authorization } }) : json(where, each.body, { authorization });
        return of(`${method} ${where} ${JSON.stringify(each.body)?.slice(0, 200)}`, answer);
      }
      case "handoff": {
        const path = `/api/h/${pathOf("{id}", each.id)}/${at(calls, each.which)}`;
        return of(`${path} ${JSON.stringify(each.body)?.slice(0, 200)}`, json(path, each.body));
      }
      case "session":
        return of(JSON.stringify(each.given).slice(0, 200), json("/api/session", { accessToken: each.text, ...each.given }));
      default: {
        const path = `/${encodeURI(each.text.toWellFormed()).slice(0, 3000)}`;
        return of(path, visitor.fetch(path));
      }
    }
  };
  const count = Number(values.count);
  const seed = Number(values.seed);
  const started = performance.now();
  const BATCH = 2000;
  for (let done = 0; done < count; done += BATCH) {
    const batch = fc.sample(one, { numRuns: Math.min(BATCH, count - done), seed: seed * 1_000_003 + done });
    const next = batch.values();
    const work = async () => {
      for (const each of next) {
        const { what, status, text, isStranger } = await ask(each).catch((error: unknown) => ({
          what: `${each.kind}: ${String(error)} ${String((error as { cause?: unknown }).cause ?? "")}`,
          status: /Invalid|Failed to parse|URI malformed|not a valid/i.test(String(error)) ? 0 : 599,
          text: "",
          isStranger: true,
        }));
        seen[status] = (seen[status] ?? 0) + 1;
        if (status >= 500) bad.push(`${status} ${what.slice(0, 500)}`);
        if (isStranger && text.includes(CUSTOMER)) bad.push(`a stranger saw the customer: ${what.slice(0, 300)}`);
        if (/vst_[\w-]{40}|-----BEGIN|ECONNREFUSED|PrismaClient|at \w+ \(/.test(text))
          bad.push(`something of the inside: ${what.slice(0, 300)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (bad.length > 40) break;
  }
  const [{ n }] = (await query(`SELECT count(*)::int AS n FROM "Onboarding" WHERE "customerName" = '${CUSTOMER}'`)) as [{ n: number }];
  if (n !== 1) bad.push(`there are ${n} onboardings of the customer`);
  for (const line of bad.slice(0, 40)) console.log(`✘ ${line}`);
  for (const line of stack.portal
    .output()
    .split("\n")
    .filter((each) => /rror/.test(each))
    .slice(-12))
    console.log(line.slice(0, 900));
  const total = Object.values(seen).reduce((sum, each) => sum + each, 0);
  console.log(`${total} requests in ${Math.round((performance.now() - started) / 1000)} s, answered: ${JSON.stringify(seen)}`);
  console.log(`${total - bad.length} passed, ${bad.length} failed`);
  process.exitCode = bad.length > 0 ? 1 : 0;
});
process.exit();
