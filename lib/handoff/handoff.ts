/**
 * Passes what was provisioned to a vendor's contact, once.
 *
 * Two locks: the payload is sealed with a key that only the link's fragment holds, and again with the portal's own
 * key. The database keeps the outer ciphertext until it is revealed and nothing afterwards; of the link it knows
 * only a digest of a proof. Before the claim comes a challenge that no scanner can answer. Revealing is a POST; one
 * statement decides who gets it. Never logs a link, key, proof, code or passphrase.
 */
import { randomBytes, randomUUID } from "node:crypto";
import * as audit from "../audit/audit.ts";
import type { Actor, HandoffTerms } from "../audit/events.ts";
import { config } from "../config.ts";
import { db, isUuid, type Transaction } from "../db.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import { deriveKey, seal, sha256, unseal } from "../secret.ts";
import { GONE, proofBytes } from "./holder.ts";
import { type MachineKey, sealToKey } from "./machine.ts";
import { claim, end, keep, keepForMachine, rewrap, ringKeysInUse, type SealedPart } from "./sealed.ts";
import { type BadTerms, settle, type Terms, termsOf } from "./terms.ts";

export type { SealedPart, Terms };
export { rewrap, ringKeysInUse };

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
  const proofHash = Uint8Array.from(sha256(keys.proof));
  const heldKey = Uint8Array.from(seal(request.holdKey, linkKey, id));
  await tx.$executeRaw`
    INSERT INTO "Handoff" ("id", "onboardingId", "state", "createdAt", "expiresAt", "proofHash", "heldKey")
    VALUES (${id}::uuid, ${request.onboardingId}::uuid, 'pending', ${now}, ${request.expiresAt}, ${proofHash}, ${heldKey})`;
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
  about: { onboardingId: string; boundTo: Readonly<Record<string, string>>; terms: Terms },
  now: Date,
): Promise<Outcome<HandoffTerms, typeof BAD_SEAL | BadTerms>> {
  const hash = proofBytes(proofHash);
  const isFit =
    isUuid(id) &&
    hash !== null &&
    parts.length === Object.keys(about.boundTo).length &&
    new Set(parts.map(({ part }) => part)).size === parts.length &&
    parts.every(
      ({ part, boundTo, inner }) => about.boundTo[part] === boundTo && inner.length <= SEALED_AT_MOST && /^[\w-]{40,}$/.test(inner),
    );
  if (!isFit || (await tx.handoff.findUnique({ where: { id }, select: { id: true } }))) return refuse(BAD_SEAL);
  const { onboardingId } = about;
  const settled = await settle(about.terms, now);
  if (!settled.ok) return settled;
  const { expiresAt } = settled.value;
  await tx.handoff.create({
    data: { id, onboardingId, state: "pending", createdAt: now, proofHash: Uint8Array.from(hash), ...settled.value },
    select: { id: true },
  });
  for (const { part, boundTo, inner } of parts) await keep(tx, id, part, "v1", Buffer.from(inner, "base64url"), boundTo);
  await audit.record(tx, onboardingId, admin, now, {
    type: "handoff.created",
    detail: { handoffId: id, expiresAt: expiresAt.toISOString() },
  });
  return accept(termsOf(settled.value));
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

/**
 * Seals one registration into the handoff: first with the link's key, then with the portal's. Where the vendor registered
 * a key of its own, the same values are sealed to that too, for its own system.
 */
export async function add(
  tx: Transaction,
  id: string,
  holdKey: Buffer,
  part: string,
  payload: Payload,
  machineKey: MachineKey | null = null,
): Promise<void> {
  const [row] = await tx.$queryRaw<{ heldKey: Uint8Array }[]>`
    SELECT "heldKey" FROM "Handoff" WHERE "id" = ${id}::uuid AND "state" = 'pending' AND "heldKey" IS NOT NULL`;
  if (!row) throw new Error(`Handoff ${id} takes no values any more`);
  const linkKey = unseal(holdKey, row.heldKey, id);
  const keys = linkKeys(linkKey, id);
  const bound = boundTo(id, payload.tenantId, payload.applicationId, part);
  try {
    await keep(tx, id, part, "v1", seal(keys.encryption, JSON.stringify(payload), bound), bound);
    if (machineKey) await keep(tx, id, part, "jwe", Buffer.from(await sealToKey(machineKey, { part, ...payload })), `${bound}|jwe`);
  } finally {
    for (const key of [linkKey, keys.encryption, keys.proof]) key.fill(0);
  }
}

/**
 * Gives the link out, once, on these terms: it is the bearer of the credential and is not kept. The caller mails or shows
 * it. Without a link (`forMachine`) only the vendor's own system can fetch the values.
 */
export async function takeLink(
  id: string,
  holdKey: Buffer,
  terms: Terms,
  now: Date,
  forMachine = false,
): Promise<Outcome<{ link: string; terms: HandoffTerms }, typeof NOT_HELD | typeof GONE | BadTerms>> {
  const settled = await settle(terms, now);
  if (!settled.ok) return settled;
  const row = await db().handoff.findUnique({ where: { id }, select: { heldKey: true } });
  if (!row?.heldKey) return refuse(GONE);
  let linkKey: Buffer;
  try {
    linkKey = unseal(holdKey, row.heldKey, id);
  } catch {
    return refuse(NOT_HELD);
  }
  try {
    const given = await db().$transaction(async (tx) => {
      const { count } = await tx.handoff.updateMany({
        where: { id, state: "pending", expiresAt: { gt: now }, heldKey: { not: null } },
        data: { heldKey: null, ...settled.value },
      });
      if (count === 1 && forMachine) await keepForMachine(tx, id);
      return count === 1;
    });
    if (!given) return refuse(GONE);
    return accept({ link: `${config().BASE_URL}/h/${id}#${linkKey.toString("base64url")}`, terms: termsOf(settled.value) });
  } finally {
    linkKey.fill(0);
  }
}

/** Takes what is sealed for the vendor's own system, once, and the link's values with it. Null: there is nothing for it. */
export async function collect(onboardingId: string, now: Date): Promise<{ handoffId: string; jwes: string[] } | null> {
  const open = await db().handoff.findFirst({
    where: { onboardingId, state: "pending", heldKey: null, parts: { some: { scheme: "jwe" } } },
    select: { id: true },
  });
  if (!open) return null;
  const { id } = open;
  const parts = await claim({ id, onboardingId, shown: "machine" }, now);
  return parts && { handoffId: id, jwes: parts.map(({ inner }) => inner) };
}

/** Ends a pending handoff; false when it was not pending any more. */
export const revoke = async (tx: Transaction, actor: Actor, id: string, reason: string, now: Date): Promise<boolean> =>
  (await end(tx, actor, id, "revoked", { type: "handoff.revoked", detail: { handoffId: id, reason } }, now)) !== null;

export type Expired = { id: string; onboardingId: string; removes: boolean };
/** Ends what nobody opened in time, on the database's clock. Every minute, and by as many processes as there are. */
export async function sweep(now: Date): Promise<Expired[]> {
  const due = await db().$queryRaw<{ id: string; removes: boolean }[]>`
    SELECT "id", "removes" FROM "Handoff" WHERE "state" = 'pending' AND "expiresAt" <= now() LIMIT 500`;
  const ended: Expired[] = [];
  for (const { id, removes } of due) {
    const row = await db().$transaction((tx) =>
      end(tx, PORTAL, id, "expired", { type: "handoff.expired", detail: { handoffId: id, removes } }, now),
    );
    if (row) ended.push({ id, ...row });
  }
  return ended;
}

/**
 * Ends every pending handoff. For a database that was restored from a backup: what was revealed since the backup would
 * open a second time. Returns how many there were.
 */
export async function revokeAll(reason: string, now: Date): Promise<number> {
  const pending = await db().handoff.findMany({ where: { state: "pending" }, select: { id: true } });
  let ended = 0;
  for (const { id } of pending) if (await db().$transaction((tx) => revoke(tx, PORTAL, id, reason, now))) ended += 1;
  return ended;
}
