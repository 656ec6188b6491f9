/**
 * The record of everything that happened in an onboarding. It only grows: the database refuses UPDATE and DELETE,
 * and each record carries the hash of the one before it in the same onboarding. The onboarding's status columns are
 * folded from the record in the same transaction, so neither can say what the other does not.
 */
import { createHash } from "node:crypto";
import { moved } from "../changes.ts";
import { db, Prisma, type Transaction } from "../db.ts";
import type { Found } from "../proof.ts";
import { searchWords } from "../search.ts";
import { type CheckpointFault, firstCheckpointFault, inclusionOf } from "./checkpoint.ts";
import type { Actor, AuditEvent } from "./events.ts";
import { STAGES } from "./stages.ts";
import { fold, nothingYet, type Progress, standing } from "./status.ts";

const { sql, raw, join, empty } = Prisma;

export type AuditRecord = {
  seq: number;
  at: Date;
  type: string;
  actor: Actor;
  detail: Record<string, unknown>;
  prevHash: string;
  hash: string;
};

/** The folded columns of an onboarding that has no record yet. The first record follows the onboarding's id. */
export function beginning(id: string, now: Date) {
  const { status, waitingFor } = standing(nothingYet, now);
  return {
    status,
    waitingFor,
    waitingSince: now,
    lastEvent: "onboarding.created",
    lastEventAt: now,
    state: { ...nothingYet },
    headSeq: 0,
    headHash: id,
  };
}

/** JSON with sorted keys, so that a hash does not depend on how the database stores an object. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object")
    return `{${Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`)
      .join(",")}}`;
  return JSON.stringify(value);
}

/** SHA-256 over the previous hash and the record's own content; the first record follows the onboarding's id. */
const hashOf = (onboardingId: string, prevHash: string, record: Pick<AuditRecord, "seq" | "at" | "type" | "actor" | "detail">) =>
  createHash("sha256")
    .update(
      canonical({
        onboardingId,
        prevHash,
        seq: record.seq,
        at: record.at.toISOString(),
        type: record.type,
        actor: record.actor,
        detail: record.detail,
      }),
    )
    .digest("hex");

/** When the first of its secrets ends. */
function firstEnd({ registrations }: Progress): Date | null {
  const [first] = Object.values(registrations)
    .flatMap(({ secretEndsAt }) => (secretEndsAt ? [secretEndsAt] : []))
    .sort();
  return first ? new Date(first) : null;
}

/** The ids that support searches by. */
const idWords = ({ signedIn, registrations }: Progress) =>
  searchWords(signedIn?.tenantId ?? "", ...Object.values(registrations).map(({ appId }) => appId ?? ""));

const STAGE_COLUMNS = raw(STAGES.map((stage) => `"${stage}"`).join(", "));

/** The end of one onboarding's trail, as it was read. */
export type Head = { vendorId: string; headSeq: number; headHash: string; progress: Progress };

/**
 * The CTEs that append events to a trail whose head was read before, for a statement of somebody else's: `gate` names a CTE
 * that has a row exactly when the events are to be written. The caller makes sure that the head is still the same, under
 * the lock of the onboarding's row.
 */
export function appending(
  { vendorId, headSeq, headHash, progress: before }: Head,
  onboardingId: string,
  actor: Actor,
  at: Date,
  events: readonly AuditEvent[],
  gate: string,
): { ctes: Prisma.Sql; head: Head } {
  let seq = headSeq;
  let hash = headHash;
  let state = before;
  const rows: object[] = [];
  for (const event of events) {
    const prevHash = hash;
    seq += 1;
    const detail = JSON.parse(JSON.stringify(event.detail)) as Record<string, unknown>;
    const row = { seq, at, type: event.type, actor: { ...actor }, detail };
    hash = hashOf(onboardingId, prevHash, row);
    rows.push({ ...row, prevHash, hash });
    state = fold(state, event, actor, at.toISOString());
  }
  const { status, waitingFor, since } = standing(state, at);
  const ids = idWords(state);
  const times = STAGES.map((stage) => (state.reached?.[stage] ? new Date(state.reached[stage]) : null));
  const went =
    JSON.stringify(state.reached) === JSON.stringify(before.reached)
      ? empty
      : sql`, went AS (
      INSERT INTO "Journey" ("onboardingId", "vendorId", "productId", ${STAGE_COLUMNS})
      SELECT o."id", o."vendorId", o."productId", ${join(times.map((time) => sql`${time}::timestamptz`))}
      FROM ${raw(gate)}, "Onboarding" o WHERE o."id" = ${onboardingId}::uuid
      ON CONFLICT ("onboardingId") DO UPDATE SET ${join(STAGES.map((stage) => raw(`"${stage}" = excluded."${stage}"`)))})`;
  const changed = sql`, told AS (
      INSERT INTO "StatusChange" ("onboardingId", "vendorId", "at", "seq", "before", "status", "waitingFor")
      SELECT o."id", o."vendorId", ${at}, ${seq}, o."status", ${status}, ${waitingFor} FROM ${raw(gate)}, "Onboarding" o
      WHERE o."id" = ${onboardingId}::uuid AND (o."status" <> ${status} OR o."headSeq" = 0))`;
  // A Graph call is a detail of a step; the list shows the step.
  const latest = events.findLast(({ type }) => type !== "graph.called" && type !== "graph.calling");
  const ctes = sql`
    kept AS (
      INSERT INTO "AuditEvent" ("onboardingId", "seq", "at", "type", "actor", "detail", "prevHash", "hash")
      SELECT ${onboardingId}::uuid, r."seq", r."at", r."type", r."actor", r."detail", r."prevHash", r."hash"
      FROM ${raw(gate)}, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        AS r("seq" int, "at" timestamptz, "type" text, "actor" jsonb, "detail" jsonb, "prevHash" text, "hash" text)),
    moved AS (
      UPDATE "Onboarding" SET
        "headSeq" = ${seq}, "headHash" = ${hash}, "state" = ${JSON.stringify(state)}::jsonb, "status" = ${status},
        "waitingFor" = ${waitingFor}, "waitingSince" = ${new Date(since)}, "tenantId" = ${state.signedIn?.tenantId ?? null},
        "credentialEndsAt" = ${firstEnd(state)}, "words" = CASE WHEN "words" @> ${ids}::text[] THEN "words" ELSE "words" || ${ids}::text[] END, "lastEvent" = coalesce(${latest?.type ?? null}, "lastEvent"),
        "lastEventAt" = CASE WHEN ${latest !== undefined} THEN ${at} ELSE "lastEventAt" END
      FROM ${raw(gate)} WHERE "Onboarding"."id" = ${onboardingId}::uuid)${changed}${went}`;
  return { ctes, head: { vendorId, headSeq: seq, headHash: hash, progress: state } };
}

/**
 * Appends events to one onboarding's trail and moves its status along. Locks the onboarding's row, so that two
 * writers follow each other. Returns the progress afterwards.
 */
export async function record(tx: Transaction, onboardingId: string, actor: Actor, at: Date, ...events: AuditEvent[]): Promise<Progress> {
  const [head] = await tx.$queryRaw<Head[]>`
    SELECT "vendorId", "headSeq", "headHash", "state" AS "progress" FROM "Onboarding" WHERE "id" = ${onboardingId}::uuid FOR UPDATE`;
  if (!head) throw new Error(`No onboarding ${onboardingId} to record into`);
  const { ctes, head: after } = appending(head, onboardingId, actor, at, events, "always");
  await tx.$executeRaw`WITH always AS (SELECT 1), ${ctes} SELECT 1`;
  moved(onboardingId, head.vendorId, tx);
  return after.progress;
}

/** The end of a trail as it is now, for `recordAfter`. */
export async function headOf(onboardingId: string): Promise<Head> {
  const [head] = await db().$queryRaw<Head[]>`
    SELECT "vendorId", "headSeq", "headHash", "state" AS "progress" FROM "Onboarding" WHERE "id" = ${onboardingId}::uuid`;
  if (!head) throw new Error(`No onboarding ${onboardingId} to record into`);
  return head;
}

/**
 * The same as `record` by one statement of its own, for whoever writes often: it is tried on the end of the trail that they
 * know (null: none), and on the end as it is when somebody else wrote meanwhile. Returns the new end.
 */
export async function recordAfter(
  known: Head | null,
  onboardingId: string,
  actor: Actor,
  at: Date,
  events: readonly AuditEvent[],
): Promise<Head> {
  for (let last = known; ; last = null) {
    const read = last ?? (await headOf(onboardingId));
    const { ctes, head } = appending(read, onboardingId, actor, at, events, "same");
    const written = await db().$queryRaw<object[]>`
      WITH same AS (SELECT 1 AS is FROM "Onboarding" WHERE "id" = ${onboardingId}::uuid AND "headHash" = ${read.headHash} FOR UPDATE),
      ${ctes} SELECT "is" FROM same`;
    if (written.length === 0) continue;
    moved(onboardingId, head.vendorId);
    return head;
  }
}

/** The whole trail of one onboarding, oldest first. */
export async function list({ id: onboardingId }: Found): Promise<AuditRecord[]> {
  const rows = await db().auditEvent.findMany({
    where: { onboardingId },
    orderBy: { seq: "asc" },
    select: { seq: true, at: true, type: true, actor: true, detail: true, prevHash: true, hash: true },
  });
  return rows as unknown as AuditRecord[];
}

/** The trail of one onboarding, with what proves it to somebody who has neither the database nor the portal (docs/audit.md). */
export async function exported(found: Found, about: { product: string; customer: string }) {
  const [records, inclusion] = await Promise.all([list(found), inclusionOf(found)]);
  return { format: "vestibule record v1", onboarding: found.id, ...about, records, inclusion };
}

export type Verdict =
  | { ok: true; onboardings: number; records: number; checkpoints: number }
  | { ok: false; onboardingId: string; seq: number; reason: string }
  | ({ ok: false } & CheckpointFault);

/** As many onboardings are proven with one statement. */
const AT_ONCE = 200;
type Link = AuditRecord & { onboardingId: string; headSeq: number; headHash: string };

/**
 * Proves every chain: order without gaps, each hash, and that the last record is the one the onboarding points at; and every
 * checkpoint: that it is as it was signed, and that what it names is still there. May run while the portal writes: a chain
 * and its head are read with one statement, so both are of the same moment. `trusted`: the keys that may have signed.
 */
export async function verify(client = db(), trusted?: readonly string[]): Promise<Verdict> {
  const { fault, checkpoints } = await firstCheckpointFault(client, trusted);
  if (fault) return { ok: false, ...fault };
  let records = 0;
  let onboardings = 0;
  for (let after = "00000000-0000-0000-0000-000000000000"; ; ) {
    const links = await client.$queryRaw<Link[]>`
      SELECT o."id" AS "onboardingId", o."headSeq", o."headHash", coalesce(e."seq", 0) AS "seq", e."at", e."type", e."actor",
        e."detail", e."prevHash", e."hash"
      FROM (SELECT "id", "headSeq", "headHash" FROM "Onboarding" WHERE "id" > ${after}::uuid ORDER BY "id" LIMIT ${AT_ONCE}) o
      LEFT JOIN "AuditEvent" e ON e."onboardingId" = o."id" ORDER BY o."id", e."seq"`;
    const chains = Map.groupBy(links, ({ onboardingId }) => onboardingId);
    for (const [id, chain] of chains) {
      const fault = faultOf(id, chain);
      if (fault) return { ok: false, onboardingId: id, ...fault };
      records += chain[0]!.headSeq;
    }
    onboardings += chains.size;
    if (chains.size < AT_ONCE) return { ok: true, onboardings, records, checkpoints };
    after = [...chains.keys()].at(-1)!;
  }
}

/** The first record of one onboarding's chain that cannot be as it was written. */
function faultOf(id: string, chain: readonly Link[]): { seq: number; reason: string } | undefined {
  let prevHash = id;
  let seq = 0;
  for (const link of chain.filter((each) => each.seq > 0)) {
    seq += 1;
    const broken = (reason: string) => ({ seq: link.seq, reason });
    if (link.seq !== seq) return broken(`record ${seq} is missing`);
    if (link.prevHash !== prevHash) return broken("it does not follow the record before it");
    if (link.hash !== hashOf(id, prevHash, link)) return broken("its content is not what was written");
    prevHash = link.hash;
  }
  const { headSeq, headHash } = chain[0]!;
  return seq === headSeq && prevHash === headHash ? undefined : { seq: seq + 1, reason: "records are missing at the end" };
}
