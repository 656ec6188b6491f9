import { Act } from "@/components/ui/act";
import { CodeBlock } from "@/components/ui/code-block";
import { Card, Pill, Time } from "@/components/ui/ui";
import type { Progress } from "@/lib/audit/status";
import type { ManualStep } from "@/lib/catalogue/selection";
import { tick } from "../actions";
import { TickForm } from "./tick-form";

const OWNER: Record<ManualStep["owner"], string> = { admin: "Yours", contact: "The vendor's contact", vendor: "The vendor's" };

/** What Graph cannot do: whose it is, what to do, what became of it. */
export function ManualSteps({ id, steps, progress }: { id: string; steps: readonly ManualStep[]; progress: Progress["manual"] }) {
  return (
    <Card>
      <ul className="divide-y divide-line">
        {steps.map((step) => {
          const state = progress[step.id];
          const isOpen = !state || state.state === "todo";
          return (
            <li key={step.id} className="px-4 py-4 sm:px-5">
              <div className="flex flex-wrap items-start justify-between gap-2">
                <p className="font-medium">{step.title}</p>
                <div className="flex gap-2">
                  <Pill>{OWNER[step.owner]}</Pill>
                  {isOpen ? <Pill tone="wait">To do</Pill> : <Pill tone="done">{state.state === "done" ? "Done" : "Not applicable"}</Pill>}
                </div>
              </div>
              <p className="mt-1 max-w-[70ch] text-[14px] text-ink-2">{step.body}</p>
              {step.script && <CodeBlock text={step.script} label="the script" />}
              {isOpen ? (
                <TickForm id={id} step={step.id} />
              ) : (
                <div className="mt-2 flex flex-wrap items-center gap-3 text-[13px] text-ink-2">
                  <span>
                    {state.by}, <Time at={state.at} />
                    {state.note && <>: “{state.note}”</>}
                  </span>
                  <Act action={tick} fields={{ onboarding: id, step: step.id, state: "todo", note: "" }} look="quiet" busy="Opening…">
                    Open it again
                  </Act>
                </div>
              )}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
