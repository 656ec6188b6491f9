/**
 * The record of everything that happened in an onboarding. It only grows: the database refuses UPDATE and DELETE,
 * and each record carries the hash of the one before it in the same onboarding. The onboarding's status columns are
 * folded from the record in the same transaction, so neither can say what the other does not.
 */
import { createHash } from "node:crypto";
import { db, type Prisma, type Transaction } from "../db.ts";
import type { Actor, AuditEvent } from "./events.ts";
import { fold, nothingYet, type Progress, standing } from "./status.ts";

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

/**
 * Appends events to one onboarding's trail and moves its status along. Locks the onboarding's row, so that two
 * writers follow each other. Returns the progress afterwards.
 */
export async function record(tx: Transaction, onboardingId: string, actor: Actor, at: Date, ...events: AuditEvent[]): Promise<Progress> {
  const [head] = await tx.$queryRaw<{ headSeq: number; headHash: string; state: Progress }[]>`
    SELECT "headSeq", "headHash", "state" FROM "Onboarding" WHERE "id" = ${onboardingId}::uuid FOR UPDATE`;
  if (!head) throw new Error(`No onboarding ${onboardingId} to record into`);
  let { headSeq: seq, headHash: hash, state } = head;
  const rows: Prisma.AuditEventCreateManyInput[] = [];
  for (const event of events) {
    const prevHash = hash;
    seq += 1;
    const detail = JSON.parse(JSON.stringify(event.detail)) as Prisma.InputJsonObject;
    const row = { seq, at, type: event.type, actor: { ...actor }, detail };
    hash = hashOf(onboardingId, prevHash, { ...row, actor, detail });
    rows.push({ onboardingId, prevHash, hash, ...row });
    state = fold(state, event, actor, at.toISOString());
  }
  await tx.auditEvent.createMany({ data: rows });
  const { status, waitingFor, since } = standing(state, at);
  // A Graph call is a detail of a step; the list shows the step.
  const latest = events.findLast(({ type }) => type !== "graph.called" && type !== "graph.calling");
  await tx.onboarding.update({
    where: { id: onboardingId },
    data: {
      headSeq: seq,
      headHash: hash,
      state: JSON.parse(JSON.stringify(state)),
      status,
      waitingFor,
      waitingSince: new Date(since),
      tenantId: state.signedIn?.tenantId ?? null,
      credentialEndsAt: firstEnd(state),
      ...(latest ? { lastEvent: latest.type, lastEventAt: at } : {}),
    },
    select: { id: true },
  });
  return state;
}

/** The whole trail of one onboarding, oldest first. */
export async function list(onboardingId: string): Promise<AuditRecord[]> {
  const rows = await db().auditEvent.findMany({
    where: { onboardingId },
    orderBy: { seq: "asc" },
    select: { seq: true, at: true, type: true, actor: true, detail: true, prevHash: true, hash: true },
  });
  return rows as unknown as AuditRecord[];
}

export type Verdict = { ok: true; onboardings: number; records: number } | { ok: false; onboardingId: string; seq: number; reason: string };

/** Proves every chain: order without gaps, each hash, and that the last record is the one the onboarding points at. */
export async function verify(client = db()): Promise<Verdict> {
  let records = 0;
  const heads = await client.onboarding.findMany({ select: { id: true, headSeq: true, headHash: true }, orderBy: { id: "asc" } });
  for (const { id, headSeq, headHash } of heads) {
    let prevHash = id;
    let seq = 0;
    for (const row of (await client.auditEvent.findMany({
      where: { onboardingId: id },
      orderBy: { seq: "asc" },
    })) as unknown as AuditRecord[]) {
      seq += 1;
      records += 1;
      const broken = (reason: string): Verdict => ({ ok: false, onboardingId: id, seq: row.seq, reason });
      if (row.seq !== seq) return broken(`record ${seq} is missing`);
      if (row.prevHash !== prevHash) return broken("it does not follow the record before it");
      if (row.hash !== hashOf(id, prevHash, row)) return broken("its content is not what was written");
      prevHash = row.hash;
    }
    if (seq !== headSeq || prevHash !== headHash)
      return { ok: false, onboardingId: id, seq: seq + 1, reason: "records are missing at the end" };
  }
  return { ok: true, onboardings: heads.length, records };
}
