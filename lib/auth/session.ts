import { randomUUID } from "node:crypto";
import { cookies } from "next/headers";
import { cache } from "react";
import { spend } from "../allowance.ts";
import { config } from "../config.ts";
import { db } from "../db.ts";
import { openWithRing, sealWithRing } from "../key-ring.ts";
import { deriveKey, digestOf, newToken } from "../secret.ts";

const LIFETIME_MS = 8 * 3_600_000;
const IDLE_MS = 60 * 60_000;

const isHttps = () => config().BASE_URL.startsWith("https:");
const cookieName = () => (isHttps() ? "__Host-vestibule" : "vestibule");
/**
 * The cookie: a token that names the session and changes with every sign-in, and a key that stays as long as the session
 * does, from which what is held for its owner can be opened. The database knows the token's hash and nothing of the key.
 */
const partsOf = (cookie: string | undefined) => {
  const [, token, hold] = /^([\w-]{43})\.([\w-]{43})$/.exec(cookie ?? "") ?? [];
  return token && hold ? { digest: digestOf(token), hold } : null;
};

/** What a session keeps sealed: the access token it was opened with and MSAL's cache of Graph tokens. */
export type Vault = { assertion: string; msalCache?: string };

export type SessionRow = {
  id: string;
  tenantId: string;
  objectId: string;
  name: string;
  username: string;
  wids: string[];
  roles: string[];
  createdAt: Date;
  holdKey: Buffer;
};

const sealVault = (vault: Vault, id: string) => sealWithRing(JSON.stringify(vault), `session|${id}`);
const openVault = (sealed: Uint8Array, id: string) => JSON.parse(openWithRing(sealed, `session|${id}`).toString()) as Vault;

const isAlive = (now: Date) => ({ expiresAt: { gt: now }, lastSeenAt: { gt: new Date(now.getTime() - IDLE_MS) } });

/** Whether nobody has brought this token before; until `endsAt` it is remembered by its hash. */
export const isFirstUse = async (token: string, endsAt: Date, now: Date): Promise<boolean> =>
  !(await spend(db(), `token|${digestOf(token)}`, 1, endsAt.getTime() - now.getTime()));

/** Opens a session and sets its cookie; an older session of the same browser ends, or goes on under a new token. */
export async function open(identity: Omit<SessionRow, "id" | "holdKey" | "createdAt">, vault: Vault, now: Date): Promise<void> {
  const jar = await cookies();
  const token = newToken();
  const previous = partsOf(jar.get(cookieName())?.value);
  const before = previous && (await db().session.findUnique({ where: { digest: previous.digest }, select: { id: true, expiresAt: true } }));
  const set = (hold: string, expires: Date) =>
    jar.set(cookieName(), `${token}.${hold}`, { httpOnly: true, secure: isHttps(), sameSite: "lax", path: "/", expires });
  if (previous && before) {
    // The same person coming back with more consent keeps the session, so that what it holds stays within reach.
    const { count } = await db().session.updateMany({
      where: { digest: previous.digest, tenantId: identity.tenantId, objectId: identity.objectId, ...isAlive(now) },
      data: { ...identity, digest: digestOf(token), sealed: sealVault(vault, before.id), lastSeenAt: now },
    });
    if (count === 1) return void set(previous.hold, before.expiresAt);
    await db().session.deleteMany({ where: { digest: previous.digest } });
  }
  const id = randomUUID();
  const expiresAt = new Date(now.getTime() + LIFETIME_MS);
  await db().session.create({
    data: { id, digest: digestOf(token), ...identity, sealed: sealVault(vault, id), createdAt: now, lastSeenAt: now, expiresAt },
    select: { id: true },
  });
  set(newToken(), expiresAt);
}

/** The session of this request, once per request. */
export const read = cache(async (): Promise<SessionRow | null> => find((await cookies()).get(cookieName())?.value));
/** The session that a `Cookie` header names, where Next does not read the request. */
export const readFrom = (header: string): Promise<SessionRow | null> =>
  find(new RegExp(`(?:^|;\\s*)${cookieName()}=([\\w.-]+)`).exec(header)?.[1]);

async function find(cookie: string | undefined): Promise<SessionRow | null> {
  const parts = partsOf(cookie);
  if (!parts) return null;
  const now = new Date();
  const row = await db().session.findFirst({
    where: { digest: parts.digest, ...isAlive(now) },
    select: {
      id: true,
      tenantId: true,
      objectId: true,
      name: true,
      username: true,
      wids: true,
      roles: true,
      createdAt: true,
      lastSeenAt: true,
    },
  });
  if (!row) return null;
  const { lastSeenAt, ...session } = row;
  if (now.getTime() - lastSeenAt.getTime() > 60_000)
    await db().session.updateMany({ where: { id: session.id }, data: { lastSeenAt: now } });
  return { ...session, holdKey: deriveKey(Buffer.from(parts.hold), Buffer.from("vestibule"), "handoff/hold") };
}

/** Whether a session that was read before is still alive. */
export const isOpen = async (id: string): Promise<boolean> => (await db().session.count({ where: { id, ...isAlive(new Date()) } })) > 0;

/** Ends the caller's session, or all that this person has anywhere; the tokens go with them. */
export async function close(isEverywhere: boolean): Promise<void> {
  const jar = await cookies();
  const parts = partsOf(jar.get(cookieName())?.value);
  jar.delete(cookieName());
  if (!parts) return;
  const own = await db().session.findFirst({
    where: { digest: parts.digest, ...isAlive(new Date()) },
    select: { tenantId: true, objectId: true },
  });
  await db().session.deleteMany({ where: own && isEverywhere ? own : { digest: parts.digest } });
}

/** Ends everybody's sessions, or those of one tenant. Returns how many that were. */
export async function revoke(tenantId?: string): Promise<number> {
  const { count } = await db().session.deleteMany({ where: tenantId ? { tenantId } : {} });
  return count;
}

export async function vaultOf(id: string): Promise<Vault | null> {
  const row = await db().session.findUnique({ where: { id }, select: { sealed: true } });
  return row ? openVault(row.sealed, id) : null;
}

/** Keeps it as long as the session is there. */
export async function keepVault(id: string, vault: Vault): Promise<void> {
  await db().session.updateMany({ where: { id }, data: { sealed: sealVault(vault, id) } });
}
