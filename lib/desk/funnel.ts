/** How far onboardings come, how many are lost at each stage, and how long each takes. */
import { STAGES, type Stage } from "../audit/stages.ts";
import { db, Prisma } from "../db.ts";
import { keptFor } from "../kept.ts";
import type { Support } from "../proof.ts";
import { ownOf } from "./desk.ts";

const { sql, raw, join, empty } = Prisma;

/** `medianMs`: from the stage before to this one, of those that reached it. */
export type FunnelStage = { stage: Stage; reached: number; medianMs: number | null };

const COLUMNS = raw(
  STAGES.map((stage, index) => {
    const before = STAGES[index - 1];
    const median = before
      ? `percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM "${stage}" - "${before}"))::float8 * 1000`
      : "NULL::float8";
    return `count("${stage}")::int AS "${stage}", ${median} AS "${stage}Ms"`;
  }).join(", "),
);

type Wanted = { productId: string | null; days: number | null };
const kept = keptFor<FunnelStage[]>(30_000);

/**
 * Of the onboardings whose invitation is at most so many days old. Reads all of them, so an answer is kept for half a
 * minute: whoever asks meanwhile gets the same.
 */
export const funnel = (support: Support, wanted: Wanted, now: Date): Promise<FunnelStage[]> =>
  kept(JSON.stringify([support.vendors, wanted.productId, wanted.days]), () => read(ownOf(support), wanted, now));

async function read(own: Prisma.Sql | null, { productId, days }: Wanted, now: Date): Promise<FunnelStage[]> {
  const is = [
    ...(own ? [own] : []),
    ...(productId ? [sql`"productId" = ${productId}`] : []),
    ...(days ? [sql`"invited" >= ${new Date(now.getTime() - days * 86_400_000)}`] : []),
  ];
  const [row = {}] = await db().$queryRaw<Record<string, number | null>[]>`
    SELECT ${COLUMNS} FROM "Journey" ${is.length > 0 ? sql`WHERE ${join(is, " AND ")}` : empty}`;
  return STAGES.map((stage) => ({ stage, reached: row[stage] ?? 0, medianMs: row[`${stage}Ms`] ?? null }));
}
