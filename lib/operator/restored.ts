/**
 * Notices that the database was restored from a backup, before anything is served from it. What was revealed since the
 * backup is pending again in it and would open a second time; sessions and tokens of then would be alive again.
 */
import { revokeSessions } from "../auth/auth.ts";
import { config } from "../config.ts";
import { db } from "../db.ts";
import * as handoff from "../handoff/handoff.ts";
import { log } from "../log.ts";

/**
 * What no restore brings back unchanged: the cluster's identifier (another server), its timeline (recovery to a point in
 * time, or a standby that took over), and the numbers of the database and of the table (a copy, or a dump that was read
 * in). PostgreSQL manual, sections 9.28 (control data functions) and 25.3.6 (timelines). The snapshot of a whole disk
 * changes none of them: that one the operator has to tell (docs/operator.md). Null where the database does not say.
 */
async function identityOf(): Promise<string | null> {
  try {
    const [row] = await db().$queryRaw<{ identity: string }[]>`
      SELECT concat_ws('/', (pg_control_system()).system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8),
        (SELECT oid FROM pg_database WHERE datname = current_database()), '"Installation"'::regclass::oid) AS identity`;
    return row?.identity ?? null;
  } catch {
    // Distributed databases have no control file. One that is away has said nothing yet.
    await db().$queryRaw`SELECT 1`;
    return null;
  }
}

/** How much was ended because the database is another one than at the last start. */
type Restored = { handoffs: number; sessions: number };

/** To be awaited before a process serves or does errands. Several that start at once wait for each other. */
async function settleRestore(now: Date): Promise<Restored | null> {
  // The embedded database is a folder that is copied as a whole, and has one connection.
  const identity = config().DATABASE_URL ? await identityOf() : null;
  if (!identity) return null;
  return db().$transaction(
    async (tx) => {
      const { count } = await tx.installation.createMany({ data: { id: 1, identity, since: now }, skipDuplicates: true });
      if (count === 1) return null;
      const [known] = await tx.$queryRaw<{ identity: string }[]>`SELECT "identity" FROM "Installation" WHERE "id" = 1 FOR UPDATE`;
      if (known?.identity === identity) return null;
      const ended = {
        handoffs: await handoff.revokeAll("The database was restored from a backup", now),
        sessions: await revokeSessions(),
      };
      await tx.installation.update({ where: { id: 1 }, data: { identity, since: now }, select: { id: true } });
      return ended;
    },
    { timeout: 10 * 60_000, maxWait: 60_000 },
  );
}

const PAUSE_MS = 1000;
/** The same for a process that starts: says what it did, and waits for a database that is away. */
export async function settledRestore(): Promise<void> {
  for (let isFirst = true; ; isFirst = false)
    try {
      const ended = await settleRestore(new Date());
      if (ended)
        console.log(
          `The database was restored from a backup: ended ${ended.handoffs} pending handoffs and ${ended.sessions} sessions before serving.`,
        );
      return;
    } catch (error) {
      if (isFirst) log().failed("Nothing is served before the database answers", error);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
}
