/** What an engineer of the vendor needs to see why an onboarding is stuck: no secret, no link, and no address in full. */
import type { Detail } from "./desk.ts";

const MAIL = /([\p{L}\p{N}])[\p{L}\p{N}._%+-]*@([\p{L}\p{N}.-]+\.[a-z]{2,})/giu;
/** Addresses keep their first letter and their domain, in keys and values alike. */
function masked(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll(MAIL, "$1…@$2");
  if (Array.isArray(value)) return value.map(masked);
  if (value instanceof Date) return value.toISOString();
  if (value && typeof value === "object")
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[String(masked(key)), masked(item)]])),
    );
  return value;
}

/** The bundle, as JSON. */
export function diagnosticsOf({ manifest, newer, progress, standing, records, ...row }: Detail, now: Date): object {
  const calls = records.filter(({ type }) => type === "graph.called");
  return masked({
    what: "Diagnostics of an onboarding, without secrets; names of people and addresses are cut short",
    at: now,
    onboarding: { id: row.id, createdAt: row.createdAt, invitationEndsAt: row.expiresAt, language: row.language },
    product: { id: manifest.id, version: manifest.version, digest: progress.manifestDigest, newer: newer?.version },
    standing,
    tenant: progress.signedIn && { id: progress.signedIn.tenantId, domain: progress.signedIn.domain },
    expectedDomain: row.expectedDomain,
    chosen: progress.choices && { ...progress.choices, certificate: progress.choices.certificate && "present" },
    vendorsWishes: { offered: row.offered, locked: row.locked, given: Object.keys(row.given) },
    registrations: progress.registrations,
    steps: progress.steps,
    run: progress.run && { ...progress.run, by: undefined },
    approval: progress.approval && {
      state: progress.approval.state,
      items: progress.approval.items,
      at: progress.approval.at,
      run: progress.approval.run?.outcome,
    },
    handoff: progress.handoff,
    mails: records.filter(({ type }) => /mail|nudged|reminded/.test(type)).map(({ at, type, detail }) => ({ at, type, detail })),
    graph: {
      calls: calls.length,
      failed: calls.filter(({ detail }) => Number(detail.status) >= 400).map(({ at, detail }) => ({ at, ...detail })),
      last: calls.slice(-10).map(({ at, detail }) => ({ at, ...detail })),
    },
    trail: records.map(({ seq, at, type }) => `${seq} ${at.toISOString()} ${type}`),
  }) as object;
}
