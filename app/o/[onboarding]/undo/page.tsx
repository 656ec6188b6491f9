import { redirect } from "next/navigation";
import { SignInButton } from "@/components/entra/entra";
import { Columns, Facts, Lead } from "@/components/onboarding/frame";
import { PlanList } from "@/components/onboarding/plan-list";
import { Failure, RunSteps } from "@/components/onboarding/run-steps";
import { StartRun } from "@/components/onboarding/start-run";
import { Live } from "@/components/ui/live";
import { buttonClass, Notice, Time } from "@/components/ui/ui";
import { browserSettings } from "@/lib/auth/auth";
import { isAtWork, versionShown } from "@/lib/onboarding/find";
import * as onboarding from "@/lib/onboarding/onboarding";
import { undo } from "../actions";
import { requireAdmin } from "../admin";
import { AdminBar } from "../bar";

export const metadata = { title: "Undo" };

export default async function Undo({
  params,
  searchParams,
}: {
  params: Promise<{ onboarding: string }>;
  searchParams: Promise<{ asked?: string; changed?: string }>;
}) {
  const { onboarding: id } = await params;
  // Nothing here starts by an address alone: what it does cannot be taken back.
  const { asked, changed } = await searchParams;
  const here = `/o/${id}/undo`;
  const { person, subject } = await requireAdmin(id, here);
  const { progress, manifest } = subject;
  const now = new Date();
  const { undo: undoing } = progress;
  const run = undoing?.run;
  const atWork = await isAtWork(id);
  const isInterrupted = Boolean(run && !run.finishedAt && !atWork);
  const isRunning = Boolean(run && !run.finishedAt && !isInterrupted);
  const isDone = run?.outcome === "done";
  const review = isRunning || isDone || isInterrupted ? null : await onboarding.reviewUndo(person, subject);
  if (!run && review === null) redirect(`/o/${id}/run`);
  const operations = review?.ok ? review.value.operations : [];
  const start = (digest: string | null, label: string, auto = false) => (
    <StartRun
      begin={undo.bind(null, id, digest)}
      auto={auto}
      hasAsked={Boolean(asked)}
      label={label}
      busy="Reading your tenant once more before anything is removed"
      here={here}
      changed={`${here}?changed=1`}
      settings={browserSettings()}
      loginHint={person.username}
      look={digest === null ? "primary" : "danger"}
      wide
    />
  );
  return (
    <>
      <AdminBar subject={subject} person={person} />
      <Live url={`/o/${id}/events`} since={versionShown(subject, atWork)} />
      <Columns
        aside={
          <>
            <h2>{isDone ? "Undone" : isRunning ? "Safe to close this tab" : "Undo everything"}</h2>
            <Facts
              items={[
                ["To remove", operations.length],
                ["Who may", operations[0]?.roles[0] ?? "Cloud Application Administrator"],
                ...(run ? [["Started", <Time key="s" at={run.startedAt} />] as const] : []),
              ]}
            />
            {review?.ok && operations.length > 0 && start(review.value.digest, "Undo all of this")}
            {isInterrupted && start(null, "Go on", true)}
            {run?.finishedAt && !isDone && !review?.ok && start(null, "Try again")}
            <p className="mt-2.5">
              <a href={isDone ? `/o/${id}/features` : `/o/${id}/run`} className={buttonClass({ look: "quiet", wide: true })}>
                {isDone ? "Set it up anew" : "Back, and change nothing"}
              </a>
            </p>
          </>
        }
      >
        <h1>{isDone ? "Everything that this portal made is gone" : "Undo everything this portal did here"}</h1>
        <Lead>
          {isDone
            ? `Read back from ${progress.signedIn?.domain}. What was there before ${manifest.name} was set up here is as it was.`
            : "Computed from the record of what was made, and compared with your tenant as it is now. What was there before is left alone."}
        </Lead>
        <div className="mt-6 space-y-3.5">
          {changed && <Notice tone="wait" title="Your tenant changed while you read this. This is the list as it is now." />}
          {review && !review.ok && (
            <>
              <Notice tone="fail" title={review.refusal.message} />
              <SignInButton
                settings={browserSettings()}
                ask={{
                  to: here,
                  loginHint: person.username,
                  plan: true,
                  ...(review.refusal.claims ? { claims: review.refusal.claims } : {}),
                }}
              >
                Go to Microsoft
              </SignInButton>
            </>
          )}
          {isInterrupted && <Notice tone="wait" title="Undoing was interrupted. What is gone stays gone; it goes on from there." />}
          {run?.failure && !isDone && <Failure failure={run.failure} at={run.finishedAt} />}
          {review?.ok && operations.length === 0 && (
            <Notice tone="done" title="There is nothing left to undo in your tenant">
              Nothing that this portal made is there.
            </Notice>
          )}
          {operations.length > 0 && <PlanList operations={operations} />}
          {progress.handoff && ["sealed", "sent", "opened"].includes(progress.handoff.state) && !isDone && (
            <p className="text-[13px] text-ink-2">The one-time link that the contact has not used yet stops working, too.</p>
          )}
          {undoing && undoing.steps.length > 0 && (isRunning || isDone || isInterrupted) && (
            <section aria-labelledby="steps">
              <h2 id="steps" className="mt-6 mb-2.5">
                Steps
              </h2>
              <p role="status" className="sr-only">
                {isDone ? "Done" : "Undoing"}
              </p>
              <RunSteps steps={undoing.steps} now={now} />
            </section>
          )}
        </div>
      </Columns>
    </>
  );
}
