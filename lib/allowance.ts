import type { Transaction } from "./db.ts";

type Client = Pick<Transaction, "$queryRaw">;

/**
 * Takes one out of `most` that `key` may have within `forMs` of the first, on the database's clock. One statement, so
 * that any number of processes count together and none passes the limit. Null when it was taken; else when the
 * allowance begins anew.
 */
export async function spend(client: Client, key: string, most: number, forMs: number): Promise<Date | null> {
  const taken = await client.$queryRaw<unknown[]>`
    INSERT INTO "Allowance" AS a ("key", "spent", "endsAt") VALUES (${key}, 1, now() + ${forMs} * interval '1 millisecond')
    ON CONFLICT ("key") DO UPDATE SET
      "spent" = CASE WHEN a."endsAt" <= now() THEN 1 ELSE a."spent" + 1 END,
      "endsAt" = CASE WHEN a."endsAt" <= now() THEN excluded."endsAt" ELSE a."endsAt" END
    WHERE a."endsAt" <= now() OR a."spent" < ${most}
    RETURNING 1`;
  if (taken.length > 0) return null;
  const [row] = await client.$queryRaw<{ endsAt: Date }[]>`SELECT "endsAt" FROM "Allowance" WHERE "key" = ${key}`;
  return row?.endsAt ?? new Date();
}

/** Takes away what is over. Returns how many rows went. */
export const sweepAllowances = (client: Pick<Transaction, "$executeRaw">): Promise<number> =>
  client.$executeRaw`DELETE FROM "Allowance" WHERE "endsAt" <= now()`;
