import { Lead } from "@/components/onboarding/frame";
import { RecordList } from "@/components/onboarding/record-list";
import { buttonClass, Time } from "@/components/ui/ui";
import * as audit from "@/lib/audit/audit";
import { inclusionOf } from "@/lib/audit/checkpoint";
import { requireAdmin } from "../admin";
import { AdminBar } from "../bar";

export const metadata = { title: "The record" };

export default async function Audit({ params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const { person, subject } = await requireAdmin(id, `/o/${id}/audit`);
  const inclusion = await inclusionOf(subject);
  return (
    <>
      <AdminBar subject={subject} person={person} />
      <main className="mx-auto max-w-[960px] px-4 py-9 sm:px-7">
        <h1>The record of this onboarding</h1>
        <Lead>
          Every step and every call to Microsoft Graph, with Microsoft’s request id. Records are never changed: each carries the hash of the
          one before it.
        </Lead>
        <p className="mt-3 max-w-[62ch] text-[14px] text-ink-2">
          {inclusion ? (
            <>
              Signed up to record {inclusion.seq}, by checkpoint {inclusion.checkpoint.number} of <Time at={inclusion.checkpoint.at} /> (
              <code className="break-all">{inclusion.checkpoint.hash}</code>): nothing before it can be changed or cut off unnoticed.
            </>
          ) : (
            "Once a day the portal signs the end of every record; this one is not covered yet."
          )}{" "}
          <span className="no-print">
            Prove it without us: export it, then run <a href="/verify-record.mjs">verify-record.mjs</a> on it, with the key of{" "}
            <a href="/audit-checkpoints.json">audit-checkpoints.json</a>.
          </span>
        </p>
        <p className="no-print mt-4 flex flex-wrap gap-2.5">
          <a href={`/o/${id}/audit/export`} className={buttonClass({ look: "quiet" })}>
            Export as JSON
          </a>
          <a href={`/o/${id}/run`} className={buttonClass({ look: "quiet" })}>
            Back to the run
          </a>
        </p>
        <div className="mt-6">
          <RecordList records={await audit.list(subject)} />
        </div>
      </main>
    </>
  );
}
