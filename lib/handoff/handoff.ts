/**
 * Passes what was provisioned to a vendor's contact, once.
 *
 * Two locks: the payload is sealed with a key that only the link's fragment holds, and again with the portal's own
 * key. The database keeps the outer ciphertext until it is revealed and nothing afterwards; of the link it knows
 * only a digest of a proof. Before the claim comes a challenge that no scanner can answer. Revealing is a POST; one
 * statement decides who gets it. Never logs a link, key, proof, code or passphrase.
 */
import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { spend } from "../allowance.ts";
import * as audit from "../audit/audit.ts";
import type { Actor, AuditEvent, Challenge, HandoffTerms, Seen } from "../audit/events.ts";
import { config } from "../config.ts";
import { db, type Transaction } from "../db.ts";
import type { Visitor } from "../http.ts";
import { isWrappedWithCurrent, unwrapDataKey, wrapDataKey } from "../key-ring.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import { deriveKey, digestOf, type Secret, seal, sha256, unseal } from "../secret.ts";
import * as challenges from "./challenge.ts";
import { type MachineKey, sealToKey } from "./machine.ts";

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

/** What else can be said to a holder of the link. */
const CLOSED = {
  "handoff.slow-down": [429, "Too many tries from this network. Try again later."],
  "handoff.busy": [429, "Another passphrase is being checked. Try again in a moment."],
  "handoff.code-wanted": [409, "Ask for a code first: it goes to the contact by mail and works for ten minutes."],
  "handoff.code-over": [409, "This code is over or was tried too often. Ask for a new one."],
  "handoff.wrong-answer": [403, "That is not it."],
  "handoff.locked": [410, "Too many wrong answers: the values were deleted, and the sender is told. Ask them for a new link."],
  "handoff.wrong-person": [403, "This is for somebody else."],
  "handoff.not-asked": [409, "This link does not ask for a code."],
} as const;
export type Closed = Refusal<keyof typeof CLOSED> & { onboardingId?: string };
const closed = (
  code: keyof typeof CLOSED,
  more: { message?: string; retryAt?: Date; onboardingId?: string } = {},
): { ok: false; refusal: Closed } => {
  const [status, message] = CLOSED[code];
  return refuse({ code, status, message, ...more });
};

/** Wrong proofs that one address may send; they never count against the handoff. */
const PROOFS = { most: 60, forMs: 60_000 };
/** Answers that one network may give to one handoff, and all of them together. */
const ANSWERS = { most: 5, forMs: 15 * 60_000 };
const ANSWERS_IN_ALL = 10;
const ANSWERS_PER_CODE = 5;
const CODES = { most: 3, forMs: 3_600_000 };

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
  about: { onboardingId: string; boundTo: Readonly<Record<string, string>>; terms: Terms },
  now: Date,
): Promise<Outcome<HandoffTerms, typeof BAD_SEAL | BadTerms>> {
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
  const { onboardingId } = about;
  const settled = await settle(about.terms, now);
  if (!settled.ok) return settled;
  const { expiresAt } = settled.value;
  await tx.handoff.create({
    data: { id, onboardingId, state: "pending", createdAt: now, proofHash: Uint8Array.from(hash), ...settled.value },
    select: { id: true },
  });
  for (const { part, boundTo, inner } of parts)
    await tx.handoffCipher.create({
      data: { handoffId: id, part, ...(await wrapped("v1", Buffer.from(inner, "base64url"), boundTo)) },
      select: { part: true },
    });
  await audit.record(tx, onboardingId, admin, now, {
    type: "handoff.created",
    detail: { handoffId: id, expiresAt: expiresAt.toISOString() },
  });
  return accept(termsOf(settled.value));
}

/** How long a link can work, in hours. */
export const LIFETIMES = [1, 24, 72, 168] as const;
/** On which terms the admin gives a link out. */
export type Terms = {
  challenge: Challenge;
  /** Told to the contact by another way than the link; for the challenge of that name only. */
  passphrase?: string;
  /** Who gets the link: codes go there, and this is who has to sign in. */
  recipient: string;
  /** The tenant in which that person signs in. */
  signInTenantId: string;
  hours: number;
  /** Take the credential out of the application again when nobody opens the link in time. */
  removes: boolean;
};
const BAD_TERMS = {
  hours: "A link works for 1, 24, 72 or 168 hours. Choose one of them.",
  passphrase: `A passphrase needs at least ${challenges.PASSPHRASE_AT_LEAST} characters. Nothing was sent.`,
  recipient: "Name the person who gets the link first.",
};
type BadTerms = Refusal<"handoff.terms">;
const badTerms = (what: keyof typeof BAD_TERMS): { ok: false; refusal: BadTerms } =>
  refuse({ code: "handoff.terms", status: 422, message: BAD_TERMS[what] });

/** What the database keeps of the terms. */
async function settle({ challenge, passphrase = "", recipient, signInTenantId, hours, removes }: Terms, now: Date) {
  if (!LIFETIMES.some((each) => each === hours)) return badTerms("hours");
  if (challenge === "passphrase" && passphrase.normalize("NFKC").trim().length < challenges.PASSPHRASE_AT_LEAST)
    return badTerms("passphrase");
  if ((challenge === "code" || challenge === "sign-in") && !recipient) return badTerms("recipient");
  const verifier =
    challenge === "passphrase"
      ? await challenges.passphraseVerifier(passphrase)
      : challenge === "sign-in"
        ? Buffer.from(personOf(signInTenantId, recipient))
        : null;
  const expiresAt = new Date(now.getTime() + hours * 3_600_000);
  return accept({ challenge, recipient, removes, expiresAt, verifier: verifier && Uint8Array.from(verifier) });
}
const personOf = (tenantId: string, username: string) => `${tenantId.toLowerCase()}|${username.trim().toLowerCase()}`;
const termsOf = ({ challenge, expiresAt, removes }: { challenge: Challenge; expiresAt: Date; removes: boolean }): HandoffTerms => ({
  challenge,
  expiresAt: expiresAt.toISOString(),
  removes,
});

/** The outer lock: the portal's own key around what is sealed already. */
async function wrapped(scheme: "v1" | "jwe", inner: Buffer, boundTo: string) {
  const dataKey = randomBytes(32);
  try {
    const wrappedKey = await wrapDataKey(dataKey, boundTo);
    return { scheme, boundTo, outer: Uint8Array.from(seal(dataKey, inner, boundTo)), wrappedKey };
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
  const row = await tx.handoff.findFirstOrThrow({ where: { id, state: "pending", heldKey: { not: null } }, select: { heldKey: true } });
  const linkKey = unseal(holdKey, row.heldKey!, id);
  const keys = linkKeys(linkKey, id);
  const bound = boundTo(id, payload.tenantId, payload.applicationId, part);
  try {
    const sealed = [await wrapped("v1", seal(keys.encryption, JSON.stringify(payload), bound), bound)];
    if (machineKey) sealed.push(await wrapped("jwe", Buffer.from(await sealToKey(machineKey, { part, ...payload })), `${bound}|jwe`));
    for (const { scheme, ...data } of sealed)
      await tx.handoffCipher.upsert({
        where: { handoffId_part_scheme: { handoffId: id, part, scheme } },
        create: { handoffId: id, part, scheme, ...data },
        update: data,
        select: { part: true },
      });
  } finally {
    for (const key of [linkKey, keys.encryption, keys.proof]) key.fill(0);
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
      if (count === 1) await tx.handoffCipher.deleteMany({ where: { handoffId: id, scheme: forMachine ? "v1" : "none" } });
      return count === 1;
    });
    if (!given) return refuse(GONE);
    return accept({ link: `${config().BASE_URL}/h/${id}#${linkKey.toString("base64url")}`, terms: termsOf(settled.value) });
  } finally {
    linkKey.fill(0);
  }
}

/** The proof that a browser derives from the link's key, as it arrives: base64url. Null when it cannot be one. */
const proofBytes = (proof: unknown) => (typeof proof === "string" && /^[\w-]{43}$/.test(proof) ? Buffer.from(proof, "base64url") : null);

export type State = "pending" | "revealed" | "expired" | "revoked" | "locked";
export type HandoffView = {
  state: State;
  onboardingId: string;
  expiresAt: Date;
  revealedAt: Date | null;
  challenge: Challenge;
  recipient: string | null;
};
type Row = HandoffView & { id: string; proofHash: Uint8Array; verifier: Uint8Array | null; isCodeFresh: boolean };
type Stranger = typeof NOT_YOURS | Closed;

const NOBODY = "00000000-0000-0000-0000-000000000000";
const NO_PROOF = Buffer.alloc(32);
export const seenOf = ({ network, browser }: Visitor): Seen => ({ network, browser });

/**
 * The handoff, for whoever proves to hold its link. Everybody else gets the same answer by the same way, whether the id is
 * unknown or malformed or the proof is wrong, and pays for it from the allowance of their address, never of the handoff.
 */
async function held(id: string, proof: unknown, visitor: Visitor): Promise<Outcome<Row & { proof: Buffer }, Stranger>> {
  const bytes = proofBytes(proof);
  const [row] = await db().$queryRaw<Row[]>`
    SELECT "id", "onboardingId", "proofHash", "challenge", "recipient", "verifier", "expiresAt", "revealedAt",
           coalesce("verifierEnds" > now(), false) AS "isCodeFresh",
           CASE WHEN "state" = 'pending' AND "expiresAt" <= now() THEN 'expired' ELSE "state" END AS "state"
    FROM "Handoff" WHERE "id" = ${isId(id) ? id : NOBODY}::uuid`;
  const isRight = timingSafeEqual(sha256(bytes ?? NO_PROOF), Buffer.from(row?.proofHash ?? NO_PROOF));
  if (isRight && row && bytes) return accept({ ...row, proof: bytes });
  const retryAt = await spend(db(), `proof|${digestOf(visitor.address)}`, PROOFS.most, PROOFS.forMs);
  return retryAt ? closed("handoff.slow-down", { retryAt }) : refuse(NOT_YOURS);
}

/** What a holder of the link may know. Records the first opening; consumes nothing. */
export async function look(id: string, proof: unknown, visitor: Visitor, now: Date): Promise<Outcome<HandoffView, Stranger>> {
  const found = await held(id, proof, visitor);
  if (!found.ok) return found;
  const { state, onboardingId, expiresAt, revealedAt, challenge, recipient } = found.value;
  if (state === "pending") await recordFirstOpening(onboardingId, id, seenOf(visitor), now);
  return accept({ state, onboardingId, expiresAt, revealedAt, challenge, recipient });
}

async function recordFirstOpening(onboardingId: string, handoffId: string, seen: Seen, now: Date) {
  const { state } = await db().onboarding.findUniqueOrThrow({ where: { id: onboardingId }, select: { state: true } });
  if ((state as { handoff?: { state: string } }).handoff?.state !== "sent") return;
  await db().$transaction((tx) => audit.record(tx, onboardingId, CONTACT, now, { type: "handoff.opened", detail: { handoffId, seen } }));
}

/** A fresh code for the contact's mailbox; an older one ends. The caller mails it and says whether that worked. */
export async function newCode(
  id: string,
  proof: unknown,
  visitor: Visitor,
): Promise<Outcome<{ code: Secret; to: string; onboardingId: string }, Stranger | typeof GONE>> {
  const found = await held(id, proof, visitor);
  if (!found.ok) return found;
  const { state, challenge, recipient, onboardingId, proof: bytes } = found.value;
  if (state !== "pending") return refuse(GONE);
  if (challenge !== "code" || !recipient) return closed("handoff.not-asked");
  const retryAt = await spend(db(), `code|${id}`, CODES.most, CODES.forMs);
  if (retryAt)
    return closed("handoff.slow-down", { retryAt, message: "Three codes were sent within the hour. Use the newest one, or wait." });
  const code = challenges.newCode();
  const verifier = Uint8Array.from(challenges.codeVerifier(code.expose(), bytes, id));
  const kept = await db().$executeRaw`
    UPDATE "Handoff" SET "verifier" = ${verifier}, "verifierEnds" = now() + ${challenges.CODE_MS} * interval '1 millisecond', "codeTries" = 0
    WHERE "id" = ${id}::uuid AND "state" = 'pending' AND "expiresAt" > now() AND "challenge" = 'code'`;
  return kept === 1 ? accept({ code, to: recipient, onboardingId }) : refuse(GONE);
}
export const spelledCode = challenges.spelled;

export const recordCode = (onboardingId: string, handoffId: string, to: string, isSent: boolean, visitor: Visitor, now: Date) =>
  db().$transaction((tx) =>
    audit.record(
      tx,
      onboardingId,
      CONTACT,
      now,
      isSent
        ? { type: "handoff.code-sent", detail: { handoffId, to, seen: seenOf(visitor) } }
        : { type: "handoff.code-failed", detail: { handoffId, to } },
    ),
  );

/** What a contact answers to the challenge; `person` is whoever is signed in in the same browser. */
export type Answer = { code?: unknown; passphrase?: unknown; person?: SignedIn | null };
export type SealedPart = { part: string; boundTo: string; inner: string };
export type Revealed = { parts: SealedPart[]; onboardingId: string };

/** Reveals, once: the proof first, then the challenge, then the claim. The values come back sealed with the link's key. */
export async function reveal(
  id: string,
  proof: unknown,
  answer: Answer,
  visitor: Visitor,
  now: Date,
): Promise<Outcome<Revealed, Stranger | typeof GONE>> {
  const found = await held(id, proof, visitor);
  if (!found.ok) return found;
  const row = found.value;
  if (row.state !== "pending") return refuse(GONE);
  const answered = await meets(row, answer, visitor, now);
  if (!answered.ok) return answered;
  const parts = await claim(
    row.onboardingId,
    "v1",
    { type: "handoff.revealed", detail: { handoffId: id, seen: seenOf(visitor) } },
    now,
    (tx) => {
      const proofHash = Uint8Array.from(row.proofHash);
      const verifier = row.verifier && Uint8Array.from(row.verifier);
      return tx.$queryRaw<Sealed[]>`
      WITH won AS (UPDATE "Handoff" SET "state" = 'revealed', "revealedAt" = now(), "heldKey" = NULL
                   WHERE "id" = ${id}::uuid AND "state" = 'pending' AND "expiresAt" > now() AND "proofHash" = ${proofHash}
                     AND "challenge" = ${row.challenge} AND "verifier" IS NOT DISTINCT FROM ${verifier}::bytea
                   RETURNING "id"),
           gone AS (DELETE FROM "HandoffCipher" c USING won WHERE c."handoffId" = won."id"
                    RETURNING c."scheme", c."part", c."boundTo", c."outer", c."wrappedKey")
      SELECT gone.* FROM gone ORDER BY gone."part"`;
    },
  );
  return parts ? accept({ parts, onboardingId: row.onboardingId }) : refuse(GONE);
}

type Sealed = { scheme: string; part: string; boundTo: string; outer: Uint8Array; wrappedKey: Uint8Array };
/**
 * The claim. One statement moves the handoff from pending to revealed and takes the ciphertext out of the database;
 * whoever it returns rows to is the only reader. The outer lock is opened inside the same transaction, so that a failure
 * there burns nothing. That the challenge was met holds for the verifier that it was met with, and no newer one.
 */
async function claim(
  onboardingId: string,
  scheme: "v1" | "jwe",
  event: Extract<AuditEvent, { type: "handoff.revealed" }>,
  now: Date,
  take: (tx: Transaction) => Promise<Sealed[]>,
): Promise<SealedPart[] | null> {
  return db().$transaction(async (tx) => {
    const rows = await take(tx);
    if (rows.length === 0) return null;
    const opened: SealedPart[] = [];
    for (const row of rows.filter((each) => each.scheme === scheme)) {
      const inner = await openOuter(row);
      opened.push({ part: row.part, boundTo: row.boundTo, inner: scheme === "jwe" ? inner.toString() : inner.toString("base64url") });
    }
    await audit.record(tx, onboardingId, CONTACT, now, event);
    return opened;
  });
}

/** Whether the answer meets the challenge. A try is reserved before it is looked at; a wrong one is recorded. */
async function meets(
  row: Row & { proof: Buffer },
  answer: Answer,
  visitor: Visitor,
  now: Date,
): Promise<Outcome<null, Closed | typeof GONE>> {
  const { id, challenge, verifier, recipient, proof } = row;
  if (challenge === "none") return accept(null);
  if (!verifier) return closed("handoff.code-wanted");
  if (challenge === "sign-in") {
    const { person } = answer;
    const isThem = person && Buffer.from(verifier).equals(Buffer.from(personOf(person.tenantId, person.username)));
    if (isThem) return accept(null);
    const message = person ? `You are signed in as ${person.username}. This is for ${recipient}.` : `Sign in as ${recipient} first.`;
    return closed("handoff.wrong-person", { message });
  }
  const given = challenge === "code" ? answer.code : answer.passphrase;
  if (typeof given !== "string" || given.length === 0 || given.length > 512) return closed("handoff.wrong-answer");
  if (challenge === "code" && !row.isCodeFresh) return closed("handoff.code-over");
  const check = async (): Promise<Outcome<boolean, Closed | typeof GONE>> => {
    const reserved = await reserve(row, visitor);
    if (!reserved.ok) return reserved;
    const isRight = challenge === "code" ? challenges.isCode(given, verifier, proof, id) : await challenges.isPassphrase(given, verifier);
    return isRight ? accept(true) : wrong(row, reserved.value, visitor, now);
  };
  const checked = challenge === "passphrase" ? await challenges.whenFree(check) : await check();
  if (!checked) return closed("handoff.busy", { retryAt: new Date(now.getTime() + 1000) });
  return checked.ok ? accept(null) : checked;
}

/** Takes a try from the network's allowance and from the handoff's own. Gives how many that makes in all. */
async function reserve({ id, challenge }: Row, { network }: Visitor): Promise<Outcome<number, Closed | typeof GONE>> {
  const retryAt = await spend(db(), `answer|${id}|${network}`, ANSWERS.most, ANSWERS.forMs);
  if (retryAt) return closed("handoff.slow-down", { retryAt });
  const [counted] = await db().$queryRaw<{ tries: number }[]>`
    UPDATE "Handoff" SET "tries" = "tries" + 1, "codeTries" = "codeTries" + CASE WHEN "challenge" = 'code' THEN 1 ELSE 0 END
    WHERE "id" = ${id}::uuid AND "state" = 'pending' AND "tries" < ${ANSWERS_IN_ALL}
      AND ("challenge" <> 'code' OR "codeTries" < ${ANSWERS_PER_CODE})
    RETURNING "tries"`;
  if (counted) return accept(counted.tries);
  return challenge === "code" ? closed("handoff.code-over") : refuse(GONE);
}

/** Records a wrong answer; the last one that the handoff allows deletes the values. */
async function wrong(
  { id, onboardingId, challenge }: Row,
  tries: number,
  visitor: Visitor,
  now: Date,
): Promise<Outcome<never, Closed | typeof GONE>> {
  const isLast = tries >= ANSWERS_IN_ALL;
  const isLocked = await db().$transaction(async (tx) => {
    await audit.record(tx, onboardingId, CONTACT, now, {
      type: "handoff.challenge-failed",
      detail: { handoffId: id, tries, seen: seenOf(visitor) },
    });
    return isLast && (await end(tx, CONTACT, id, "locked", { type: "handoff.locked", detail: { handoffId: id, tries } }, now)) !== null;
  });
  if (isLocked) return closed("handoff.locked", { onboardingId });
  const left = Math.min(ANSWERS_IN_ALL - tries, ANSWERS.most);
  const what = challenge === "code" ? "This code is not right. Use the one of the newest mail" : "This passphrase is not right";
  return closed("handoff.wrong-answer", { message: `${what}; ${left === 1 ? "one try is" : `at most ${left} tries are`} left.` });
}

/** What a holder of an opened link says of it. */
export type Word = "saved" | "reported" | "confirmed" | "failing";
const SAID_AT_MOST: Record<Word, number> = { saved: 1, reported: 1, confirmed: 20, failing: 20 };
/** Records what the contact says afterwards. `isNews` is false for what was said before. */
export async function say(
  id: string,
  proof: unknown,
  word: Word,
  failure: { code: string | null; said: string } | null,
  visitor: Visitor,
  now: Date,
): Promise<Outcome<{ onboardingId: string; isNews: boolean }, Stranger | typeof GONE>> {
  const found = await held(id, proof, visitor);
  if (!found.ok) return found;
  const { state, onboardingId } = found.value;
  if (state !== "revealed") return refuse(GONE);
  const seen = seenOf(visitor);
  const event: AuditEvent =
    word === "failing"
      ? { type: "handoff.failing", detail: { handoffId: id, code: failure?.code ?? null, said: failure?.said ?? "", seen } }
      : { type: `handoff.${word}`, detail: { handoffId: id, seen } };
  const isNews = (await spend(db(), `word|${id}|${word}`, SAID_AT_MOST[word], 365 * 86_400_000)) === null;
  if (isNews) await db().$transaction((tx) => audit.record(tx, onboardingId, CONTACT, now, event));
  return accept({ onboardingId, isNews });
}

/** Takes what is sealed for the vendor's own system, once, and the link's values with it. Null: there is nothing for it. */
export async function collect(onboardingId: string, now: Date): Promise<{ handoffId: string; jwes: string[] } | null> {
  const open = await db().handoff.findFirst({
    where: { onboardingId, state: "pending", heldKey: null, parts: { some: { scheme: "jwe" } } },
    select: { id: true },
  });
  if (!open) return null;
  const { id } = open;
  const parts = await claim(
    onboardingId,
    "jwe",
    { type: "handoff.revealed", detail: { handoffId: id, how: "machine" } },
    now,
    (tx) =>
      tx.$queryRaw<Sealed[]>`
      WITH won AS (UPDATE "Handoff" SET "state" = 'revealed', "revealedAt" = now()
                   WHERE "id" = ${id}::uuid AND "state" = 'pending' AND "expiresAt" > now() AND "heldKey" IS NULL RETURNING "id"),
           gone AS (DELETE FROM "HandoffCipher" c USING won WHERE c."handoffId" = won."id"
                    RETURNING c."scheme", c."part", c."boundTo", c."outer", c."wrappedKey")
      SELECT gone.* FROM gone ORDER BY gone."part"`,
  );
  return parts && { handoffId: id, jwes: parts.map(({ inner }) => inner) };
}

/** Ends a pending handoff and takes its ciphertext away, in one statement: it races a reveal safely, one of them wins. */
async function end(
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
