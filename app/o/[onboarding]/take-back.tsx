import type { ReactNode } from "react";
import { SignInButton } from "@/components/entra/entra";
import { Columns, Facts, Lead } from "@/components/onboarding/frame";
import { PlanList } from "@/components/onboarding/plan-list";
import { Failure, RunSteps } from "@/components/onboarding/run-steps";
import { type StartAnswer, StartRun } from "@/components/onboarding/start-run";
import { Live } from "@/components/ui/live";
import { buttonClass, Notice, Time } from "@/components/ui/ui";
import type { Progress } from "@/lib/audit/status";
import { browserSettings, type StsRefusal } from "@/lib/auth/auth";
import { isAtWork, type Onboarding, versionShown } from "@/lib/onboarding/find";
import type { Outcome } from "@/lib/outcome";
import type { SignedIn } from "@/lib/proof";
import type { Operation } from "@/lib/provisioning/plan";
import { AdminBar } from "./bar";

export type Removing = NonNullable<Progress["undo"]>;
export type Review = Outcome<{ operations: Operation[]; digest: string }, StsRefusal>;

/** How a run that takes something away stands; an interrupted one goes on by itself. */
export async function standOf(subject: Onboarding, removing: Removing | undefined) {
  const run = removing?.run;
  const atWork = await isAtWork(subject);
  const isInterrupted = Boolean(run && !run.finishedAt && !atWork);
  return { atWork, isInterrupted, isRunning: Boolean(run && !run.finishedAt && atWork), isDone: run?.outcome === "done" };
}

/** A page on which something is taken out of the tenant: what exactly, one button, the run, and the proof that it is gone. */
export function TakeBack({
  subject,
  person,
  removing,
  stand: { atWork, isInterrupted, isRunning, isDone },
  review,
  path,
  query: { asked, changed },
  begin,
  words,
  back,
  children,
}: {
  subject: Onboarding;
  person: SignedIn;
  removing: Removing | undefined;
  stand: Awaited<ReturnType<typeof standOf>>;
  /** What would be taken away now; null while or after it is. */
  review: Review | null;
  /** Of this page, below the onboarding's. */
  path: "undo" | "leave";
  query: { asked?: string; changed?: string };
  begin: (digest: string | null) => (hasAsked: boolean) => Promise<StartAnswer>;
  words: {
    aside: string;
    asideDone: string;
    title: string;
    lead: ReactNode;
    label: string;
    interrupted: string;
    nothing: [string, string];
  };
  back: { href: string; label: string };
  children?: ReactNode;
}) {
  const here = `/o/${subject.id}/${path}`;
  const run = removing?.run;
  const operations = review?.ok ? review.value.operations : [];
  const settings = browserSettings();
  const start = (digest: string | null, label: string, auto = false) => (
    <StartRun
      begin={begin(digest)}
      auto={auto}
      hasAsked={Boolean(asked)}
      label={label}
      busy="Reading your tenant once more before anything is removed"
      here={here}
      changed={`${here}?changed=1`}
      settings={settings}
      loginHint={person.username}
      look={digest === null ? "primary" : "danger"}
      wide
    />
  );
  return (
    <>
      <AdminBar subject={subject} person={person} />
      <Live url={`/o/${subject.id}/events`} since={versionShown(subject, atWork)} />
      <Columns
        aside={
          <>
            <h2>{isDone ? words.asideDone : isRunning ? "Safe to close this tab" : words.aside}</h2>
            <Facts
              items={[
                ["To remove", operations.length],
                ["Who may", operations[0]?.roles[0] ?? "Cloud Application Administrator"],
                ...(run ? [["Started", <Time key="s" at={run.startedAt} />] as const] : []),
              ]}
            />
            {review?.ok && operations.length > 0 && start(review.value.digest, words.label)}
            {isInterrupted && start(null, "Go on", true)}
            {run?.finishedAt && !isDone && !review?.ok && start(null, "Try again")}
            <p className="mt-2.5">
              <a href={back.href} className={buttonClass({ look: "quiet", wide: true })}>
                {back.label}
              </a>
            </p>
          </>
        }
      >
        <h1>{words.title}</h1>
        <Lead>{words.lead}</Lead>
        <div className="mt-6 space-y-3.5">
          {changed && <Notice tone="wait" title="Your tenant changed while you read this. This is the list as it is now." />}
          {review && !review.ok && (
            <>
              <Notice tone="fail" title={review.refusal.message} />
              <SignInButton
                settings={settings}
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
          {isInterrupted && <Notice tone="wait" title={words.interrupted} />}
          {run?.failure && !isDone && <Failure failure={run.failure} at={run.finishedAt} />}
          {review?.ok && operations.length === 0 && (
            <Notice tone="done" title={words.nothing[0]}>
              {words.nothing[1]}
            </Notice>
          )}
          {operations.length > 0 && <PlanList operations={operations} />}
          {children}
          {removing && removing.steps.length > 0 && (isRunning || isDone || isInterrupted) && (
            <section aria-labelledby="steps">
              <h2 id="steps" className="mt-6 mb-2.5">
                Steps
              </h2>
              <p role="status" className="sr-only">
                {isDone ? "Done" : "Removing"}
              </p>
              <RunSteps steps={removing.steps} now={new Date()} />
            </section>
          )}
        </div>
      </Columns>
    </>
  );
}
