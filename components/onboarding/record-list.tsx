"use client";

import { CodeBlock } from "@/components/ui/code-block";
import { Card, Time } from "@/components/ui/ui";
import type { AuditRecord } from "@/lib/audit/audit";
import { wordsOf } from "./record-words";

const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** Where a visitor without an account came from. */
function seen({ seen: from }: Record<string, unknown>): string {
  const { network, browser } = (from ?? {}) as { network?: string; browser?: string };
  return network ? `from ${network}, with ${browser}` : "";
}

function summary({ type, detail }: AuditRecord): string {
  if (type === "graph.called")
    return `${text(detail.method)} ${text(detail.path)} → ${text(detail.status)}${detail.code ? ` ${text(detail.code)}` : ""}, ${text(detail.durationMs)} ms`;
  if (type === "graph.calling")
    return (detail.calls as { method: string; path: string }[]).map(({ method, path }) => `${method} ${path}`).join("; ");
  if (type === "approval.requested" || type === "approval.approved")
    return (detail.items as { value: string }[]).map(({ value }) => value).join(", ");
  if (type === "approval.rejected" || type === "approval.withdrawn") return text(detail.reason);
  if (type === "manifest.changed") return `Version ${text(detail.version)}`;
  if (type === "contact.changed") return text(detail.to);
  if (type === "by-hand.checked") return (detail.missing as string[]).join("; ") || "Nothing is missing";
  if (type === "health.checked")
    return (detail.findings as { title: string }[]).map(({ title }) => title).join("; ") || "As it was handed over";
  if (type === "health.accepted") return text(detail.title);
  if (type === "undo.approved" || type === "departure.approved") return (detail.operations as string[]).join("; ");
  if (type === "step.started") return text(detail.step);
  if (type === "step.finished") return `${text(detail.step)}: ${text(detail.outcome)}${detail.note ? `. ${text(detail.note)}` : ""}`;
  if (type === "step.waiting") return `${text(detail.step)}: ${text(detail.words)}`;
  if (type === "run.finished") return text(detail.outcome);
  if (type === "features.chosen") return (detail.choices as { features: string[] }).features.join(", ");
  if (type === "admin.signed-in") return `${text(detail.tenantName)} (${text(detail.domain)})`;
  if (type === "tenant.refused") return `${text(detail.tenantName)}, expected ${text(detail.expectedDomain)}`;
  if (type === "plan.approved") return `${(detail.operations as unknown[]).length} operations`;
  if (type === "credential.reminded") return `${text(detail.days)} days left, to ${(detail.to as string[]).join(", ")}`;
  if (type === "credential.removal-due") return text(detail.reason);
  if (type === "handoff.challenge-failed") return `${text(detail.tries)} of 10, ${seen(detail)}`;
  if (type === "handoff.failing") return text(detail.said);
  if (type === "handoff.revealed" && detail.how === "machine") return "by the vendor's own system";
  if (["handoff.opened", "handoff.revealed", "handoff.saved", "handoff.reported", "handoff.confirmed"].includes(type)) return seen(detail);
  if (type === "handoff.sent") return `${text(detail.how)}, for ${text(detail.to)}`;
  return typeof detail.to === "string" ? detail.to : "";
}

/** The trail, oldest first, each record with its proof. */
export function RecordList({ records }: { records: readonly AuditRecord[] }) {
  return (
    <Card className="overflow-x-auto">
      <ol className="divide-y divide-line">
        {records.map((record) => (
          <li key={record.seq} className="px-4 py-2.5 text-[14px] sm:px-5">
            <details>
              <summary className="grid grid-cols-[34px_minmax(0,1fr)] gap-x-2 sm:grid-cols-[34px_minmax(0,1fr)_auto]">
                <span className="text-ink-3 tabular-nums">{record.seq}</span>
                <span className="min-w-0 break-words">
                  <b className="font-medium">{wordsOf(record.type)}</b> <span className="text-ink-2">{summary(record)}</span>
                </span>
                <span className="col-start-2 text-[13px] text-ink-3 sm:col-start-3">
                  <Time at={record.at} />
                </span>
              </summary>
              <CodeBlock
                text={JSON.stringify({ actor: record.actor, detail: record.detail, prevHash: record.prevHash, hash: record.hash }, null, 2)}
                label="the record"
              />
            </details>
          </li>
        ))}
      </ol>
    </Card>
  );
}
