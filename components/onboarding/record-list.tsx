import { CodeBlock } from "@/components/ui/code-block";
import { Card, Time } from "@/components/ui/ui";
import type { AuditRecord } from "@/lib/audit/audit";
import type { AuditEvent } from "@/lib/audit/events";

const WORDS: Record<AuditEvent["type"], string> = {
  "onboarding.created": "Invitation created",
  "invitation.mailed": "Invitation mailed",
  "invitation.mail-failed": "Invitation could not be mailed",
  "invitation.opened": "Invitation opened",
  "invitation.renewed": "Invitation renewed",
  "invitation.revoked": "Onboarding cancelled",
  "admin.signed-in": "Admin signed in",
  "tenant.refused": "Sign-in from another tenant refused",
  "manifest.changed": "Went over to a newer edition of the product's manifest",
  "contact.changed": "Another recipient named",
  "by-hand.checked": "What was made by hand was looked at",
  "features.chosen": "Features chosen",
  "plan.approved": "Plan approved",
  "plan.changed": "Tenant differed from the plan; asked again",
  "consent.refused": "Consent not given at Microsoft",
  "secret.shortened": "A shorter life of the secret allowed",
  "approval.requested": "Approval requested",
  "approval.mailed": "Approval link mailed",
  "approval.mail-failed": "Approval link could not be mailed",
  "approval.opened": "Approval link opened",
  "approval.approved": "Approved",
  "approval.rejected": "Approval rejected",
  "approval.withdrawn": "Approval request withdrawn",
  "consent-page.prepared": "Microsoft's consent page prepared",
  "consent-page.returned": "Microsoft's consent page came back",
  "undo.approved": "Undoing approved",
  "undo.finished": "Everything undone",
  "graph.calling": "About to call Microsoft Graph",
  "run.started": "Run started",
  "run.finished": "Run finished",
  "step.started": "Step started",
  "step.waiting": "Waiting for Microsoft",
  "step.finished": "Step finished",
  "graph.called": "Call to Microsoft Graph",
  "manual.changed": "Manual step changed",
  "credential.discarded": "Credential discarded",
  "credential.rotated": "Rotation asked for: a new secret beside the old one",
  "credential.removal-due": "Secrets to be removed",
  "credential.reminded": "Reminder of a secret's end sent",
  "handoff.created": "Handoff created",
  "handoff.sent": "Handoff link given out",
  "handoff.mail-failed": "Handoff link could not be mailed",
  "handoff.opened": "Handoff page opened",
  "handoff.code-sent": "Code mailed to the contact",
  "handoff.code-failed": "Code could not be mailed",
  "handoff.challenge-failed": "Wrong answer to the challenge",
  "handoff.locked": "Handoff locked after too many wrong answers",
  "handoff.revealed": "Values revealed to the contact",
  "handoff.saved": "Contact has stored the values",
  "handoff.reported": "Contact says: it was not me",
  "handoff.confirmed": "Contact says: it works",
  "handoff.failing": "Contact says: it does not work",
  "handoff.expired": "Handoff expired unopened",
  "handoff.revoked": "Handoff revoked",
};
export const wordsOf = (type: string) => (WORDS as Record<string, string>)[type] ?? type;

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
  if (type === "undo.approved") return (detail.operations as string[]).join("; ");
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
