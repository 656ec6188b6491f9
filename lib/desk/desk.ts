/** What the vendor's support sees, across onboardings. Reads only, and never anything that opens a handoff. */
import * as audit from "../audit/audit.ts";
import { type Progress, type Standing, standing } from "../audit/status.ts";
import { findProduct } from "../catalogue/catalogue.ts";
import { db } from "../db.ts";
import { findForSupport, type Onboarding } from "../onboarding/find.ts";
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

export type Detail = Onboarding & { records: audit.AuditRecord[] };

/** One onboarding with its whole trail. */
export async function find(support: Support, id: string, now: Date): Promise<Detail | null> {
  const found = await findForSupport(support, id, now);
  return found && { ...found, records: await audit.list(id) };
}
