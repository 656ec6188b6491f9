// The production build: what Next makes, with our server and the operator's commands as plain JavaScript beside it and all that
// they need, in one folder that runs by itself. What the tests start, `npm start` and the container's image are this folder.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { nodeFileTrace } from "@vercel/nft";
import * as esbuild from "esbuild";
import { ACTIONS, PAGES, ROUTES } from "../lib/access.ts";

/** The folder that runs by itself: start it there, `node portal.js`. */
export const PROGRAM = path.resolve(".next/standalone");
const SERVERS = { portal: "server/main.ts", worker: "server/worker.ts" };
/** What an operator runs, by the names that the npm scripts have. */
const COMMANDS = [
  ...["migrate", "doctor", "register-portal", "catalogue-lint", "audit-verify", "audit-checkpoint"],
  ...["keys-rotate", "handoffs-revoke", "sessions-revoke"],
];
/** Read by name while they run, so that nothing finds them by reading the code. */
const READ_BY_NAME = {
  packages: ["@electric-sql/pglite", "pglite-prisma-adapter"],
  files: [
    "node_modules/@prisma/schema-engine-wasm",
    "package.json",
    "public",
    "prisma/migrations",
    "prisma/schema.prisma",
    "lib/catalogue/vendors",
  ],
};
const OUTSIDE_NEXT = path.resolve("server/outside-next.ts");
const next = path.resolve("node_modules/next/dist/bin/next");

/** A digest of everything that the production build is made of. */
function sourceDigest(): string {
  const hash = createHash("sha256");
  const add = (file: string) => hash.update(file).update(readFileSync(file));
  for (const folder of ["app", "components", "lib", "public", "prisma", "server"])
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile() && !/\.test\.tsx?$/.test(entry.name)) add(path.join(entry.parentPath, entry.name));
  for (const file of ["package-lock.json", "next.config.ts", "tsconfig.json", "postcss.config.mjs", "scripts/production.ts"]) add(file);
  return hash.digest("hex");
}

const read = (file: string) => JSON.parse(readFileSync(path.join(".next", "server", file), "utf8")) as unknown;
/** Everything of the build that can be called, as lib/access.ts names it. */
export function builtEntries(): { pages: string[]; routes: string[]; actions: string[] } {
  const paths = Object.keys(read("app-paths-manifest.json") as object).filter((name) => !name.startsWith("/_"));
  const named = (end: string) => paths.flatMap((name) => (name.endsWith(end) ? [name.slice(0, -end.length) || "/"] : []));
  const { node } = read("server-reference-manifest.json") as { node: Record<string, { filename: string; exportedName: string }> };
  return {
    pages: named("/page"),
    routes: named("/route"),
    actions: Object.values(node).map(({ filename, exportedName }) => `${filename}#${exportedName}`),
  };
}
/** What of the build is missing in lib/access.ts, and what is in there only. */
export function compareAccess(): { undeclared: string[]; gone: string[] } {
  const { pages, routes, actions } = builtEntries();
  const pairs = [[pages, PAGES] as const, [routes, ROUTES] as const, [actions, ACTIONS] as const];
  return {
    undeclared: pairs.flatMap(([built, declared]) => built.filter((name) => !(name in declared))),
    gone: pairs.flatMap(([built, declared]) => Object.keys(declared).filter((name) => !built.includes(name))),
  };
}

/** Our programs as plain JavaScript: a portal of TypeScript translates itself at each start and keeps the translator in memory. */
async function bundle(): Promise<void> {
  const folder = path.resolve(".next/programs");
  rmSync(folder, { recursive: true, force: true });
  const commands = Object.fromEntries(COMMANDS.map((name) => [name, `scripts/${name}.ts`]));
  await esbuild.build({
    entryPoints: { ...SERVERS, ...commands },
    outdir: folder,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    alias: { "next/headers": OUTSIDE_NEXT, "next/navigation": OUTSIDE_NEXT },
    logLevel: "error",
  });
  const programs = readdirSync(folder).map((name) => path.join(folder, name));
  const require = createRequire(path.resolve("package.json"));
  const entries = [...programs, ...READ_BY_NAME.packages.map((name) => require.resolve(name))];
  // Of itself Next has put there what it needs to serve.
  const { fileList } = await nodeFileTrace(entries, { base: process.cwd(), ignore: "node_modules/next/**" });
  for (const file of fileList) if (file.startsWith("node_modules")) copy(file);
  // Next's own, which knows nothing of ours: no gate, no headers, no handoffs.
  rmSync(path.join(PROGRAM, "server.js"));
  for (const file of programs) cpSync(file, path.join(PROGRAM, path.basename(file)));
  for (const file of [...READ_BY_NAME.files, ...READ_BY_NAME.packages.map((name) => `node_modules/${name}/package.json`)]) copy(file);
}
const copy = (file: string) => cpSync(file, path.join(PROGRAM, file), { recursive: true, dereference: true });

/** Packed once and as small as it gets, in place of quickly at each request. */
function packStatic(): void {
  copy(".next/static");
  const folder = path.join(PROGRAM, ".next/static");
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(js|css|svg)$/.test(entry.name)) continue;
    const file = path.join(entry.parentPath, entry.name);
    const content = readFileSync(file);
    writeFileSync(`${file}.br`, brotliCompressSync(content));
    writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
  }
}

/** The production build; left out when nothing that it is made of has changed. */
export async function build(): Promise<void> {
  const stamp = path.join(".next", "vestibule-source");
  const digest = sourceDigest();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  console.log("Building the portal (once)");
  rmSync(PROGRAM, { recursive: true, force: true });
  const { status, stdout, stderr } = spawnSync(process.execPath, [next, "build"], { encoding: "utf8" });
  if (status !== 0) {
    console.error(stdout, stderr);
    throw new Error("The build failed");
  }
  const { undeclared, gone } = compareAccess();
  if (undeclared.length + gone.length > 0)
    throw new Error(
      [
        "The build failed: lib/access.ts says of everything who may call it.",
        ...undeclared.map((name) => `  not declared: ${name}`),
        ...gone.map((name) => `  declared, but not there: ${name}`),
      ].join("\n"),
    );
  await bundle();
  packStatic();
  writeFileSync(stamp, digest);
}
