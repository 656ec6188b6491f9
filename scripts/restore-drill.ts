// The runbook of docs/operator.md, carried out: a base backup that is recovered to its own point in time, and a copy of the
// database. In both, links that were opened since are pending again; the portal ends them before it serves.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import type { Verdict } from "./drills.ts";
import { type Link, withHandoffs } from "./handoff-drills.ts";
import { startPostgres } from "./postgres.ts";
import { freePort, startPortal } from "./servers.ts";

const stateOf = async (url: string, { id }: Link): Promise<string | undefined> => {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query<{ state: string }>(`SELECT "state" FROM "Handoff" WHERE "id" = $1`, [id]);
  await client.end();
  return rows[0]?.state;
};
const named = (url: string, name: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;

export async function restored(): Promise<Verdict> {
  return withHandoffs(async (stage) => {
    const bad: string[] = [];
    const { links } = await stage.create(3);
    const [opened, waiting, newer] = links as [Link, Link, Link];
    const folder = mkdtempSync(path.join(tmpdir(), "vestibule-backup-"));
    chmodSync(folder, 0o777);
    const backup = path.join(folder, "base");
    await stage.postgres.backup(backup);
    const url = stage.stack.portalEnv.DATABASE_URL!;
    // A copy cannot be made of a database that somebody is connected to.
    const copyUrl = await stage.postgres.createDatabase("copy");
    await copied(url, copyUrl, named(url, "postgres"));
    if ((await stage.reveal(opened)).status !== 200) bad.push("the link did not open the first time");

    writeFileSync(path.join(backup, "recovery.signal"), "");
    const recovery = ["restore_command=false", "recovery_target=immediate", "recovery_target_action=promote"];
    const other = await startPostgres(
      backup,
      recovery.flatMap((setting) => ["-c", setting]),
      true,
    );
    try {
      for (const [what, database] of [
        ["recovered to a point in time", named(other.url, path.basename(new URL(url).pathname))],
        ["copied", copyUrl],
      ] as const) {
        // Without this the drill would prove nothing.
        if ((await stateOf(database, opened)) !== "pending") bad.push(`${what}: the opened link is not pending in the backup`);
        const port = await freePort();
        const env = { ...stage.stack.portalEnv, DATABASE_URL: database, PORT: String(port) };
        for (const attempt of ["first", "second"]) {
          const portal = await startPortal(env);
          for (const link of [opened, waiting])
            if ((await stage.reveal(link, port)).status === 200) bad.push(`${what}: a link opened after the ${attempt} start`);
          const isTold = portal.output().includes("restored from a backup");
          if (isTold !== (attempt === "first")) bad.push(`${what}: at the ${attempt} start the restore was ${isTold ? "" : "not "}noticed`);
          await portal.stop();
        }
      }
    } finally {
      await other.stop();
      rmSync(folder, { recursive: true, force: true });
    }
    // Where nothing was restored, nothing is ended.
    if ((await stage.reveal(newer)).status !== 200) bad.push("a link of the database that was never restored did not open");
    return { cases: 11, bad };
  });
}

/** The database of this address, as it is, under another name: what a dump that is read in amounts to. */
async function copied(from: string, to: string, maintenance: string): Promise<void> {
  const client = new pg.Client(maintenance);
  await client.connect();
  const [source, target] = [from, to].map((url) => new URL(url).pathname.slice(1));
  await client.query(`DROP DATABASE "${target}"`);
  // Portals open new connections by themselves.
  await client.query(`ALTER DATABASE "${source}" ALLOW_CONNECTIONS false`);
  await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${source}'`);
  await client.query(`CREATE DATABASE "${target}" TEMPLATE "${source}"`);
  await client.query(`ALTER DATABASE "${source}" ALLOW_CONNECTIONS true`);
  await client.end();
}
