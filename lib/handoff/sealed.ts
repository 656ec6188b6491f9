/**
 * What is sealed, in rows of its own, and the statements that take it out of the database: nothing else reads or deletes
 * it. Around what the link's key sealed lies the portal's own lock.
 */
import { randomBytes } from "node:crypto";
import * as audit from "../audit/audit.ts";
import type { Actor, AuditEvent, Challenge, Seen } from "../audit/events.ts";
import { db, type Transaction } from "../db.ts";
import { isWrappedWithCurrent, unwrapDataKey, wrapDataKey } from "../key-ring.ts";
import { seal, unseal } from "../secret.ts";

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
    return { boundTo, outer: Uint8Array.from(seal(dataKey, inner, boundTo)), wrappedKey };
  } finally {
    dataKey.fill(0);
  }
}

async function openOuter(row: { outer: Uint8Array; wrappedKey: Uint8Array; boundTo: string }): Promise<Buffer> {
  const dataKey = await unwrapDataKey(row.wrappedKey, row.boundTo);
  try {
    return unseal(dataKey, row.outer, row.boundTo);
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
  const data = await wrapped(inner, boundTo);
  await tx.handoffCipher.upsert({
    where: { handoffId_part_scheme: { handoffId, part, scheme } },
    create: { handoffId, part, scheme, ...data },
    update: data,
    select: { part: true },
  });
}

/** Takes the link's own values away, where only the vendor's system is to have them. */
export const keepForMachine = (tx: Transaction, handoffId: string) => tx.handoffCipher.deleteMany({ where: { handoffId, scheme: "v1" } });

type Row = { scheme: Scheme; part: string; boundTo: string; outer: Uint8Array; wrappedKey: Uint8Array };
/** What the claimant has shown: the link's proof and the challenge that was met, with what it was checked against; or that it is the vendor's system. */
export type Shown = { proofHash: Uint8Array; challenge: Challenge; verifier: Uint8Array | null } | "machine";

/**
 * The claim, for every way that leads to the values. One statement moves the handoff from pending to revealed and takes the
 * ciphertext out of the database; whoever it returns rows to is the only reader. The outer lock is opened inside the same
 * transaction, so that a failure there burns nothing. A challenge that was met counts for the verifier that it was met
 * with, and no newer one. Null: somebody else was first, or it is over.
 */
export async function claim(
  { id, onboardingId, shown, seen }: { id: string; onboardingId: string; shown: Shown; seen?: Seen },
  now: Date,
): Promise<SealedPart[] | null> {
  const isMachine = shown === "machine";
  const { proofHash, challenge, verifier } = isMachine ? { proofHash: null, challenge: null, verifier: null } : shown;
  const bytes = (value: Uint8Array | null) => value && Uint8Array.from(value);
  return db().$transaction(async (tx) => {
    const rows = await tx.$queryRaw<Row[]>`
      WITH won AS (UPDATE "Handoff" SET "state" = 'revealed', "revealedAt" = now(), "heldKey" = NULL, "verifier" = NULL
                   WHERE "id" = ${id}::uuid AND "state" = 'pending' AND "expiresAt" > now()
                     AND CASE WHEN ${isMachine} THEN "heldKey" IS NULL
                         ELSE "proofHash" = ${bytes(proofHash)}::bytea AND "challenge" = ${challenge}::text
                              AND "verifier" IS NOT DISTINCT FROM ${bytes(verifier)}::bytea END
                   RETURNING "id"),
           gone AS (DELETE FROM "HandoffCipher" c USING won WHERE c."handoffId" = won."id"
                    RETURNING c."scheme", c."part", c."boundTo", c."outer", c."wrappedKey")
      SELECT gone.* FROM gone ORDER BY gone."part"`;
    if (rows.length === 0) return null;
    const opened: SealedPart[] = [];
    for (const row of rows.filter(({ scheme }) => scheme === (isMachine ? "jwe" : "v1"))) {
      const inner = await openOuter(row);
      opened.push({ part: row.part, boundTo: row.boundTo, inner: isMachine ? inner.toString() : inner.toString("base64url") });
    }
    await audit.record(tx, onboardingId, CONTACT, now, {
      type: "handoff.revealed",
      detail: { handoffId: id, ...(isMachine ? { how: "machine" as const } : {}), ...(seen ? { seen } : {}) },
    });
    return opened;
  });
}

/** Ends a pending handoff and takes its ciphertext away, in one statement: it races a reveal safely, one of them wins. */
export async function end(
  tx: Transaction,
  actor: Actor,
  id: string,
  state: Exclude<State, "pending" | "revealed">,
  event: AuditEvent,
  now: Date,
): Promise<{ onboardingId: string; removes: boolean } | null> {
  const [ended] = await tx.$queryRaw<{ onboardingId: string; removes: boolean }[]>`
    WITH ended AS (UPDATE "Handoff" SET "state" = ${state}, "heldKey" = NULL, "verifier" = NULL
                   WHERE "id" = ${id}::uuid AND "state" = 'pending' AND (${state} <> 'expired' OR "expiresAt" <= now())
                   RETURNING "id", "onboardingId", "removes"),
         gone AS (DELETE FROM "HandoffCipher" c USING ended WHERE c."handoffId" = ended."id")
    SELECT "onboardingId", "removes" FROM ended`;
  if (!ended) return null;
  await audit.record(tx, ended.onboardingId, actor, now, event);
  return ended;
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
