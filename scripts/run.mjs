// The one entrance of every npm script. It runs on any Node >= 20.19 with nothing installed: it installs what the
// lock file names, then hands over to the Node that package.json pins (the `node` package) so that every task runs on
// the same version whatever the machine has.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const env = {
  ...process.env,
  NEXT_TELEMETRY_DISABLED: "1",
  CHECKPOINT_DISABLE: "1",
  PRISMA_HIDE_UPDATE_MESSAGE: "1",
  // Prisma wants a schema-engine binary that it would download. `generate` only checks that the file exists.
  PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  PATH: `${path.join(root, "node_modules", ".bin")}${path.delimiter}${process.env.PATH ?? ""}`,
};

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", env, shell: process.platform === "win32" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** Runs `work` when the content of `inputs` differs from what the stamp remembers. */
function whenChanged(stamp, inputs, work) {
  const file = path.join("node_modules", ".vestibule", stamp);
  const hash = createHash("sha256");
  for (const input of inputs) hash.update(readFileSync(input));
  const digest = hash.digest("hex");
  if (existsSync(file) && readFileSync(file, "utf8") === digest) return;
  work();
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, digest);
}

whenChanged("install", ["package-lock.json"], () => {
  console.log("Installing packages (once)");
  // Not `npm ci`: it refuses a lock file written where some platform's optional binaries could not be resolved.
  run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
});
whenChanged("generate", ["prisma/schema.prisma", "package-lock.json"], () => {
  run("prisma", ["generate"]);
});

const [task, ...rest] = process.argv.slice(2);
const { status, signal } = spawnSync(
  path.join("node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node"),
  ["--import", "tsx", path.join("scripts", `${task}.ts`), ...rest],
  { stdio: "inherit", env, shell: process.platform === "win32" },
);
process.exit(signal ? 1 : (status ?? 1));
