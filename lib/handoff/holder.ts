/**
 * What a holder of the link may do, who has no account here: look, ask for a code, reveal once, and say how it went. The
 * proof of the link comes first, then the challenge, then the claim.
 */
import { timingSafeEqual } from "node:crypto";
import { spend } from "../allowance.ts";
import * as audit from "../audit/audit.ts";
import type { Actor, AuditEvent, Challenge, Seen } from "../audit/events.ts";
import { db, isUuid } from "../db.ts";
import type { Visitor } from "../http.ts";
import { accept, type Outcome, type Refusal, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import { digestOf, type Secret, sha256 } from "../secret.ts";
import * as challenges from "./challenge.ts";
import { claim, end, type Reading, readingOf, type SealedPart, type State } from "./sealed.ts";
import { personOf } from "./terms.ts";

const CONTACT: Actor = { kind: "contact" };

/** Unknown, malformed, foreign and wrongly proved look alike to a stranger. */
const NOT_YOURS = {
  code: "handoff.not-found",
  status: 404,
  message: "This link doesn't open anything. Ask the sender for a new one.",
} as const;
/** For a holder of the link: it was pending once. */
export const GONE = { code: "handoff.gone", status: 410, message: "This link is used up or over. Ask the sender for a new one." } as const;
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
type Closed = Refusal<keyof typeof CLOSED> & { onboardingId?: string };
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

/** The proof that a browser derives from the link's key, as it arrives: base64url. Null when it cannot be one. */
export const proofBytes = (proof: unknown) =>
  typeof proof === "string" && /^[\w-]{43}$/.test(proof) ? Buffer.from(proof, "base64url") : null;

export type HandoffView = {
  state: State;
  onboardingId: string;
  expiresAt: Date;
  revealedAt: Date | null;
  challenge: Challenge;
  recipient: string | null;
};
type Row = Reading & HandoffView & { id: string; proofHash: Uint8Array; verifier: Uint8Array | null; isCodeFresh: boolean };
type Stranger = typeof NOT_YOURS | Closed;

const NOBODY = "00000000-0000-0000-0000-000000000000";
const NO_PROOF = Buffer.alloc(32);
const seenOf = ({ network, browser }: Visitor): Seen => ({ network, browser });

/**
 * The handoff, for whoever proves to hold its link. Everybody else gets the same answer by the same way, whether the id is
 * unknown or malformed or the proof is wrong, and pays for it from the allowance of their address, never of the handoff.
 */
async function held(id: string, proof: unknown, visitor: Visitor): Promise<Outcome<Row & { proof: Buffer }, Stranger>> {
  const bytes = proofBytes(proof);
  const [row] = await db().$queryRaw<Row[]>`
    SELECT h."id", h."onboardingId", h."proofHash", h."challenge", h."recipient", h."verifier", h."expiresAt", h."revealedAt",
           coalesce(h."verifierEnds" > now(), false) AS "isCodeFresh", ${readingOf("v1")},
           CASE WHEN h."state" = 'pending' AND h."expiresAt" <= now() THEN 'expired' ELSE h."state" END AS "state"
    FROM "Handoff" h JOIN "Onboarding" o ON o."id" = h."onboardingId" WHERE h."id" = ${isUuid(id) ? id : NOBODY}::uuid`;
  const isRight = timingSafeEqual(sha256(bytes ?? NO_PROOF), Buffer.from(row?.proofHash ?? NO_PROOF));
  if (isRight && row && bytes) return accept({ ...row, proof: bytes });
  const retryAt = await spend(db(), `proof|${digestOf(visitor.address)}`, PROOFS.most, PROOFS.forMs);
  return retryAt ? closed("handoff.slow-down", { retryAt }) : refuse(NOT_YOURS);
}

/** What a holder of the link may know. Records the first opening; consumes nothing. */
export async function look(id: string, proof: unknown, visitor: Visitor, now: Date): Promise<Outcome<HandoffView, Stranger>> {
  const found = await held(id, proof, visitor);
  if (!found.ok) return found;
  const { state, onboardingId, expiresAt, revealedAt, challenge, recipient, progress } = found.value;
  const isFirst = state === "pending" && progress.handoff?.state === "sent";
  if (isFirst)
    await db().$transaction((tx) =>
      audit.record(tx, onboardingId, CONTACT, now, { type: "handoff.opened", detail: { handoffId: id, seen: seenOf(visitor) } }),
    );
  return accept({ state, onboardingId, expiresAt, revealedAt, challenge, recipient });
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
  const parts = await claim({ id, onboardingId: row.onboardingId, shown: row, seen: seenOf(visitor) }, now, row);
  return parts ? accept({ parts, onboardingId: row.onboardingId }) : refuse(GONE);
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
