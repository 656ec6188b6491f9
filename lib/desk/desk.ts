/** What the vendor's support sees, across onboardings. Reads only, and never anything that opens a handoff. */
import * as audit from "../audit/audit.ts";
import type { Status, WaitingFor } from "../audit/status.ts";
import { findProduct, listProducts } from "../catalogue/catalogue.ts";
import type { Manifest } from "../catalogue/schema.ts";
import { db, isUuid, Prisma } from "../db.ts";
import { keptFor } from "../kept.ts";
import { findForSupport, type Onboarding } from "../onboarding/find.ts";
import { type AtDesk, isOwn } from "../proof.ts";
import { searchQuery } from "../search.ts";
import type { Sort, View } from "./view.ts";

const { sql, join, empty } = Prisma;

export type ListItem = {
  id: string;
  customerName: string;
  expectedDomain: string;
  productId: string;
  product: string;
  status: Status;
  waitingFor: WaitingFor;
  waitingSince: Date;
  lastEvent: string;
  lastEventAt: Date;
  createdAt: Date;
  /** When the invitation ends, while nobody has taken it up; later, when the first of the secrets ends. */
  endsAt: Date | null;
  adminEmail: string;
  contactEmail: string;
  contacts: string[];
  reference: string | null;
  tenantId: string | null;
  owner: string | null;
  tags: string[];
};
type Row = Omit<ListItem, "product">;
export type Page = { items: ListItem[]; next: View["after"] };

// Next bundles each route by itself; what is kept is kept once for the process.
const processWide = globalThis as {
  vestibuleVersions?: ReturnType<typeof keptFor<string>>;
  vestibuleMany?: Map<string, number>;
};

const PAGE = 50;
/** In a view: those that nobody has taken. */
export const NOBODY = "nobody";
/** Further matches are not counted: nobody reads them one by one, and counting them all would cost more than the page. */
const COUNTED = 1000;

/** An invitation that nobody took up ends by itself: the event that says so comes up to a minute later. */
const isExpired = (now: Date) => sql`(o."status" = 'expired' OR (o."status" IN ('invited', 'opened') AND o."expiresAt" <= ${now}))`;
const statusOf = (now: Date) => sql`CASE WHEN ${isExpired(now)} THEN 'expired' ELSE o."status" END`;
const waitingForOf = (now: Date) => sql`CASE WHEN ${isExpired(now)} THEN 'vendor' ELSE o."waitingFor" END`;
const waitingSinceOf = (now: Date) => sql`CASE WHEN ${isExpired(now)} THEN o."expiresAt" ELSE o."waitingSince" END`;

/** What is sorted by: always a column with an index, so that a page costs the same however many there are. */
const ORDER: Record<
  Sort,
  { column: Prisma.Sql; isDown: boolean; isTime: boolean; keyOf: (row: Row & { expiresAt: Date; rawSince: Date }) => string }
> = {
  moved: { column: sql`o."lastEventAt"`, isDown: true, isTime: true, keyOf: ({ lastEventAt }) => lastEventAt.toISOString() },
  waiting: { column: sql`o."waitingSince"`, isDown: false, isTime: true, keyOf: ({ rawSince }) => rawSince.toISOString() },
  customer: { column: sql`o."customerName"`, isDown: false, isTime: false, keyOf: ({ customerName }) => customerName },
  created: { column: sql`o."createdAt"`, isDown: true, isTime: true, keyOf: ({ createdAt }) => createdAt.toISOString() },
  expires: { column: sql`o."expiresAt"`, isDown: false, isTime: true, keyOf: ({ expiresAt }) => expiresAt.toISOString() },
};

/** What of it is theirs: null when all of it is. */
export const ownOf = ({ vendors }: AtDesk): Prisma.Sql | null =>
  vendors === "all" ? null : vendors.length === 1 ? sql`"vendorId" = ${vendors[0]}` : sql`"vendorId" IN (${join([...vendors])})`;

/** `words`: what the text index answers; kept apart, since it pays only where little matches. */
type Conditions = { is: Prisma.Sql[]; words: Prisma.Sql[] };
/** Null: nothing can match. */
async function conditions(
  support: AtDesk,
  { q, status, product, waiting, owner, tag, stuck, expiring, sort }: View,
  now: Date,
): Promise<Conditions | null> {
  const day = 86_400_000;
  const own = ownOf(support);
  const is: Prisma.Sql[] = own ? [own] : [];
  const words: Prisma.Sql[] = [];
  if (q) {
    const query = searchQuery(q);
    const asId = q.toLowerCase();
    // A correlation id of Microsoft, as a customer reads it from an error, or one of ours.
    const found = isUuid(asId)
      ? await db().$queryRaw<{ onboardingId: string }[]>`
          SELECT "onboardingId" FROM "AuditEvent" WHERE "detail"->>'requestId' = ${asId}
          UNION SELECT "onboardingId" FROM "AuditEvent" WHERE "detail"->>'clientRequestId' = ${asId}
          UNION SELECT "id" FROM "Onboarding" WHERE "id" = ${asId}::uuid`
      : [];
    if (found.length > 0) is.push(sql`o."id" IN (${join(found.map(({ onboardingId }) => sql`${onboardingId}::uuid`))})`);
    else if (query) words.push(sql`array_to_tsvector(o."words") @@ ${query}::tsquery`);
    else return null;
  }
  if (status === "expired") is.push(isExpired(now));
  else if (status) is.push(sql`o."status" = ${status}`, ...(["invited", "opened"].includes(status) ? [sql`o."expiresAt" > ${now}`] : []));
  if (product) is.push(sql`o."productId" = ${product}`);
  if (waiting === "vendor") is.push(sql`(o."waitingFor" = 'vendor' OR ${isExpired(now)})`);
  else if (waiting) is.push(sql`o."waitingFor" = ${waiting}`, sql`NOT ${isExpired(now)}`);
  if (owner) is.push(owner === NOBODY ? sql`o."owner" IS NULL` : sql`o."owner" = ${owner}`);
  if (tag) is.push(sql`o."tags" @> ${[tag]}::text[]`);
  if (stuck) is.push(sql`o."waitingFor" <> 'nobody'`, sql`${waitingSinceOf(now)} <= ${new Date(now.getTime() - stuck * day)}`);
  if (expiring) {
    const until = new Date(now.getTime() + expiring * day);
    is.push(sql`(o."credentialEndsAt" <= ${until} OR (o."status" IN ('invited', 'opened') AND o."expiresAt" BETWEEN ${now} AND ${until}))`);
  }
  if (sort === "waiting") is.push(sql`o."waitingFor" <> 'nobody'`);
  return { is, words };
}
const where = (is: Prisma.Sql[]) => (is.length > 0 ? sql`WHERE ${join(is, " AND ")}` : empty);

type Found = Page & { matches: number };
/**
 * Few are gathered, counted and then sorted; many are read in order until the page is full. PostgreSQL cannot know which it
 * is before, since how common a word's beginning is stands in no statistics.
 */
async function read(
  { is, words }: Conditions,
  { sort, after }: Pick<View, "sort" | "after">,
  isFew: boolean,
  now: Date,
  limit: number,
): Promise<Found> {
  const { column, isDown, isTime, keyOf } = ORDER[sort];
  const way = isDown ? sql`DESC` : sql`ASC`;
  const from = after && (isTime ? new Date(after[0]) : after[0]);
  if (from instanceof Date && Number.isNaN(from.getTime())) return NOTHING;
  const place = after ? [sql`(${column}, o."id") ${isDown ? sql`<` : sql`>`} (${from}, ${after[1]}::uuid)`] : [];
  const all = sql`"Onboarding" o ${where([...is, ...words])}`;
  const [gathering, source] = isFew
    ? [sql`WITH few AS MATERIALIZED (SELECT o.* FROM ${all} LIMIT ${COUNTED + 1})`, sql`few o ${where(place)}`]
    : // IS TRUE keeps the text index out: it would gather all that match before the first is read.
      [empty, sql`"Onboarding" o ${where([...is, ...words.map((each) => sql`(${each}) IS TRUE`), ...place])}`];
  const rows = await db().$queryRaw<(Row & { expiresAt: Date; rawSince: Date; matches: number })[]>`
    ${gathering} SELECT ${isFew ? sql`(SELECT count(*)::int FROM few)` : sql`${COUNTED + 1}::int`} AS "matches",
           o."id", o."customerName", o."expectedDomain", o."productId", o."lastEvent", o."lastEventAt", o."createdAt", o."expiresAt",
           o."adminEmail", o."contactEmail", o."contacts", o."reference", o."tenantId", o."owner", o."tags", o."waitingSince" AS "rawSince", ${statusOf(now)} AS "status",
           ${waitingForOf(now)} AS "waitingFor", ${waitingSinceOf(now)} AS "waitingSince",
           CASE WHEN o."status" IN ('invited', 'opened', 'expired') THEN o."expiresAt" ELSE o."credentialEndsAt" END AS "endsAt"
    FROM ${source} ORDER BY ${column} ${way}, o."id" ${way} LIMIT ${limit + 1}`;
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return {
    items: shown.map(({ expiresAt: _, rawSince: __, matches: ___, ...row }) => ({
      ...row,
      product: findProduct(row.productId)?.name ?? row.productId,
    })),
    next: last ? [keyOf(last), last.id] : null,
    matches: rows[0]?.matches ?? 0,
  };
}
const NOTHING: Found = { items: [], next: null, matches: 0 };

/** That a view has more than a thousand is true for long: it is found out once a minute, since gathering many costs more than a page. */
const MANY_MS = 60_000;
const MANY_VIEWS = 1000;
/** A page of so many. */
export async function page(desk: AtDesk, view: View, now: Date, limit: number): Promise<Found> {
  const is = await conditions(desk, view, now);
  if (!is) return NOTHING;
  const { sort, after: _, ...filters } = view;
  const key = JSON.stringify([desk.vendors, filters, sort === "waiting"]);
  processWide.vestibuleMany ??= new Map();
  const many = processWide.vestibuleMany;
  if ((many.get(key) ?? 0) <= now.getTime()) {
    const few = await read(is, view, true, now, limit);
    if (few.matches <= COUNTED) return few;
    if (many.size >= MANY_VIEWS) many.clear();
    many.set(key, now.getTime() + MANY_MS);
  }
  const found = await read(is, view, false, now, limit);
  if (found.next || view.after) return found;
  // Not many any more: this page has them all.
  many.delete(key);
  return { ...found, matches: found.items.length };
}

/** A page of the board, and how many match in all, up to a thousand. */
export async function list(support: AtDesk, view: View, now: Date): Promise<Found & { isMore: boolean }> {
  const found = await page(support, view, now, PAGE);
  return { ...found, matches: Math.min(found.matches, COUNTED), isMore: found.matches > COUNTED };
}

const AT_ONCE = 1000;
/** All that matches, a thousand at a time: whoever takes them slowly makes nothing pile up. */
export async function* all(support: AtDesk, view: View, now: Date): AsyncGenerator<ListItem[]> {
  let after: View["after"] = null;
  do {
    const { items, next } = await page(support, { ...view, after }, now, AT_ONCE);
    yield items;
    after = next;
  } while (after);
}

/** The products that are theirs. */
export const products = (support: AtDesk): Manifest[] => listProducts().filter(({ vendor }) => isOwn(support, vendor.id));

/**
 * Changes whenever one of their onboardings does, but for single calls to Graph. The open boards of one process share an
 * answer for a quarter of a second, unless it was asked for before `since` (ms since 1970).
 */
export function version(desk: AtDesk, since?: number): Promise<string> {
  processWide.vestibuleVersions ??= keptFor<string>(250);
  const ask = async () => {
    const own = ownOf(desk);
    const is = own ? sql`WHERE ${own}` : empty;
    const [row] = await db().$queryRaw<{ version: string | null }[]>`
      SELECT concat_ws('.', (SELECT max("id") FROM "StatusChange"), o."headSeq", extract(epoch FROM o."lastEventAt")) AS version
      FROM "Onboarding" o ${is} ORDER BY o."lastEventAt" DESC, o."id" DESC LIMIT 1`;
    return row?.version ?? "";
  };
  return processWide.vestibuleVersions(JSON.stringify(desk.vendors), ask, since);
}

export type Detail = Onboarding & { records: audit.AuditRecord[] };

/** One onboarding with its whole trail. */
export async function find(support: AtDesk, id: string, now: Date): Promise<Detail | null> {
  const found = await findForSupport(support, id, now);
  return found && { ...found, records: await audit.list(found) };
}
