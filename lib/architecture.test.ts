import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

/** Words that only some files may use, each with its reason. */
const WORDS = [
  {
    word: /process\.env/,
    only: /^lib\/config\.ts$/,
    because: "lib/config.ts checks every variable at the start",
    // Not read but told to Next.
    except: /__NEXT_PRIVATE_\w+/,
  },
  { word: /prisma\/client/, only: /^lib\/db\.ts$/, because: "rooms get Prisma from lib/db.ts" },
  {
    word: /\bdb\(\)/,
    only: /^lib\/(audit|handoff|onboarding|desk|api|operator)\/[\w-]+\.ts$|^lib\/auth\/(session|api-keys)\.ts$|^lib\/(db|limits|changes)\.ts$/,
    because: "pages and pure rules do not query",
  },
  { word: /@microsoft\/microsoft-graph-client/, only: /^lib\/graph\//, because: "lib/graph translates Graph's errors and waits" },
  { word: /@azure\/msal-node/, only: /^lib\/auth\//, because: "Graph tokens stay in lib/auth" },
  { word: /@azure\/msal-(browser|react)/, only: /^components\/entra\//, because: "the browser signs in in one place" },
  { word: /as unknown as (SignedIn|VendorSystem|Program)/, only: /^lib\/auth\/auth\.ts$/, because: "only a session proves who is asking" },
  {
    word: /as unknown as (Onboarding|Found)\b/,
    only: /^lib\/onboarding\/find\.ts$/,
    because: "an onboarding is found for somebody, by their tenant, vendor or link",
  },
  { word: /\bfindForErrand\b/, only: /^lib\/onboarding\//, because: "whoever asks from outside has to show who they are" },
  { word: /handoffCipher|HandoffCipher/, only: /^lib\/handoff\/sealed\.ts$/, because: "one module may read what is sealed" },
  { word: /auditEvent\.(update|upsert|delete)/, only: /^$/, because: "the record only grows" },
  {
    word: /[Ss]andbox/,
    only: /^components\/nothing$/,
    because: "the portal does not know that a sandbox exists",
    except: /authority string where|where a sandbox on loopback/,
  },
];

/** What each part of the house may import. Left out means: nothing of ours. */
const MAY_IMPORT: Record<string, string[]> = {
  app: [
    "app",
    "components",
    "export",
    "auth",
    "catalogue",
    "provisioning",
    "onboarding",
    "audit",
    "desk",
    "api",
    "operator",
    "graph",
    "kernel",
  ],
  operator: ["graph", "auth", "catalogue", "handoff", "notify", "kernel"],
  api: ["auth", "desk", "onboarding", "audit", "kernel"],
  server: ["server", "audit", "auth", "catalogue", "desk", "notify", "onboarding", "operator", "kernel"],
  components: ["components", "onboarding", "catalogue", "provisioning", "audit", "auth", "kernel"],
  desk: ["onboarding", "catalogue", "audit", "kernel"],
  export: ["provisioning", "catalogue", "graph", "kernel"],
  onboarding: ["export", "provisioning", "handoff", "audit", "auth", "catalogue", "graph", "notify", "kernel"],
  provisioning: ["catalogue", "graph", "handoff", "audit", "auth", "kernel"],
  handoff: ["audit", "kernel"],
  audit: ["catalogue", "kernel"],
  notify: ["audit", "kernel"],
  graph: ["kernel"],
  auth: ["kernel"],
  catalogue: ["kernel"],
  kernel: ["kernel"],
};

/** Files that values may be taken from besides a room's own door. The first three are pure, and needed in the browser or by every reader of the trail. */
const FURTHER_DOORS = [
  "lib/catalogue/selection.ts",
  "lib/audit/status.ts",
  "lib/audit/stages.ts",
  // Signing what has grown is an errand and a publication of its own.
  "lib/audit/checkpoint.ts",
  // An onboarding has a door for each kind of visitor and errand: reading, inviting, the admin, the colleague who approves, by hand, handing over.
  "lib/onboarding/find.ts",
  "lib/onboarding/invitation.ts",
  "lib/onboarding/approval.ts",
  "lib/onboarding/by-hand.ts",
  "lib/onboarding/consent-page.ts",
  "lib/onboarding/hand-over.ts",
  "lib/onboarding/health.ts",
  "lib/onboarding/contact.ts",
  "lib/onboarding/upkeep.ts",
  "lib/onboarding/collect.ts",
  // A handoff has two sides: who gives it out, and who holds the link.
  "lib/handoff/holder.ts",
  // What two editions of a manifest differ in is a question of its own, and pure.
  "lib/catalogue/differences.ts",
  // What of the board an address names: pure, and needed by whoever writes a link to it.
  "lib/desk/view.ts",
  "lib/desk/funnel.ts",
  "lib/desk/notes.ts",
  "lib/desk/reply.ts",
  "lib/desk/diagnostics.ts",
  "lib/desk/webhooks.ts",
  "lib/auth/api-keys.ts",
  // The operator's two errands.
  "lib/operator/doctor.ts",
  "lib/operator/registration.ts",
  "lib/operator/restored.ts",
  "lib/catalogue/lint.ts",
];

const files = ["app", "components", "lib", "server"]
  .flatMap((root) => readdirSync(root, { recursive: true, encoding: "utf8" }).map((file) => path.posix.join(root, file)))
  .filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file));
const text = new Map(files.map((file) => [file, readFileSync(file, "utf8")]));

/** `lib/handoff/handoff.ts` is in handoff; `lib/config.ts` is in the kernel; `app/…` is in app. */
const partOf = (file: string) => file.match(/^lib\/(\w+)\//)?.[1] ?? (file.startsWith("lib/") ? "kernel" : file.split("/")[0]!);

const importsOf = (file: string) =>
  [...text.get(file)!.matchAll(/import (type )?[^"]*?from "(@\/|\.)([^"]*)"/g)].flatMap(([, type, root, rest]) => {
    const base = root === "@/" ? rest! : path.posix.join(path.posix.dirname(file), `.${rest}`);
    const target = [base, `${base}.ts`, `${base}.tsx`].find((candidate) => text.has(candidate));
    return target ? [{ target, isType: type !== undefined }] : [];
  });
const edges = files.flatMap((file) => importsOf(file).map((used) => ({ file, ...used, from: partOf(file), to: partOf(used.target) })));
const show = ({ file, target }: { file: string; target: string }) => `${file} -> ${target}`;

test.each(WORDS)("$word: $because", ({ word, only, except }) => {
  const offends = (file: string) =>
    text
      .get(file)!
      .split("\n")
      .some((line) => word.test(line) && !except?.test(line));
  expect(files.filter((file) => offends(file) && !only.test(file))).toEqual([]);
});

test("imports follow MAY_IMPORT", () => {
  expect(edges.filter(({ from, to }) => from !== to && !MAY_IMPORT[from]?.includes(to)).map(show)).toEqual([]);
});

test("values enter a room by its door; types may be named from any file", () => {
  const isDoor = (target: string, room: string) => [`lib/${room}/${room}.ts`, `lib/${room}/schema.ts`, ...FURTHER_DOORS].includes(target);
  const inside = edges.filter(({ from, to, target }) => from !== to && target.startsWith(`lib/${to}/`));
  expect(inside.filter(({ target, to, isType }) => !isType && !isDoor(target, to)).map(show)).toEqual([]);
});

test("no import cycles", () => {
  const open = new Set<string>();
  const closed = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string) => {
    if (closed.has(file)) return;
    if (open.has(file)) return void cycles.push([...open, file].join(" -> "));
    open.add(file);
    for (const { target, isType } of importsOf(file)) if (!isType) visit(target);
    open.delete(file);
    closed.add(file);
  };
  for (const file of files) visit(file);
  expect(cycles).toEqual([]);
});

test("the sandbox imports nothing of the portal", () => {
  for (const file of readdirSync("sandbox").filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts")))
    expect(readFileSync(`sandbox/${file}`, "utf8")).not.toMatch(/from "(\.\.\/|@\/)/);
});
