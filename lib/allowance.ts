import type { Transaction } from "./db.ts";

type Client = Pick<Transaction, "$queryRaw">;
/** `left`: how many more there are until `endsAt`; below zero, this one was one too many. */
export type Allowance = { left: number; endsAt: Date };

/**
 * Takes one out of `most` that `key` may have within `forMs` of the first, on the database's clock. One statement, so
 * that any number of processes count together and none passes the limit.
 */
export async function take(client: Client, key: string, most: number, forMs: number): Promise<Allowance> {
  const [row] = await client.$queryRaw<{ spent: number; endsAt: Date }[]>`
    INSERT INTO "Allowance" AS a ("key", "spent", "endsAt") VALUES (${key}, 1, now() + ${forMs} * interval '1 millisecond')
    ON CONFLICT ("key") DO UPDATE SET
      "spent" = CASE WHEN a."endsAt" <= now() THEN 1 ELSE least(a."spent", ${most}) + 1 END,
      "endsAt" = CASE WHEN a."endsAt" <= now() THEN excluded."endsAt" ELSE a."endsAt" END
    RETURNING "spent", "endsAt"`;
  return { left: most - row!.spent, endsAt: row!.endsAt };
}

/** Null when one was taken; else when the allowance begins anew. */
export async function spend(client: Client, key: string, most: number, forMs: number): Promise<Date | null> {
  const { left, endsAt } = await take(client, key, most, forMs);
  return left < 0 ? endsAt : null;
}

/** Takes away what is over. Returns how many rows went. */
export const sweepAllowances = (client: Pick<Transaction, "$executeRaw">): Promise<number> =>
  client.$executeRaw`DELETE FROM "Allowance" WHERE "endsAt" <= now()`;
