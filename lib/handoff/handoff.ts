/**
 * Passes what was provisioned to a vendor's contact, once.
 *
 * Two locks: the payload is sealed with a key that only the link's fragment holds, and again with the portal's own
 * key. The database keeps the outer ciphertext until it is revealed and nothing afterwards; of the link it knows
 * only a digest of a proof. Revealing is a POST; one statement decides who gets it. Never logs a link, key or proof.
 */
import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import * as audit from "../audit/audit.ts";
import type { Actor } from "../audit/events.ts";
import { config } from "../config.ts";
import { db, type Transaction } from "../db.ts";
import { openWithRing, sealWithRing } from "../key-ring.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import { deriveKey, seal, sha256, unseal } from "../secret.ts";

const CONTACT: Actor = { kind: "contact" };
const PORTAL: Actor = { kind: "portal" };

/** What one registration hands over. `secretValue` is null where the product needs none. */
export type Payload = {
  displayName: string;
  applicationId: string;
  secretValue: string | null;
  secretEndsAt: string | null;
  certificateThumbprint?: string;
  federatedSubject?: string;
  redirectUris?: readonly string[];
  tenantName: string;
  tenantId: string;
};

/** Unknown, malformed, foreign and wrongly proved look alike to a stranger. */
const NOT_YOURS = {
  code: "handoff.not-found",
  status: 404,
  message: "This link doesn't open anything. Ask the sender for a new one.",
} as const;
const GONE = { code: "handoff.gone", status: 410, message: "This link is used up or over. Ask the sender for a new one." } as const;
const NOT_HELD = {
  code: "handoff.not-held",
  status: 409,
  message:
    "This link was sealed in another browser session, and links are never stored. Issue a new credential here; the old one is removed.",
} as const;

const linkKeys = (linkKey: Uint8Array, id: string) => ({
  encryption: deriveKey(linkKey, Buffer.from(id), "handoff/v1/enc"),
  proof: deriveKey(linkKey, Buffer.from(id), "handoff/v1/proof"),
});
const isId = (id: string) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(id);

/** A handoff without content yet; `holdKey` comes from the admin's session cookie and is not stored. */
export async function create(
  tx: Transaction,
  admin: Actor,
  request: { onboardingId: string; holdKey: Buffer; expiresAt: Date },
  now: Date,
): Promise<string> {
  const id = randomUUID();
  const linkKey = randomBytes(32);
  const keys = linkKeys(linkKey, id);
  await tx.handoff.create({
    data: {
      id,
      onboardingId: request.onboardingId,
      state: "pending",
      createdAt: now,
      expiresAt: request.expiresAt,
      proofHash: Uint8Array.from(sha256(keys.proof)),
      heldKey: Uint8Array.from(seal(request.holdKey, linkKey, id)),
    },
    select: { id: true },
  });
  await audit.record(tx, request.onboardingId, admin, now, {
    type: "handoff.created",
    detail: { handoffId: id, expiresAt: request.expiresAt.toISOString() },
  });
  for (const key of [linkKey, keys.encryption, keys.proof]) key.fill(0);
  return id;
}

/** What a browser sealed itself, with a key that never came here. */
export type SealedElsewhere = { id: string; proofHash: string; parts: readonly SealedPart[] };
const BAD_SEAL = {
  code: "handoff.bad-seal",
  status: 422,
  message: "The sealed values did not arrive as they should. Reload the page and seal them again; nothing was kept.",
} as const;
const SEALED_AT_MOST = 64 * 1024;

/** A handoff whose values were sealed in the admin's browser: the link, and with it the key, is known there and nowhere else. */
export async function createSealed(
  tx: Transaction,
  admin: Actor,
  { id, proofHash, parts }: SealedElsewhere,
  about: { onboardingId: string; boundTo: Readonly<Record<string, string>>; expiresAt: Date },
  now: Date,
): Promise<Outcome<null, typeof BAD_SEAL>> {
  const hash = proofBytes(proofHash);
  const isFit =
    isId(id) &&
    hash !== null &&
    parts.length === Object.keys(about.boundTo).length &&
    new Set(parts.map(({ part }) => part)).size === parts.length &&
    parts.every(
      ({ part, boundTo, inner }) => about.boundTo[part] === boundTo && inner.length <= SEALED_AT_MOST && /^[\w-]{40,}$/.test(inner),
    );
  if (!isFit || (await tx.handoff.findUnique({ where: { id }, select: { id: true } }))) return refuse(BAD_SEAL);
  const { onboardingId, expiresAt } = about;
  await tx.handoff.create({
    data: { id, onboardingId, state: "pending", createdAt: now, expiresAt, proofHash: Uint8Array.from(hash) },
    select: { id: true },
  });
  for (const { part, boundTo, inner } of parts)
    await tx.handoffCipher.create({
      data: { handoffId: id, part, ...wrapped(Buffer.from(inner, "base64url"), boundTo) },
      select: { part: true },
    });
  await audit.record(tx, onboardingId, admin, now, {
    type: "handoff.created",
    detail: { handoffId: id, expiresAt: expiresAt.toISOString() },
  });
  return accept(null);
}

/** The outer lock: the portal's own key around what the link's key sealed. */
function wrapped(inner: Buffer, boundTo: string) {
  const dataKey = randomBytes(32);
  try {
    return { scheme: "v1", boundTo, outer: Uint8Array.from(seal(dataKey, inner, boundTo)), wrappedKey: sealWithRing(dataKey, boundTo) };
  } finally {
    dataKey.fill(0);
  }
}

/** What a sealed part is bound to: it opens for this handoff, tenant, application and registration, and no other. */
export const boundTo = (id: string, tenantId: string, applicationId: string, part: string) =>
  `handoff/v1|${id}|${tenantId}|${applicationId}|${part}`;

/** Whether this session can still add to the handoff and give its link out. */
export async function isHeld(id: string, holdKey: Buffer): Promise<boolean> {
  const row = await db().handoff.findUnique({ where: { id }, select: { heldKey: true, state: true } });
  if (!row?.heldKey || row.state !== "pending") return false;
  try {
    unseal(holdKey, row.heldKey, id).fill(0);
    return true;
  } catch {
    return false;
  }
}

/** Seals one registration into the handoff: first with the link's key, then with the portal's. */
export async function add(tx: Transaction, id: string, holdKey: Buffer, part: string, payload: Payload): Promise<void> {
  const row = await tx.handoff.findFirstOrThrow({ where: { id, state: "pending", heldKey: { not: null } }, select: { heldKey: true } });
  const linkKey = unseal(holdKey, row.heldKey!, id);
  const keys = linkKeys(linkKey, id);
  const bound = boundTo(id, payload.tenantId, payload.applicationId, part);
  const data = wrapped(seal(keys.encryption, JSON.stringify(payload), bound), bound);
  await tx.handoffCipher.upsert({
    where: { handoffId_part: { handoffId: id, part } },
    create: { handoffId: id, part, ...data },
    update: data,
    select: { part: true },
  });
  for (const key of [linkKey, keys.encryption, keys.proof]) key.fill(0);
}

function openOuter(row: { outer: Uint8Array; wrappedKey: Uint8Array; boundTo: string }): Buffer {
  const dataKey = openWithRing(row.wrappedKey, row.boundTo);
  try {
    return unseal(dataKey, row.outer, row.boundTo);
  } finally {
    dataKey.fill(0);
  }
}

/**
 * Gives the link out, once: it is the bearer of the credential and is not kept. The caller mails or shows it.
 */
export async function takeLink(id: string, holdKey: Buffer, now: Date): Promise<Outcome<string, typeof NOT_HELD | typeof GONE>> {
  const row = await db().handoff.findUnique({ where: { id }, select: { heldKey: true } });
  if (!row?.heldKey) return refuse(GONE);
  let linkKey: Buffer;
  try {
    linkKey = unseal(holdKey, row.heldKey, id);
  } catch {
    return refuse(NOT_HELD);
  }
  const { count } = await db().handoff.updateMany({
    where: { id, state: "pending", expiresAt: { gt: now }, heldKey: { not: null } },
    data: { heldKey: null },
  });
  if (count === 0) return refuse(GONE);
  const link = `${config().BASE_URL}/h/${id}#${linkKey.toString("base64url")}`;
  linkKey.fill(0);
  return accept(link);
}

/** The proof that a browser derives from the link's key, as it arrives: base64url. Null when it cannot be one. */
const proofBytes = (proof: unknown) => (typeof proof === "string" && /^[\w-]{43}$/.test(proof) ? Buffer.from(proof, "base64url") : null);

export type HandoffView = {
  state: "pending" | "revealed" | "expired" | "revoked";
  onboardingId: string;
  expiresAt: Date;
  revealedAt: Date | null;
};

/** What a holder of the link may know. Records the first opening; consumes nothing. */
export async function look(id: string, proof: unknown, now: Date): Promise<Outcome<HandoffView, typeof NOT_YOURS>> {
  const bytes = proofBytes(proof);
  if (!isId(id) || !bytes) return refuse(NOT_YOURS);
  const row = await db().handoff.findUnique({
    where: { id },
    select: { state: true, proofHash: true, expiresAt: true, revealedAt: true, onboardingId: true },
  });
  if (!row || !timingSafeEqual(sha256(bytes), Buffer.from(row.proofHash))) return refuse(NOT_YOURS);
  const state = row.state === "pending" && row.expiresAt <= now ? "expired" : (row.state as HandoffView["state"]);
  if (state === "pending") await recordFirstOpening(row.onboardingId, id, now);
  return accept({ state, onboardingId: row.onboardingId, expiresAt: row.expiresAt, revealedAt: row.revealedAt });
}

async function recordFirstOpening(onboardingId: string, handoffId: string, now: Date) {
  const { state } = await db().onboarding.findUniqueOrThrow({ where: { id: onboardingId }, select: { state: true } });
  if ((state as { handoff?: { state: string } }).handoff?.state !== "sent") return;
  await db().$transaction((tx) => audit.record(tx, onboardingId, CONTACT, now, { type: "handoff.opened", detail: { handoffId } }));
}

export type SealedPart = { part: string; boundTo: string; inner: string };

/**
 * The claim. One statement moves the handoff from pending to revealed and takes the ciphertext out of the database;
 * whoever it returns rows to is the only reader. The outer lock is opened inside the same transaction, so that a
 * failure there burns nothing.
 */
export async function reveal(id: string, proof: unknown, now: Date): Promise<Outcome<SealedPart[], typeof NOT_YOURS | typeof GONE>> {
  const bytes = proofBytes(proof);
  if (!isId(id) || !bytes) return refuse(NOT_YOURS);
  const proofHash = Uint8Array.from(sha256(bytes));
  const parts = await db().$transaction(async (tx) => {
    const rows = await tx.$queryRaw<{ onboardingId: string; part: string; boundTo: string; outer: Uint8Array; wrappedKey: Uint8Array }[]>`
      WITH won AS (UPDATE "Handoff" SET "state" = 'revealed', "revealedAt" = now(), "heldKey" = NULL
                   WHERE "id" = ${id}::uuid AND "state" = 'pending' AND "expiresAt" > now() AND "proofHash" = ${proofHash}
                   RETURNING "id", "onboardingId"),
           gone AS (DELETE FROM "HandoffCipher" c USING won WHERE c."handoffId" = won."id" RETURNING c."part", c."boundTo", c."outer", c."wrappedKey")
      SELECT won."onboardingId", gone.* FROM won, gone ORDER BY gone."part"`;
    const [first] = rows;
    if (!first) return null;
    const opened = rows.map((row) => ({ part: row.part, boundTo: row.boundTo, inner: openOuter(row).toString("base64url") }));
    await audit.record(tx, first.onboardingId, CONTACT, now, { type: "handoff.revealed", detail: { handoffId: id } });
    return opened;
  });
  if (parts) return accept(parts);
  const row = await db().handoff.findUnique({ where: { id }, select: { proofHash: true } });
  return row && timingSafeEqual(sha256(bytes), Buffer.from(row.proofHash)) ? refuse(GONE) : refuse(NOT_YOURS);
}

/** Ends a pending handoff and takes its ciphertext away; races a reveal safely, one of them wins. */
export async function revoke(tx: Transaction, actor: Actor, id: string, reason: string, now: Date): Promise<boolean> {
  const [ended] = await tx.$queryRaw<{ onboardingId: string }[]>`
    WITH ended AS (UPDATE "Handoff" SET "state" = 'revoked', "heldKey" = NULL WHERE "id" = ${id}::uuid AND "state" = 'pending' RETURNING "id", "onboardingId"),
         gone AS (DELETE FROM "HandoffCipher" c USING ended WHERE c."handoffId" = ended."id")
    SELECT "onboardingId" FROM ended`;
  if (!ended) return false;
  await audit.record(tx, ended.onboardingId, actor, now, { type: "handoff.revoked", detail: { handoffId: id, reason } });
  return true;
}

/** Ends what nobody opened in time. The server runs it once a minute. */
export async function sweep(now: Date): Promise<number> {
  const due = await db().handoff.findMany({ where: { state: "pending", expiresAt: { lte: now } }, select: { id: true }, take: 500 });
  let ended = 0;
  for (const { id } of due)
    await db().$transaction(async (tx) => {
      const [row] = await tx.$queryRaw<{ onboardingId: string }[]>`
        WITH ended AS (UPDATE "Handoff" SET "state" = 'expired', "heldKey" = NULL WHERE "id" = ${id}::uuid AND "state" = 'pending' AND "expiresAt" <= now() RETURNING "id", "onboardingId"),
             gone AS (DELETE FROM "HandoffCipher" c USING ended WHERE c."handoffId" = ended."id")
        SELECT "onboardingId" FROM ended`;
      if (!row) return;
      ended += 1;
      await audit.record(tx, row.onboardingId, PORTAL, now, { type: "handoff.expired", detail: { handoffId: id } });
    });
  return ended;
}
