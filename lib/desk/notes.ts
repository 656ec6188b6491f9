/** What support keeps for itself of an onboarding: whose it is, tags, and notes. The customer never sees any of it. */
import { db, type Prisma } from "../db.ts";
import { findForSupport } from "../onboarding/find.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import type { Found, Support } from "../proof.ts";

export type Note = { id: string; at: Date; author: string; kind: "note" | "owner" | "tags"; text: string };

const NOTE_AT_MOST = 4000;
const TAGS_AT_MOST = 10;
const MAY_NOT = { code: "desk.role", status: 403, message: "Your role may look and not change. Ask for the role Support.Agent." } as const;
const UNKNOWN = { code: "desk.unknown", status: 404, message: "There is no such onboarding." } as const;
const wrong = (message: string) => refuse({ code: "desk.invalid", status: 422, message });

/** How Entra's own client secrets look: whoever pastes one into a note is kept from it. */
const SECRET = /[\w.~-]{3}\dQ~[\w.~-]{31,34}/;

/** What somebody wrote, if they may write at all. */
const given = (support: Support, text: string): Outcome<string> => (support.mayChange ? accept(text.trim()) : refuse(MAY_NOT));

async function write(
  support: Support,
  id: string,
  kind: Note["kind"],
  text: string,
  data: Prisma.OnboardingUpdateInput | null,
  now: Date,
): Promise<Outcome<null>> {
  if (SECRET.test(text)) return wrong("This looks like a client secret. Secrets are never written down here; nothing was kept.");
  if (!(await findForSupport(support, id, now))) return refuse(UNKNOWN);
  await db().$transaction(async (tx) => {
    if (data) await tx.onboarding.update({ where: { id }, data, select: { id: true } });
    await tx.note.create({ data: { onboardingId: id, at: now, author: support.username, kind, text }, select: { id: true } });
  });
  return accept(null);
}

export async function addNote(support: Support, id: string, text: string, now: Date): Promise<Outcome<null>> {
  const typed = given(support, text);
  if (!typed.ok) return typed;
  const { value: trimmed } = typed;
  if (trimmed.length === 0) return wrong("Write something first.");
  if (trimmed.length > NOTE_AT_MOST) return wrong(`A note has at most ${NOTE_AT_MOST} characters; this one has ${trimmed.length}.`);
  return write(support, id, "note", trimmed, null, now);
}

/** Who looks after it; an empty name gives it back. */
export async function assign(support: Support, id: string, owner: string, now: Date): Promise<Outcome<null>> {
  const typed = given(support, owner);
  if (!typed.ok) return typed;
  const name = typed.value.toLowerCase();
  if (name !== "" && !/^[^\s@]{1,64}@[^\s@]{1,190}$/.test(name))
    return wrong("Name a colleague by their sign-in name, such as sam@example.com.");
  return write(support, id, "owner", name || "Nobody", { owner: name || null }, now);
}

/** The tags, separated by commas; they take the place of those before. */
export async function setTags(support: Support, id: string, text: string, now: Date): Promise<Outcome<null>> {
  const typed = given(support, text);
  if (!typed.ok) return typed;
  const tags = [...new Set(typed.value.split(",").flatMap((tag) => tag.trim().toLowerCase() || []))];
  if (tags.length > TAGS_AT_MOST) return wrong(`At most ${TAGS_AT_MOST} tags.`);
  const bad = tags.find((tag) => !/^[\p{L}\p{N}][\p{L}\p{N} _-]{0,39}$/u.test(tag));
  if (bad) return wrong(`"${bad.slice(0, 60)}" is no tag: letters, digits, spaces and dashes, at most 40.`);
  return write(support, id, "tags", tags.join(", ") || "None", { tags }, now);
}

/** What was written down, oldest first. */
export async function notesOf(_: Support, { id: onboardingId }: Found): Promise<Note[]> {
  const rows = await db().note.findMany({ where: { onboardingId }, orderBy: { id: "asc" }, take: 500 });
  return rows.map(({ id, at, author, kind, text }) => ({ id: String(id), at, author, kind: kind as Note["kind"], text }));
}
