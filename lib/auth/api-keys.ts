/** Keys of a vendor's programs: made, listed, ended and recognised. A key is shown once; its digest is kept. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { db, isUuid } from "../db.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import { isOwn, type Program, type Support, type VendorSystem } from "../proof.ts";
import { digestOf, newToken } from "../secret.ts";

export const NO_KEY = {
  code: "api.key",
  status: 401,
  message: "Send a valid API key as a bearer token. A manager of the vendor makes one at the desk, under Integrations.",
} as const;
const MAY_NOT = { code: "api.role", status: 403, message: "API keys are for managers. Ask for the role Support.Manager." } as const;
const wrong = (message: string) => refuse({ code: "api.invalid", status: 422, message });

const SCOPES = ["read", "write", "collect"] as const;
export type Scope = (typeof SCOPES)[number];
/** Who has a key: the program, its rights, and, when it may fetch handoffs, the proof for that. `key` is the key itself. */
export type KeyHolder = { program: Program; rights: readonly string[]; system: VendorSystem | null; key: string };

export type ApiKey = {
  id: string;
  vendorId: string;
  name: string;
  prefix: string;
  scopes: string[];
  createdBy: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
  revokedBy: string | null;
};
const FIELDS = {
  ...{ id: true, vendorId: true, name: true, prefix: true, scopes: true, createdBy: true, createdAt: true },
  ...{ expiresAt: true, lastUsedAt: true, revokedAt: true, revokedBy: true },
} as const;

const KeyInput = z.object({
  vendorId: z.string(),
  name: z.string().trim().min(1, "Name the key after the program that uses it.").max(80, "A name has at most 80 characters."),
  scopes: z.array(z.enum(SCOPES)).min(1, "Choose at least one right."),
  days: z.coerce.number().int().min(1).max(730).nullable(),
});

/** Makes a key and gives it out, once. */
export async function create(support: Support, input: unknown, now: Date): Promise<Outcome<{ key: string; id: string }>> {
  if (!support.mayManage) return refuse(MAY_NOT);
  const parsed = KeyInput.safeParse(input);
  if (!parsed.success) return wrong(parsed.error.issues.map(({ message }) => message).join(" "));
  const { vendorId, name, scopes, days } = parsed.data;
  if (!isOwn(support, vendorId)) return wrong("Choose a vendor.");
  const key = `vst_${newToken()}`;
  const id = randomUUID();
  await db().apiKey.create({
    data: {
      ...{ id, vendorId, name, scopes, prefix: key.slice(0, 10), digest: digestOf(key) },
      createdBy: support.username,
      createdAt: now,
      expiresAt: days === null ? null : new Date(now.getTime() + days * 86_400_000),
    },
    select: { id: true },
  });
  return accept({ key, id });
}

/** All of their vendors' keys, newest first. */
export const list = (support: Support): Promise<ApiKey[]> =>
  db().apiKey.findMany({
    where: support.vendors === "all" ? {} : { vendorId: { in: [...support.vendors] } },
    select: FIELDS,
    orderBy: { createdAt: "desc" },
    take: 200,
  });

/** Ends a key, from this moment on. */
export async function revoke(support: Support, id: string, now: Date): Promise<Outcome<null>> {
  if (!support.mayManage) return refuse(MAY_NOT);
  const row = isUuid(id) ? await db().apiKey.findFirst({ where: { id }, select: { vendorId: true } }) : null;
  if (!row || !isOwn(support, row.vendorId)) return refuse({ code: "api.unknown-key", status: 404, message: "There is no such key." });
  await db().apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now, revokedBy: support.username } });
  return accept(null);
}

const NOTED_MS = 60_000;
/** The row of a key that is valid now; notes its use, once a minute. */
export async function findByKey(key: string, now: Date): Promise<ApiKey | null> {
  const row = await db().apiKey.findFirst({
    where: { digest: digestOf(key), revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
    select: FIELDS,
  });
  if (row && (!row.lastUsedAt || now.getTime() - row.lastUsedAt.getTime() > NOTED_MS))
    await db().apiKey.updateMany({ where: { id: row.id }, data: { lastUsedAt: now } });
  return row;
}
