import { CircleCheck, CircleX, Minus, TriangleAlert } from "lucide-react";
import { notFound } from "next/navigation";
import { Lead, TopBar } from "@/components/onboarding/frame";
import { buttonClass, Card, Time } from "@/components/ui/ui";
import { graphToken, requireSupport } from "@/lib/auth/auth";
import { connect } from "@/lib/graph/graph";
import { examine, type Finding } from "@/lib/operator/doctor";

export const metadata = { title: "Doctor" };

const LOOK: Record<Finding["state"], [Icon: typeof Minus, word: string, className: string]> = {
  ok: [CircleCheck, "Fine", "text-done"],
  warn: [TriangleAlert, "Worth a look", "text-wait"],
  fail: [CircleX, "To mend", "text-fail"],
  skipped: [Minus, "Not looked at", "text-ink-3"],
};

/** For operators of the portal's own tenant. */
export default async function Doctor() {
  const support = await requireSupport("/desk/doctor");
  if (!support.mayOperate) notFound();
  const token = await graphToken(support, ["Application.Read.All"]);
  const findings = await examine(token.ok ? connect({ token: async () => token.value }) : null, true);
  const failed = findings.filter(({ state }) => state === "fail").length;
  return (
    <>
      <TopBar mark="V" title="Desk" person={support.username} />
      <main className="mx-auto max-w-[860px] px-4 py-7 sm:px-7">
        <p className="mb-3 text-[14px]">
          <a href="/desk">Onboardings</a>
        </p>
        <h1>{failed > 0 ? `${failed} ${failed === 1 ? "thing" : "things"} to mend` : "Fit to serve"}</h1>
        <Lead>
          Looked at <Time at={new Date()} />. The same at a terminal: <code>npm run doctor</code>.
        </Lead>
        <Card className="mt-6">
          <ul className="divide-y divide-line">
            {findings.map(({ id, title, state, detail, fix }) => {
              const [Icon, word, className] = LOOK[state];
              return (
                <li key={`${id} ${detail}`} className="flex gap-3 px-5 py-3.5">
                  <Icon size={18} aria-label={word} className={`mt-0.5 shrink-0 ${className}`} />
                  <div className="min-w-0">
                    <p className="font-medium">{title}</p>
                    <p className="break-words text-ink-2">{detail}</p>
                    {fix && <p className="mt-0.5 break-words text-[14px]">{fix}</p>}
                  </div>
                </li>
              );
            })}
          </ul>
        </Card>
        <p className="mt-4">
          <a href="/desk/doctor" className={buttonClass({ look: "quiet" })}>
            Look again
          </a>
        </p>
      </main>
    </>
  );
}
