/** Writing to onboardings: their trail, and the lease that lets one process work on one. */
import * as audit from "../audit/audit.ts";
import type { Actor, AuditEvent } from "../audit/events.ts";
import { moved } from "../changes.ts";
import { db } from "../db.ts";
import type { AtDesk, SignedIn } from "../proof.ts";

/** A process that holds an onboarding says so again before this is over; after a crash others wait for its end. */
export const LEASE_MS = 15_000;
export const PORTAL: Actor = { kind: "portal" };

export const actorOf = (person: SignedIn, kind: "admin" | "support"): Actor => ({
  kind,
  objectId: person.objectId,
  tenantId: person.tenantId,
  name: person.name,
  username: person.username,
});
export const deskActor = (desk: AtDesk): Actor =>
  "keyId" in desk ? { kind: "program", keyId: desk.keyId, name: desk.name } : actorOf(desk, "support");
export const record = (id: string, actor: Actor, at: Date, ...events: AuditEvent[]) =>
  db().$transaction((tx) => audit.record(tx, id, actor, at, ...events));

/** False when another process holds it. */
export async function takeLease(id: string, holder: string): Promise<boolean> {
  const taken = await db().$executeRaw`
    UPDATE "Onboarding" SET "leaseHolder" = ${holder}, "leaseUntil" = now() + ${LEASE_MS} * interval '1 millisecond'
    WHERE "id" = ${id}::uuid AND ("leaseUntil" IS NULL OR "leaseUntil" < now() OR "leaseHolder" = ${holder})`;
  moved(id);
  return taken === 1;
}
export async function dropLease(id: string, holder: string): Promise<void> {
  await db().onboarding.updateMany({ where: { id, leaseHolder: holder }, data: { leaseHolder: null, leaseUntil: null } });
  moved(id);
}
