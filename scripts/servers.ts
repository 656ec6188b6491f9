// Starting the portal and its sandbox: what the demo, the tests and `npm start` share.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { PROGRAM as BUILT } from "./production.ts";

export async function freePort(wanted = 0): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(freePort()));
    server.listen(wanted, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export type Running = { process: ChildProcess; output: () => string; stop: () => Promise<void> };

function run(args: string[], env: Record<string, string>, isQuiet: boolean, cwd = process.cwd()): Running {
  const child = spawn(process.execPath, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (!isQuiet) process.stdout.write(chunk);
    });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    process: child,
    output: () => output,
    stop: async () => {
      child.kill("SIGTERM");
      const patience = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(patience);
    },
  };
}

/** What a process holds of the machine's memory, in MB. */
export const rssMb = (pid: number) =>
  Number(
    execFileSync("ps", ["-o", "rss=", "-p", String(pid)])
      .toString()
      .trim(),
  ) / 1024;

/** Waits until the address answers; throws with the program's own words when it ends or takes too long. */
export async function answering(url: string, running: Running, timeoutMs = 60_000): Promise<void> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    if (running.process.exitCode !== null) throw new Error(`It ended before it answered.\n${running.output()}`);
    const isUp = await fetch(url, { redirect: "manual" }).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    if (Date.now() > until) throw new Error(`No answer from ${url}:\n${running.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

/** Stable for a sandbox's life and secret for nobody: the registration of the portal in the sandbox's vendor tenant. */
export const PORTAL_CLIENT_ID = "5e1f7a52-6b1d-4a52-9a39-7d54b8a0c1de";

export type Ports = { portal: number; sandbox: number; mail: number };
export type Stack = {
  baseUrl: string;
  sandboxUrl: string;
  portal: Running;
  sandbox: Running;
  portalEnv: Record<string, string>;
  stop: () => Promise<void>;
};

export const newKeyRing = (id = "k1") => `${id}:${randomBytes(32).toString("base64url")}`;

export async function startSandbox(
  ports: Ports,
  portalSecret: string,
  isQuiet = true,
): Promise<{ sandbox: Running; url: string; vendorTenantId: string; vendorTenants: string }> {
  const url = `http://localhost:${ports.sandbox}`;
  const sandbox = run(
    ["--import", "tsx", "sandbox/main.ts"],
    {
      SANDBOX_PORT: String(ports.sandbox),
      SANDBOX_MAIL_PORT: String(ports.mail),
      PORTAL_CLIENT_ID,
      PORTAL_CLIENT_SECRET: portalSecret,
      PORTAL_ORIGIN: `http://localhost:${ports.portal}`,
    },
    isQuiet,
  );
  await answering(`${url}/_sandbox/health`, sandbox);
  const { tenants } = (await (await fetch(`${url}/_sandbox/state`)).json()) as { tenants: { id: string; domains: string[] }[] };
  const luware = tenants.find(({ domains }) => domains.includes("luware.example"))!;
  return { sandbox, url, vendorTenantId: tenants[0]!.id, vendorTenants: `luware=${luware.id}` };
}

/** One of our own programs, as the portal and the sandbox are started. */
export const startProgram = (file: string, env: Record<string, string>): Running => run(["--import", "tsx", file], env, true);

/** A nursery that is emptied often and in little time; no inspector that a signal could open. */
const PORTAL_FLAGS = ["--max-semi-space-size=8", "--disable-sigusr1"];
/** What is started: the build, or the copy of it that the journeys make, where nothing of this folder can stand in for what it lacks. */
const program = () => process.env.VESTIBULE_PROGRAM || BUILT;
/** The build runs in a folder of its own: what the settings name by a relative path is meant from here. */
const settled = (env: Record<string, string>): Record<string, string> => {
  const all: Record<string, string | undefined> = { ...process.env, ...env };
  const folders = ["DATA_DIR", "CATALOGUE_DIR"].flatMap((name) => (all[name] ? [[name, path.resolve(all[name])] as const] : []));
  return { DATA_DIR: path.resolve(".data"), NODE_ENV: "production", ...env, ...Object.fromEntries(folders) };
};
export async function startPortal(env: Record<string, string>, isQuiet = true): Promise<Running> {
  const portal = run([...PORTAL_FLAGS, "portal.js"], settled(env), isQuiet, program());
  await answering(`http://localhost:${env.PORT}/`, portal);
  return portal;
}

/** What does errands for portals that do none themselves. */
export const startWorker = (env: Record<string, string>, isQuiet = true): Running =>
  run([...PORTAL_FLAGS, "worker.js"], { ...settled(env), ERRANDS: "here" }, isQuiet, program());

export function migrate(env: Record<string, string>): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["migrate.js"], {
    cwd: program(),
    env: { ...process.env, ...settled(env) },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`The migration failed:\n${stdout}${stderr}`);
}

/** Sandbox and portal together, on the given database (embedded without `DATABASE_URL`). */
export async function startStack(
  ports: Ports,
  settings: { dataDir: string; databaseUrl?: string; keys: string; portalSecret: string; env?: Record<string, string>; isQuiet?: boolean },
): Promise<Stack> {
  mkdirSync(settings.dataDir, { recursive: true });
  const { sandbox, url, vendorTenantId, vendorTenants } = await startSandbox(ports, settings.portalSecret);
  const baseUrl = `http://localhost:${ports.portal}`;
  const portalEnv = {
    BASE_URL: baseUrl,
    PORT: String(ports.portal),
    AZURE_TENANT_ID: vendorTenantId,
    VENDOR_TENANTS: vendorTenants,
    AZURE_CLIENT_ID: PORTAL_CLIENT_ID,
    AZURE_CLIENT_SECRET: settings.portalSecret,
    AZURE_AUTHORITY_HOST: url,
    GRAPH_URL: url,
    SMTP_URL: `smtp://127.0.0.1:${ports.mail}`,
    MAIL_FROM: "Vestibule <no-reply@vestibule.example>",
    VESTIBULE_KEYS: settings.keys,
    DATA_DIR: settings.dataDir,
    DATABASE_URL: settings.databaseUrl ?? "",
    // Hundreds of people come from one address here.
    RATE_LIMIT_FACTOR: "100",
    ...settings.env,
  };
  const portal = await Promise.resolve()
    .then(() => {
      migrate(portalEnv);
      return startPortal(portalEnv, settings.isQuiet ?? true);
    })
    .catch(async (error: unknown) => {
      await sandbox.stop();
      throw error;
    });
  return {
    baseUrl,
    sandboxUrl: url,
    portal,
    sandbox,
    portalEnv,
    stop: async () => void (await Promise.all([portal.stop(), sandbox.stop()])),
  };
}
