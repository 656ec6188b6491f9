/**
 * Telling a vendor's systems of every change of status (Standard Webhooks 1.0: ids, timestamps, signatures). The change
 * is written with what changed it, so none is lost; each message is tried for a day, and its log stays for thirty.
 */
import { randomUUID } from "node:crypto";
import { Webhook as Signer } from "standardwebhooks";
import { db, isUuid } from "../db.ts";
import { openWithRing, sealWithRing } from "../key-ring.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import { isOwn, type Support } from "../proof.ts";
import { checkTarget, postOutside } from "../public-address.ts";
import { enqueueWith } from "../queue.ts";
import { newToken } from "../secret.ts";

const MAY_NOT = { code: "webhook.role", status: 403, message: "Webhooks are for managers. Ask for the role Support.Manager." } as const;
const UNKNOWN = { code: "webhook.unknown", status: 404, message: "There is no such webhook." } as const;
const DAY_MS = 86_400_000;
const WEBHOOKS_AT_MOST = 10;

export type Webhook = { id: string; vendorId: string; url: string; createdBy: string; createdAt: Date; formerEndsAt: Date | null };
export type Delivery = {
  id: string;
  messageId: string;
  type: string;
  body: string;
  createdAt: Date;
  state: string;
  attempts: number;
  lastAt: Date | null;
  lastStatus: number | null;
  lastError: string | null;
};
const FIELDS = { id: true, vendorId: true, url: true, createdBy: true, createdAt: true, formerEndsAt: true } as const;

/** A signing secret as Standard Webhooks writes it. */
const newSecret = () => `whsec_${Buffer.from(newToken(), "base64url").toString("base64")}`;
const sealSecret = (id: string, secret: string) => sealWithRing(secret, `webhook|${id}`);
const openSecret = (id: string, sealed: Uint8Array) => openWithRing(sealed, `webhook|${id}`).toString();

async function findOwn(support: Support, id: string): Promise<Webhook | null> {
  const row = isUuid(id) ? await db().webhook.findFirst({ where: { id, removedAt: null }, select: FIELDS }) : null;
  return row && isOwn(support, row.vendorId) ? row : null;
}

/** Their vendors' webhooks, newest first. */
export const list = (support: Support): Promise<Webhook[]> =>
  db().webhook.findMany({
    where: { removedAt: null, ...(support.vendors === "all" ? {} : { vendorId: { in: [...support.vendors] } }) },
    select: FIELDS,
    orderBy: { createdAt: "desc" },
  });

/** The secret is given out once, here. */
export async function create(support: Support, vendorId: string, url: string, now: Date): Promise<Outcome<{ id: string; secret: string }>> {
  if (!support.mayManage) return refuse(MAY_NOT);
  if (!isOwn(support, vendorId)) return refuse({ code: "webhook.vendor", status: 422, message: "Choose a vendor." });
  const target = checkTarget(url.trim());
  if (!target.ok) return target;
  if ((await db().webhook.count({ where: { vendorId, removedAt: null } })) >= WEBHOOKS_AT_MOST)
    return refuse({ code: "webhook.many", status: 422, message: `At most ${WEBHOOKS_AT_MOST} webhooks for one vendor. Remove one first.` });
  const id = randomUUID();
  const secret = newSecret();
  await db().webhook.create({
    data: { id, vendorId, url: target.value.href, sealed: sealSecret(id, secret), createdBy: support.username, createdAt: now },
    select: { id: true },
  });
  return accept({ id, secret });
}

/** Another secret; for a day messages carry both signatures, so that the receiver changes over without missing one. */
export async function rotate(support: Support, id: string, now: Date): Promise<Outcome<{ secret: string }>> {
  if (!support.mayManage) return refuse(MAY_NOT);
  if (!(await findOwn(support, id))) return refuse(UNKNOWN);
  const secret = newSecret();
  await db().$executeRaw`
    UPDATE "Webhook" SET "formerSealed" = "sealed", "formerEndsAt" = ${new Date(now.getTime() + DAY_MS)}, "sealed" = ${sealSecret(id, secret)} WHERE "id" = ${id}::uuid`;
  return accept({ secret });
}

export async function remove(support: Support, id: string, now: Date): Promise<Outcome<null>> {
  if (!support.mayManage) return refuse(MAY_NOT);
  if (!(await findOwn(support, id))) return refuse(UNKNOWN);
  await db().webhook.updateMany({ where: { id, removedAt: null }, data: { removedAt: now } });
  return accept(null);
}

/** What was sent to a webhook and what became of it, newest first. */
export async function deliveries(support: Support, id: string): Promise<Delivery[] | null> {
  if (!(await findOwn(support, id))) return null;
  return db().webhookDelivery.findMany({
    where: { webhookId: id },
    orderBy: { createdAt: "desc" },
    take: 50,
    select: {
      ...{ id: true, messageId: true, type: true, body: true, createdAt: true },
      ...{ state: true, attempts: true, lastAt: true, lastStatus: true, lastError: true },
    },
  });
}

type Message = { webhookId: string; messageId: string; onboardingId: string | null; type: string; body: string };
const row = (message: Message, now: Date) => ({ ...message, id: randomUUID(), createdAt: now, state: "waiting" });
async function sendAll(messages: Message[], now: Date): Promise<void> {
  const rows = messages.map((message) => row(message, now));
  await db().$transaction(async (tx) => {
    await tx.webhookDelivery.createMany({ data: rows });
    await enqueueWith(
      tx,
      "webhook",
      rows.map(({ id, webhookId }) => ({ deliveryId: id, group: webhookId })),
    );
  });
}

/** A message that says nothing has changed, to see that the receiver is there and checks the signature. */
export async function test(support: Support, id: string, now: Date): Promise<Outcome<null>> {
  if (!support.mayManage) return refuse(MAY_NOT);
  if (!(await findOwn(support, id))) return refuse(UNKNOWN);
  const body = JSON.stringify({ type: "webhook.test", timestamp: now.toISOString(), data: { by: support.username } });
  await sendAll([{ webhookId: id, messageId: `msg_${randomUUID()}`, onboardingId: null, type: "webhook.test", body }], now);
  return accept(null);
}

/** The same message once more, under the same id, so that a receiver that has it already can tell. */
export async function replay(support: Support, deliveryId: string, now: Date): Promise<Outcome<null>> {
  if (!support.mayManage) return refuse(MAY_NOT);
  if (!isUuid(deliveryId)) return refuse(UNKNOWN);
  const before = await db().webhookDelivery.findFirst({
    where: { id: deliveryId },
    select: { webhookId: true, messageId: true, onboardingId: true, type: true, body: true },
  });
  if (!before || !(await findOwn(support, before.webhookId))) return refuse(UNKNOWN);
  await sendAll([before], now);
  return accept(null);
}

type Change = {
  id: bigint;
  onboardingId: string;
  vendorId: string;
  at: Date;
  before: string;
  status: string;
  waitingFor: string;
  seq: number;
  productId: string;
  customerName: string;
  reference: string | null;
};
const AT_ONCE = 200;
/** Turns changes of status into messages. Any process may do it; each change is taken by one. Returns how many there were. */
export async function tellChanges(now: Date): Promise<number> {
  return db().$transaction(async (tx) => {
    const changes = await tx.$queryRaw<Change[]>`
      WITH taken AS (
        UPDATE "StatusChange" SET "toldAt" = ${now} WHERE "id" IN (
          SELECT "id" FROM "StatusChange" WHERE "toldAt" IS NULL ORDER BY "id" LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED) RETURNING *)
      SELECT t."id", t."onboardingId", t."vendorId", t."at", t."before", t."status", t."waitingFor", t."seq", o."productId", o."customerName", o."reference"
      FROM taken t JOIN "Onboarding" o ON o."id" = t."onboardingId" ORDER BY t."id"`;
    if (changes.length === 0) return 0;
    const hooks = await tx.webhook.findMany({
      where: { removedAt: null, vendorId: { in: [...new Set(changes.map(({ vendorId }) => vendorId))] } },
      select: { id: true, vendorId: true },
    });
    const rows = changes.flatMap(
      ({ id, onboardingId, vendorId, at, before, status, waitingFor, seq, productId, customerName, reference }) => {
        const type = "onboarding.status-changed";
        const data = {
          ...{ onboarding: onboardingId, product: productId, customer: customerName, reference, status, waitingFor, sequence: seq },
          previousStatus: seq === 1 ? null : before,
        };
        const body = JSON.stringify({ type, timestamp: at.toISOString(), data });
        return hooks
          .filter((hook) => hook.vendorId === vendorId)
          .map((hook) => row({ webhookId: hook.id, messageId: `msg_${onboardingId}_${id}`, onboardingId, type, body }, now));
      },
    );
    if (rows.length > 0) await tx.webhookDelivery.createMany({ data: rows });
    await enqueueWith(
      tx,
      "webhook",
      rows.map(({ id, webhookId }) => ({ deliveryId: id, group: webhookId })),
    );
    return changes.length;
  });
}

/** Sends one message. @throws when it is to be tried again */
export async function deliver(deliveryId: string, now: Date): Promise<void> {
  const found = await db().webhookDelivery.findUnique({
    where: { id: deliveryId },
    select: {
      messageId: true,
      body: true,
      state: true,
      webhook: { select: { id: true, url: true, sealed: true, formerSealed: true, formerEndsAt: true, removedAt: true } },
    },
  });
  if (found?.state !== "waiting") return;
  const { webhook, messageId, body } = found;
  if (webhook.removedAt) return void (await note(deliveryId, now, { state: "failed", lastError: "The webhook was removed." }));
  const secrets = [
    webhook.sealed,
    ...(webhook.formerSealed && webhook.formerEndsAt && webhook.formerEndsAt > now ? [webhook.formerSealed] : []),
  ];
  const signatures = secrets.map((sealed) => new Signer(openSecret(webhook.id, sealed)).sign(messageId, now, body));
  const { status, error } = await postOutside(webhook.url, body, {
    "webhook-id": messageId,
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "webhook-signature": signatures.join(" "),
  });
  const isTaken = status !== null && status >= 200 && status < 300;
  const why =
    error ??
    (isTaken ? null : status >= 300 && status < 400 ? `It answered ${status}: redirects are not followed.` : `It answered ${status}.`);
  // 410 Gone: the receiver wants no more of it (Standard Webhooks).
  const isOver = status === 410;
  await note(deliveryId, now, { state: isTaken ? "delivered" : isOver ? "failed" : "waiting", lastStatus: status, lastError: why });
  if (!isTaken && !isOver) throw new Error(why ?? "not taken");
}
const note = (id: string, now: Date, data: { state: string; lastStatus?: number | null; lastError?: string | null }) =>
  db().webhookDelivery.updateMany({ where: { id }, data: { ...data, lastAt: now, attempts: { increment: 1 } } });

/** A message that was tried for the last time. */
export const giveUp = (deliveryId: string) =>
  db().webhookDelivery.updateMany({ where: { id: deliveryId, state: "waiting" }, data: { state: "failed" } });
