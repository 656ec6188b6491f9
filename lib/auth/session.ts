import { cookies } from "next/headers";
import { cache } from "react";
import { config } from "../config.ts";
import { db } from "../db.ts";
import { openWithRing, sealWithRing } from "../key-ring.ts";
import { deriveKey, digestOf, newToken } from "../secret.ts";

const LIFETIME_MS = 8 * 3_600_000;
const IDLE_MS = 60 * 60_000;

const cookieName = () => (config().BASE_URL.startsWith("https:") ? "__Host-vestibule" : "vestibule");
/** What a session keeps sealed: the access token it was opened with and MSAL's cache of Graph tokens. */
export type Vault = { assertion: string; msalCache?: string };

export type SessionRow = {
  digest: string;
  tenantId: string;
  objectId: string;
  name: string;
  username: string;
  wids: string[];
  roles: string[];
  holdKey: Buffer;
};

const sealVault = (vault: Vault, digest: string) => sealWithRing(JSON.stringify(vault), `session|${digest}`);
const openVault = (sealed: Uint8Array, digest: string) => JSON.parse(openWithRing(sealed, `session|${digest}`).toString()) as Vault;

/** Opens a session and sets its cookie; an older session of the same browser ends. */
export async function open(identity: Omit<SessionRow, "digest" | "holdKey">, vault: Vault, now: Date): Promise<void> {
  const jar = await cookies();
  const previous = jar.get(cookieName())?.value;
  // The same person coming back with more consent keeps the session, so that what it holds stays within reach.
  if (previous) {
    const digest = digestOf(previous);
    const { count } = await db().session.updateMany({
      where: { digest, tenantId: identity.tenantId, objectId: identity.objectId, expiresAt: { gt: now } },
      data: { ...identity, sealed: sealVault(vault, digest), lastSeenAt: now },
    });
    if (count === 1) return;
    await db().session.deleteMany({ where: { digest } });
  }
  const token = newToken();
  const digest = digestOf(token);
  const expiresAt = new Date(now.getTime() + LIFETIME_MS);
  await db().session.create({
    data: { digest, ...identity, sealed: sealVault(vault, digest), createdAt: now, lastSeenAt: now, expiresAt },
    select: { digest: true },
  });
  jar.set(cookieName(), token, {
    httpOnly: true,
    secure: config().BASE_URL.startsWith("https:"),
    sameSite: "lax",
    path: "/",
    expires: expiresAt,
  });
}

/** The session of this request, once per request. */
export const read = cache(async (): Promise<SessionRow | null> => find((await cookies()).get(cookieName())?.value));
/** The session that a `Cookie` header names, where Next does not read the request. */
export const readFrom = (header: string): Promise<SessionRow | null> =>
  find(new RegExp(`(?:^|;\\s*)${cookieName()}=([\\w-]+)`).exec(header)?.[1]);

async function find(token: string | undefined): Promise<SessionRow | null> {
  if (!token) return null;
  const now = new Date();
  const digest = digestOf(token);
  const row = await db().session.findFirst({
    where: { digest, expiresAt: { gt: now }, lastSeenAt: { gt: new Date(now.getTime() - IDLE_MS) } },
    select: { digest: true, tenantId: true, objectId: true, name: true, username: true, wids: true, roles: true, lastSeenAt: true },
  });
  if (!row) return null;
  const { lastSeenAt, ...session } = row;
  if (now.getTime() - lastSeenAt.getTime() > 60_000) await db().session.updateMany({ where: { digest }, data: { lastSeenAt: now } });
  return { ...session, holdKey: deriveKey(Buffer.from(token), Buffer.from("vestibule"), "handoff/hold") };
}

export async function close(): Promise<void> {
  const jar = await cookies();
  const token = jar.get(cookieName())?.value;
  if (token) await db().session.deleteMany({ where: { digest: digestOf(token) } });
  jar.delete(cookieName());
}

export async function vaultOf(digest: string): Promise<Vault | null> {
  const row = await db().session.findUnique({ where: { digest }, select: { sealed: true } });
  return row ? openVault(row.sealed, digest) : null;
}

export async function keepCache(digest: string, vault: Vault): Promise<void> {
  await db().session.updateMany({ where: { digest }, data: { sealed: sealVault(vault, digest) } });
}
