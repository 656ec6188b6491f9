import clsx from "clsx";
import { Check, Circle, CircleX, Hourglass, LoaderCircle, SkipForward, UserRound } from "lucide-react";
import { CopyButton } from "@/components/ui/copy-button";
import { Countdown } from "@/components/ui/timer";
import { Card, Time } from "@/components/ui/ui";
import type { StepFailure } from "@/lib/audit/events";
import type { Step, StepState } from "@/lib/audit/status";

const LOOK: Record<StepState, [word: string, tone: string, icon: typeof Check]> = {
  todo: ["Waiting its turn", "text-ink-3", Circle],
  running: ["Running", "text-info", LoaderCircle],
  waiting: ["Waiting for Microsoft", "text-info", Hourglass],
  done: ["Done", "text-done", Check],
  "already-ok": ["Already there", "text-ink-3", Check],
  skipped: ["Not now", "text-ink-3", SkipForward],
  failed: ["Failed", "text-fail", CircleX],
  "needs-approver": ["Needs an approver", "text-wait", UserRound],
};

export function Failure({ failure, at }: { failure: StepFailure; at?: string | undefined }) {
  const copy = [
    failure.message,
    failure.tried && `Tried: ${failure.tried}`,
    failure.said && `Microsoft said: ${failure.said}`,
    failure.code && `Code: ${failure.code}`,
    failure.requestId && `Request id: ${failure.requestId}`,
    at && `Time: ${at}`,
  ]
    .filter(Boolean)
    .join("\n");
  return (
    <div className="mt-2 rounded-lg border border-line bg-sunken px-3.5 py-2.5 text-[14px]">
      <div className="flex items-start justify-between gap-3">
        <p>
          {failure.message} <b className="font-semibold">{failure.action}</b>
        </p>
        <CopyButton text={copy} label="the details" />
      </div>
      {(failure.tried || failure.said) && (
        <dl className="mt-1.5 grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 text-[13px]">
          {failure.tried && (
            <>
              <dt className="text-ink-2">We tried</dt>
              <dd>
                <code className="break-all">{failure.tried}</code>
              </dd>
            </>
          )}
          {failure.said && (
            <>
              <dt className="text-ink-2">Microsoft said</dt>
              <dd className="break-words">{failure.said}</dd>
            </>
          )}
        </dl>
      )}
      <p className="mt-1 text-[13px] text-ink-2">
        {at && (
          <>
            <Time at={at} /> ·{" "}
          </>
        )}
        Who can: {failure.who}
        {failure.code && (
          <>
            {" "}
            · <code>{failure.code}</code>
          </>
        )}
        {failure.requestId && (
          <>
            {" "}
            · request <code>{failure.requestId}</code>
          </>
        )}
      </p>
    </div>
  );
}

/** What was done, what is going on, what waits and for whom. `explained` is a failure that the page shows already. */
export function RunSteps({
  steps,
  now,
  explained,
  names = {},
}: {
  steps: readonly Step[];
  now: Date;
  explained?: StepFailure | undefined;
  /** Registrations by id; where there are several, each has a heading. */
  names?: Readonly<Record<string, string>>;
}) {
  // A step's id starts with its registration's.
  const registrationOf = (step: Step | undefined) => step?.id.split(".")[0] ?? "";
  const isGrouped = new Set(steps.map(registrationOf)).size > 1;
  return (
    <Card>
      <ol className="divide-y divide-line">
        {steps.map((step, index) => {
          const heading = isGrouped && registrationOf(step) !== registrationOf(steps[index - 1]) ? registrationOf(step) : null;
          const [word, tone, Icon] = LOOK[step.state];
          return (
            <li
              key={step.id}
              className="grid grid-cols-[20px_minmax(0,1fr)] gap-x-3 px-4 py-3 sm:grid-cols-[20px_minmax(0,1fr)_auto] sm:px-5"
            >
              {heading && <p className="col-span-full mb-1.5 text-[13px] font-semibold text-ink-2">{names[heading] ?? heading}</p>}
              <Icon size={17} aria-hidden className={clsx("mt-0.5", tone, step.state === "running" && "motion-safe:animate-spin")} />
              <div className="min-w-0">
                <p className={clsx(["todo", "skipped", "already-ok"].includes(step.state) && "text-ink-2")}>{step.title}</p>
                {step.state === "waiting" && step.waiting && (
                  <p className="text-[14px] text-info">
                    {step.waiting.words} For <Countdown kind="since" at={step.waiting.since} now={now.toISOString()} />
                    {new Date(step.waiting.retryAt).getTime() - now.getTime() > 1500 && (
                      <>
                        ; next try in <Countdown kind="until" at={step.waiting.retryAt} now={now.toISOString()} />
                      </>
                    )}
                    .
                  </p>
                )}
                {step.attempts > 1 && step.state !== "todo" && <p className="text-[13px] text-ink-3">Attempt {step.attempts}</p>}
                {step.note && <p className="break-words text-[13px] text-ink-3">{step.note}</p>}
                {step.failure &&
                  (step.failure.message === explained?.message && step.failure.requestId === explained?.requestId ? (
                    <p className="text-[13px] text-ink-3">Explained above</p>
                  ) : (
                    <Failure failure={step.failure} at={step.finishedAt} />
                  ))}
              </div>
              <span className={clsx("col-start-2 text-[13px] sm:col-start-3", tone)}>{word}</span>
            </li>
          );
        })}
      </ol>
    </Card>
  );
}
