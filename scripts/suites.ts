import { spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { findBrowser } from "./browser.ts";
import { type Budgets, measured, overBudget } from "./budgets.ts";
import { type Drill, newDrill, type Verdict } from "./drills.ts";
import { withHandoffs } from "./handoff-drills.ts";
import { type Postgres, startPostgres } from "./postgres.ts";
import { build, PROGRAM } from "./production.ts";
import { restored } from "./restore-drill.ts";
import { freePort, newKeyRing, startPortal, startStack } from "./servers.ts";

export type Tally = { suite: string; passed: number; failed: number };

function run(command: string, args: string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
    child.once("error", () => resolve(1));
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
const bin = (name: string) => path.resolve("node_modules/.bin", name);

/** One command that passes or fails as a whole. */
async function whole(suite: string, command: string, args: string[]): Promise<Tally> {
  console.log(`\n— ${suite}`);
  const isGood = (await run(command, args)) === 0;
  return { suite, passed: isGood ? 1 : 0, failed: isGood ? 0 : 1 };
}

/** A folder of its own. PostgreSQL runs as another user when we are root, so it must be able to enter. */
function scratch(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "vestibule-"));
  chmodSync(folder, 0o755);
  return folder;
}

/** What a reporter counted; a runner that failed without counting a failure counts as one. */
function counted(suite: string, code: number, passed: number, failed: number): Tally {
  return { suite, passed, failed: failed === 0 && code !== 0 ? 1 : failed };
}

export async function check(): Promise<Tally[]> {
  const lint = await whole("style", bin("biome"), ["check", "--error-on-warnings", "--max-diagnostics=30"]);
  const types = await whole("types", bin("tsc"), ["--noEmit"]);
  console.log("\n— unit and integration");
  const folder = scratch();
  const postgres = await startPostgres(path.join(folder, "postgres"));
  const report = path.join(folder, "vitest.json");
  try {
    const code = await run(
      process.execPath,
      [path.resolve("node_modules/vitest/vitest.mjs"), "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
      {
        VESTIBULE_TEST_DATABASE: postgres.url,
      },
    );
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8")) as {
      numPassedTests: number;
      numFailedTests: number;
    };
    return [lint, types, counted("unit and integration", code, numPassedTests, numFailedTests)];
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As many journeys at once: each worker of Playwright has a stack of its own. */
const WORKERS = 2;

/** A portal with its sandbox for one worker, and what a process supervisor does in production: a portal that died is started again. */
async function stage(folder: string, facts: string, postgres: Awaited<ReturnType<typeof startPostgres>>) {
  const databaseUrl = await postgres.createDatabase(`portal_${path.basename(folder)}`);
  mkdirSync(folder, { mode: 0o755 });
  // A copy, since a journey changes it.
  const catalogueFolder = path.join(folder, "catalogue");
  cpSync("e2e/catalogue", catalogueFolder, { recursive: true });
  const ports = { portal: await freePort(), sandbox: await freePort(), mail: await freePort() };
  const stack = await startStack(ports, {
    dataDir: path.join(folder, "data"),
    databaseUrl,
    keys: newKeyRing(),
    portalSecret: "e2e-portal-secret",
    env: {
      CATALOGUE_DIR: catalogueFolder,
      // A journey plays the receiver of webhooks, on this machine.
      WEBHOOK_PRIVATE_HOSTS: "127.0.0.1",
      // On this signal the portal writes down what its memory holds: a journey searches it for what must not be kept.
      NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}`,
    },
  });
  let isOver = false;
  let portal = stack.portal;
  const portals = [portal];
  const watch = () => {
    const { baseUrl, sandboxUrl, portalEnv } = stack;
    const { pid: portalPid } = portal.process;
    const folders = { databaseFolder: postgres.folder, catalogueFolder, snapshotFolder: folder };
    writeFileSync(facts, JSON.stringify({ baseUrl, sandboxUrl, databaseUrl, ...folders, portalEnv, portalPid }));
    portal.process.once("exit", async () => {
      if (isOver) return;
      portal = await startPortal(portalEnv);
      portals.push(portal);
      watch();
    });
  };
  watch();
  return {
    output: () => portals.map(({ output }) => output()).join("\n"),
    stop: async () => {
      isOver = true;
      await Promise.all([portal.stop(), stack.sandbox.stop()]);
    },
  };
}

export async function e2e(args: string[]): Promise<Tally[]> {
  console.log("\n— end to end");
  await build();
  const browser = findBrowser();
  const folder = scratch();
  const postgres = await startPostgres(path.join(folder, "postgres"));
  const report = path.join(folder, "playwright.json");
  const factsOf = (worker: number) => path.join(folder, `stack-${worker}.json`);
  const stages: Awaited<ReturnType<typeof stage>>[] = [];
  mkdirSync("test-results", { recursive: true });
  const program = path.join(folder, "program");
  // A link that leads back to the original brings a second copy of the same package into the process.
  cpSync(PROGRAM, program, { recursive: true, verbatimSymlinks: true });
  process.env.VESTIBULE_PROGRAM = program;
  try {
    for (let worker = 0; worker < WORKERS; worker++) stages.push(await stage(path.join(folder, String(worker)), factsOf(worker), postgres));
    const code = await run(
      process.execPath,
      [path.resolve("node_modules/@playwright/test/cli.js"), "test", `--workers=${WORKERS}`, ...args],
      {
        VESTIBULE_STACKS: folder,
        VESTIBULE_REPORT: report,
        CHROMIUM_PATH: browser,
      },
    );
    const { stats } = JSON.parse(readFileSync(report, "utf8")) as { stats: { expected: number; unexpected: number; flaky: number } };
    const unexpected = stages.flatMap(({ output }) => output().split("\n")).filter((line) => /error|warn/i.test(line));
    if (unexpected.length > 0) console.log(`The portal wrote:\n${unexpected.slice(0, 40).join("\n")}`);
    if (stats.flaky > 0) console.log(`${stats.flaky} of the journeys passed only at the second attempt; the list above says which.`);
    return [counted("end to end", code, stats.expected + stats.flaky, stats.unexpected)];
  } finally {
    delete process.env.VESTIBULE_PROGRAM;
    for (const { stop } of stages) await stop();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A stack of its own for drills, on a real PostgreSQL. */
export async function withDrill<T>(
  work: (drill: Drill, postgres: Postgres) => Promise<T>,
  { env = {}, flags = [] }: { env?: Record<string, string>; flags?: string[] } = {},
): Promise<T> {
  await build();
  const folder = scratch();
  const postgres = await startPostgres(path.join(folder, "postgres"), flags);
  const databaseUrl = await postgres.createDatabase("drill");
  const ports = { portal: await freePort(), sandbox: await freePort(), mail: await freePort() };
  const stack = await startStack(ports, {
    dataDir: path.join(folder, "data"),
    databaseUrl,
    keys: newKeyRing(),
    portalSecret: "drill-secret",
    env,
  });
  const drill = newDrill(stack, databaseUrl);
  try {
    return await work(drill, postgres);
  } finally {
    await drill.stop();
    await stack.stop();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What must not grow without somebody saying so: round trips to Graph, bytes and statements of pages. */
export async function costs(): Promise<Tally[]> {
  console.log("\n— budgets");
  const now = await measuredCosts();
  const { cases, bad } = overBudget(now);
  for (const line of bad) console.log(`  ✘ ${line}`);
  return [{ suite: "budgets", passed: cases - bad.length, failed: bad.length }];
}
export const measuredCosts = (): Promise<Budgets> =>
  // Nobody else asks the database meanwhile.
  withDrill((drill, postgres) => measured(drill, postgres), { env: { ERRANDS: "elsewhere" }, flags: ["-c", "log_statement=all"] });

/** The portal killed at every Graph call, answers lost at every Graph call, and a short soak. */
export async function drills(): Promise<Tally[]> {
  console.log("\n— drills");
  return withDrill(async (drill) => {
    const tally = (suite: string, { cases, bad }: Verdict): Tally => {
      for (const line of bad) console.log(`  ✘ ${line}`);
      return { suite, passed: cases - bad.length, failed: bad.length };
    };
    const killed = tally("killed at every Graph call", await drill.killedEverywhere(console.log));
    const lost = tally("answer lost at every Graph call", await drill.answersLostEverywhere(console.log));
    const soaked = tally("soak", await drill.soak(24, { seed: 7, rate: 0.3 }, console.log));
    const broken = await drill.auditFaults();
    return [killed, lost, soaked, tally("audit trail after the drills", { cases: 1, bad: broken })];
  });
}

/** A crowd at one link, power cuts, scanners, and a search of every byte for what must not be kept. */
export async function handoffDrills(): Promise<Tally[]> {
  console.log("\n— handoff drills");
  const tally = (suite: string, { cases, bad }: Verdict): Tally => {
    console.log(`  ${suite}: ${cases - bad.length} of ${cases}`);
    for (const line of bad) console.log(`  ✘ ${line}`);
    return { suite, passed: Math.max(0, cases - bad.length), failed: bad.length };
  };
  const crowds = await withHandoffs(async (stage) => {
    const control = await stage.control(5, 1000);
    console.log(`  a naive build is wrong in ${control.wrong} of ${control.rounds} rounds, up to ${control.most} read the values`);
    const { differences } = await stage.strangers(40);
    return [
      tally("a thousand people at one link", await stage.race(5, 1000)),
      tally("the same at a naive build, which must fail", {
        cases: 1,
        bad: control.wrong > 0 ? [] : ["it did not: the drill proves nothing"],
      }),
      tally("strangers are told apart", { cases: 2, bad: differences }),
      tally("a portal killed while people reveal", await stage.killed(2)),
      tally("a power cut of the database while people reveal", await stage.powerCut()),
      tally("scanners at a link", await stage.scanned()),
    ];
  });
  const canary = await withHandoffs(
    async (stage) => {
      const mailbox = async () => (await fetch(`${stage.stack.sandboxUrl}/_mailbox/api`)).text();
      const codeFor = async (address: string) => {
        const mails = JSON.parse(await mailbox()) as { to: string[]; text: string }[];
        return /\b[A-Z2-9]{4}-[A-Z2-9]{4}\b/.exec(mails.findLast(({ to }) => to.includes(address))?.text ?? "")?.[0] ?? "";
      };
      return tally("files and logs searched for secret, key, proof and code", await stage.canary(mailbox, codeFor));
    },
    { logsAll: true },
  );
  return [...crowds, canary, tally("a restored backup opens no link again", await restored())];
}

/** Prints the counts, the sum last, and gives the exit code. */
export function report(tallies: Tally[]): number {
  console.log();
  for (const { suite, passed, failed } of tallies) console.log(`${suite}: ${passed} passed, ${failed} failed`);
  const sum = (of: "passed" | "failed") => tallies.reduce((total, tally) => total + tally[of], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 ? 0 : 1;
}
