/** What the vendor's support sees, across onboardings. Reads only, and never anything that opens a handoff. */
import * as audit from "../audit/audit.ts";
import { type Progress, type Standing, standing } from "../audit/status.ts";
import { findProduct, requireProduct } from "../catalogue/catalogue.ts";
import type { Manifest } from "../catalogue/schema.ts";
import { db } from "../db.ts";
import type { Support } from "../proof.ts";

export type ListItem = {
  id: string;
  customerName: string;
  expectedDomain: string;
  product: string;
  standing: Standing;
  lastEvent: string;
  lastEventAt: Date;
};

const PAGE = 100;

/** The latest hundred onboardings, newest event first. */
export async function list(_: Support, now: Date): Promise<ListItem[]> {
  const rows = await db().onboarding.findMany({
    orderBy: { lastEventAt: "desc" },
    take: PAGE,
    select: { id: true, customerName: true, expectedDomain: true, productId: true, state: true, lastEvent: true, lastEventAt: true },
  });
  return rows.map(({ productId, state, ...row }) => ({
    ...row,
    product: findProduct(productId)?.name ?? productId,
    standing: standing(state as unknown as Progress, now),
  }));
}

/** Changes whenever any onboarding does. */
export async function version(_: Support): Promise<string> {
  const newest = await db().auditEvent.findFirst({ orderBy: { id: "desc" }, select: { id: true } });
  return String(newest?.id ?? 0);
}

export type Detail = {
  id: string;
  customerName: string;
  expectedDomain: string;
  adminEmail: string;
  contactEmail: string;
  offered: string[];
  invitedBy: string;
  createdAt: Date;
  expiresAt: Date;
  tenantId: string | null;
  manifest: Manifest;
  progress: Progress;
  standing: Standing;
  records: audit.AuditRecord[];
};

export async function find(_: Support, id: string, now: Date): Promise<Detail | null> {
  if (!/^[0-9a-f-]{36}$/.test(id)) return null;
  const row = await db().onboarding.findUnique({
    where: { id },
    select: {
      id: true,
      customerName: true,
      expectedDomain: true,
      adminEmail: true,
      contactEmail: true,
      offered: true,
      invitedBy: true,
      createdAt: true,
      expiresAt: true,
      tenantId: true,
      productId: true,
      state: true,
    },
  });
  if (!row) return null;
  const { productId, state, ...rest } = row;
  const progress = state as unknown as Progress;
  return { ...rest, manifest: requireProduct(productId), progress, standing: standing(progress, now), records: await audit.list(id) };
}
