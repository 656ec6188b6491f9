import { OWNER } from "@/components/onboarding/owner";
import { Act } from "@/components/ui/act";
import { CodeBlock } from "@/components/ui/code-block";
import { Card, Pill, Time, type Tone } from "@/components/ui/ui";
import type { ManualState } from "@/lib/audit/events";
import { type ManualStep, manualStepsFor, scriptsOf } from "@/lib/catalogue/selection";
import { knownOf, type Onboarding } from "@/lib/onboarding/find";
import { tick } from "../actions";
import { TickForm } from "../tick-form";

const STATE: Record<ManualState, [word: string, tone: Tone]> = {
  todo: ["To do", "wait"],
  later: ["Re-check", "info"],
  done: ["Done", "done"],
  "not-applicable": ["Not applicable", "plain"],
};

function Step({ subject: { id, manifest, progress }, step }: { subject: Onboarding; step: ManualStep }) {
  const state = progress.manual[step.id];
  const [word, tone] = STATE[state?.state ?? "todo"];
  const isOpen = !state || state.state === "todo" || state.state === "later";
  const scripts = progress.choices ? scriptsOf(manifest, progress.choices, step, knownOf({ progress })) : [];
  return (
    <li className="px-4 py-4 sm:px-5">
      <div className="flex flex-wrap items-start justify-between gap-2">
        <p className="font-medium">{step.title}</p>
        <div className="flex gap-2">
          <Pill>{OWNER[step.owner]}</Pill>
          <Pill tone={tone}>{word}</Pill>
        </div>
      </div>
      <p className="mt-1 max-w-[70ch] text-[14px] text-ink-2">{step.body}</p>
      {step.takes && <p className="mt-1 text-[13px] text-ink-3">Takes {step.takes} to show.</p>}
      {scripts.map(({ registration, script }) => (
        <div key={script}>
          {registration && scripts.length > 1 && <p className="mt-2 text-[13px] text-ink-2">{registration}</p>}
          <CodeBlock text={script} label={`the script${registration ? ` for ${registration}` : ""}`} />
        </div>
      ))}
      {state && state.state !== "todo" && (
        <p className="mt-2 whitespace-pre-wrap break-words text-[13px] text-ink-2">
          {state.by}, <Time at={state.at} />
          {state.checkAt && (
            <>
              . Look at it again after <Time at={state.checkAt} />
            </>
          )}
          {state.note && <>: “{state.note}”</>}
        </p>
      )}
      {isOpen ? (
        <TickForm id={id} step={step.id} takes={step.takes} />
      ) : (
        <div className="mt-2">
          <Act action={tick} fields={{ onboarding: id, step: step.id, state: "todo", note: "" }} look="quiet" busy="Opening…">
            Open it again
          </Act>
        </div>
      )}
    </li>
  );
}

/** What Graph cannot do: whose it is, what to do, what became of it. */
export function ManualSteps({ subject }: { subject: Onboarding }) {
  const { manifest, progress } = subject;
  const steps = progress.choices ? manualStepsFor(manifest, progress.choices) : [];
  if (steps.length === 0) return null;
  return (
    <section aria-labelledby="manual">
      <h2 id="manual" className="mt-6 mb-2.5">
        What only people can do
      </h2>
      <Card>
        <ul className="divide-y divide-line">
          {steps.map((step) => (
            <Step key={step.id} subject={subject} step={step} />
          ))}
        </ul>
      </Card>
    </section>
  );
}
