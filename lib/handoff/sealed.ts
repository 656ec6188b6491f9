/**
 * What is sealed, in rows of its own, and the statements that take it out of the database: nothing else reads or deletes
 * it. Around what the link's key sealed lies the portal's own lock.
 */
import { randomBytes } from "node:crypto";
import * as audit from "../audit/audit.ts";
import type { Actor, AuditEvent, Challenge, Seen } from "../audit/events.ts";
import { moved } from "../changes.ts";
import { db, Prisma, type Transaction } from "../db.ts";
import { isWrappedWithCurrent, unwrapDataKey, wrapDataKey } from "../key-ring.ts";
import { seal, unseal } from "../secret.ts";

const { sql } = Prisma;
const CONTACT: Actor = { kind: "contact" };
/** For the link's holder, or for the vendor's own system. */
type Scheme = "v1" | "jwe";
export type State = "pending" | "revealed" | "expired" | "revoked" | "locked";
/** One registration as it leaves: sealed with the link's key, or as a JWE. */
export type SealedPart = { part: string; boundTo: string; inner: string };

/** The outer lock: the portal's own key around what is sealed already. */
async function wrapped(inner: Buffer, boundTo: string) {
  const dataKey = randomBytes(32);
  try {
    const wrappedKey = await wrapDataKey(dataKey, boundTo);
    return { outer: Uint8Array.from(seal(dataKey, inner, boundTo)), wrappedKey };
  } finally {
    dataKey.fill(0);
  }
}

/** Keeps a part; sealing the same registration again replaces it. */
export async function keep(
  tx: Transaction,
  handoffId: string,
  part: string,
  scheme: Scheme,
  inner: Buffer,
  boundTo: string,
): Promise<void> {
  const { outer, wrappedKey } = await wrapped(inner, boundTo);
  await tx.$executeRaw`
    INSERT INTO "HandoffCipher" ("handoffId", "part", "scheme", "boundTo", "outer", "wrappedKey")
    VALUES (${handoffId}::uuid, ${part}, ${scheme}, ${boundTo}, ${outer}, ${wrappedKey})
    ON CONFLICT ("handoffId", "part", "scheme") DO UPDATE SET
      "boundTo" = excluded."boundTo", "outer" = excluded."outer", "wrappedKey" = excluded."wrappedKey"`;
}

/** Takes the link's own values away, where only the vendor's system is to have them. */
export const keepForMachine = (tx: Transaction, handoffId: string) => tx.handoffCipher.deleteMany({ where: { handoffId, scheme: "v1" } });

/** What a claim needs to know before: the head of the record, and the wrapped key of each part. */
export type Reading = audit.Head & { parts: { part: string; boundTo: string; wrappedKey: string }[] | null };
/** Columns of a `Reading`, in a query over `"Handoff" h` and `"Onboarding" o`. */
export const readingOf = (scheme: Scheme) => sql`
  o."vendorId", o."headSeq", o."headHash", o."state" AS "progress",
  (SELECT jsonb_agg(jsonb_build_object('part', c."part", 'boundTo', c."boundTo", 'wrappedKey', encode(c."wrappedKey", 'base64')))
   FROM "HandoffCipher" c WHERE c."handoffId" = h."id" AND c."scheme" = ${scheme}) AS "parts"`;
/** What the claimant has shown: the link's proof and the challenge that was met, with what it was checked against; or that it is the vendor's system. */
export type Shown = { proofHash: Uint8Array; challenge: Challenge; verifier: Uint8Array | null } | "machine";
const bytes = (value: Uint8Array | null) => value && Uint8Array.from(value);
/** Whose head moved between reading and claiming reads again; so many writers at once no onboarding has. */
const CLAIMS_AT_MOST = 100;

/**
 * The claim, for every way that leads to the values. One statement moves the handoff from pending to revealed, takes the
 * ciphertext out of the database and writes the record; whoever it returns rows to is the only reader. The portal's keys
 * are fetched before, so that a failure there burns nothing. A challenge that was met counts for the verifier that it was
 * met with, and no newer one. Null: somebody else was first, or it is over.
 */
export async function claim(
  { id, onboardingId, shown, seen }: { id: string; onboardingId: string; shown: Shown; seen?: Seen },
  now: Date,
  first?: Reading,
): Promise<SealedPart[] | null> {
  const isMachine = shown === "machine";
  const scheme: Scheme = isMachine ? "jwe" : "v1";
  const isClaimable = isMachine
    ? sql`"heldKey" IS NULL`
    : sql`"proofHash" = ${bytes(shown.proofHash)} AND "challenge" = ${shown.challenge} AND "verifier" IS NOT DISTINCT FROM ${bytes(shown.verifier)}::bytea`;
  const isOpen = sql`h."id" = ${id}::uuid AND h."state" = 'pending' AND h."expiresAt" > now() AND ${isClaimable}`;
  const event: AuditEvent = {
    type: "handoff.revealed",
    detail: { handoffId: id, ...(isMachine ? { how: "machine" as const } : {}), ...(seen ? { seen } : {}) },
  };
  for (let time = 0; time < CLAIMS_AT_MOST; time++) {
    const [read] =
      first && time === 0
        ? [first]
        : await db().$queryRaw<Reading[]>`
            SELECT ${readingOf(scheme)} FROM "Handoff" h JOIN "Onboarding" o ON o."id" = h."onboardingId" WHERE ${isOpen}`;
    if (!read?.parts) return null;
    const keys = new Map<string, Buffer>();
    try {
      for (const { part, boundTo, wrappedKey } of read.parts)
        keys.set(part, await unwrapDataKey(Buffer.from(wrappedKey, "base64"), boundTo));
      const { ctes } = audit.appending(read, onboardingId, CONTACT, now, [event], "won");
      const rows = await db().$queryRaw<{ part: string; boundTo: string; outer: Uint8Array }[]>`
        WITH head AS (SELECT 1 FROM "Onboarding" WHERE "id" = ${onboardingId}::uuid AND "headHash" = ${read.headHash} FOR UPDATE),
             won AS (UPDATE "Handoff" h SET "state" = 'revealed', "revealedAt" = now(), "heldKey" = NULL, "verifier" = NULL
                     WHERE ${isOpen} AND EXISTS (SELECT 1 FROM head) RETURNING "id"),
             gone AS (DELETE FROM "HandoffCipher" c USING won WHERE c."handoffId" = won."id"
                      RETURNING c."scheme", c."part", c."boundTo", c."outer"),
             ${ctes}
        SELECT "part", "boundTo", "outer" FROM gone WHERE "scheme" = ${scheme} ORDER BY "part"`;
      if (rows.length > 0) {
        moved(onboardingId, read.vendorId);
        return rows.map(({ part, boundTo, outer }) => {
          const inner = unseal(keys.get(part)!, outer, boundTo);
          return { part, boundTo, inner: isMachine ? inner.toString() : inner.toString("base64url") };
        });
      }
    } finally {
      for (const key of keys.values()) key.fill(0);
    }
  }
  throw new Error(`The trail of onboarding ${onboardingId} moves too fast to claim a handoff`);
}

/**
 * Ends a pending handoff and takes its ciphertext away, in one statement: it races a reveal safely, one of them wins. Like
 * a claim it locks the onboarding first, so that the two cannot wait for each other.
 */
export async function end(
  tx: Transaction,
  actor: Actor,
  id: string,
  state: Exclude<State, "pending" | "revealed">,
  event: AuditEvent,
  now: Date,
): Promise<{ onboardingId: string; removes: boolean } | null> {
  const [ended] = await tx.$queryRaw<{ onboardingId: string; removes: boolean }[]>`
    WITH head AS (SELECT 1 FROM "Onboarding" WHERE "id" = (SELECT "onboardingId" FROM "Handoff" WHERE "id" = ${id}::uuid) FOR UPDATE),
         ended AS (UPDATE "Handoff" SET "state" = ${state}, "heldKey" = NULL, "verifier" = NULL
                   WHERE "id" = ${id}::uuid AND "state" = 'pending' AND (${state} <> 'expired' OR "expiresAt" <= now())
                     AND EXISTS (SELECT 1 FROM head)
                   RETURNING "id", "onboardingId", "removes"),
         gone AS (DELETE FROM "HandoffCipher" c USING ended WHERE c."handoffId" = ended."id")
    SELECT "onboardingId", "removes" FROM ended`;
  if (!ended) return null;
  await audit.record(tx, ended.onboardingId, actor, now, event);
  return ended;
}

/** Ids of the ring's keys that pending handoffs need. */
export async function ringKeysInUse(): Promise<string[]> {
  const rows = await db().$queryRaw<{ id: string }[]>`
    SELECT DISTINCT convert_from(substring("wrappedKey" FROM 1 FOR position('\\x3a'::bytea IN "wrappedKey") - 1), 'UTF8') AS id
    FROM "HandoffCipher" JOIN "Handoff" ON "Handoff"."id" = "handoffId" WHERE "state" = 'pending'`;
  return rows.map(({ id }) => id).filter((id) => !id.includes("/"));
}

/** Wraps the data keys of pending handoffs anew with the key that is current now. Returns how many needed it. */
export async function rewrap(): Promise<number> {
  const rows = await db().handoffCipher.findMany({
    where: { handoff: { state: "pending" } },
    select: { handoffId: true, part: true, scheme: true, boundTo: true, wrappedKey: true },
  });
  let changed = 0;
  for (const { boundTo: bound, wrappedKey, ...key } of rows) {
    if (await isWrappedWithCurrent(wrappedKey)) continue;
    const dataKey = await unwrapDataKey(wrappedKey, bound);
    const { count } = await db().handoffCipher.updateMany({
      where: { ...key, wrappedKey },
      data: { wrappedKey: await wrapDataKey(dataKey, bound) },
    });
    dataKey.fill(0);
    changed += count;
  }
  return changed;
}
