import { Lead } from "@/components/onboarding/frame";
import { RecordList } from "@/components/onboarding/record-list";
import { buttonClass } from "@/components/ui/ui";
import * as audit from "@/lib/audit/audit";
import { requireAdmin } from "../admin";
import { AdminBar } from "../bar";

export const metadata = { title: "The record" };

export default async function Audit({ params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const { person, subject } = await requireAdmin(id, `/o/${id}/audit`);
  return (
    <>
      <AdminBar subject={subject} person={person} />
      <main className="mx-auto max-w-[960px] px-4 py-9 sm:px-7">
        <h1>The record of this onboarding</h1>
        <Lead>
          Every step and every call to Microsoft Graph, with Microsoft’s request id. Records are never changed: each carries the hash of the
          one before it.
        </Lead>
        <p className="no-print mt-4 flex flex-wrap gap-2.5">
          <a href={`/o/${id}/audit/export`} className={buttonClass({ look: "quiet" })}>
            Export as JSON
          </a>
          <a href={`/o/${id}/run`} className={buttonClass({ look: "quiet" })}>
            Back to the run
          </a>
        </p>
        <div className="mt-6">
          <RecordList records={await audit.list(id)} />
        </div>
      </main>
    </>
  );
}
