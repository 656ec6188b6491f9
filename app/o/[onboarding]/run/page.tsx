import { redirect } from "next/navigation";
import { SignInButton } from "@/components/entra/entra";
import { Columns, Facts, Lead, Steps } from "@/components/onboarding/frame";
import { Failure, RunSteps } from "@/components/onboarding/run-steps";
import { StartRun } from "@/components/onboarding/start-run";
import { CopyButton } from "@/components/ui/copy-button";
import { Live } from "@/components/ui/live";
import { buttonClass, Card, Notice, Since, Time } from "@/components/ui/ui";
import type { Progress } from "@/lib/audit/status";
import { browserSettings } from "@/lib/auth/auth";
import { registrationsFor } from "@/lib/catalogue/selection";
import { accessOf, canGiveLink, isAtWork, versionShown } from "@/lib/onboarding/find";
import { recipientOf, removalDue } from "@/lib/onboarding/hand-over";
import { removeDue, start } from "../actions";
import { requireAdmin } from "../admin";
import { AdminBar } from "../bar";
import { ApprovalCard } from "./approval-card";
import { GiveLink } from "./give-link";
import { HandoffCard } from "./handoff-card";
import { HealthCard } from "./health-card";
import { ManualSteps } from "./manual-steps";
import { isPolicyFailure, PolicyCard } from "./policy-card";
import { PickContact, Recipient } from "./recipient";

export const metadata = { title: "Provision" };

function headline({ run, handoff, steps, registrations }: Progress, isInterrupted: boolean): [title: string, text: string] {
  if (!run) return ["Starting", "Your approval is recorded. We read your tenant once more, then make exactly what you approved."];
  if (isInterrupted) return ["The run was interrupted", "What is done stays done and is not done twice. It goes on from there."];
  if (!run.finishedAt)
    return ["Making it in your tenant", "You can close this tab: it goes on without you, and this address shows how it stands."];
  if (run.outcome === "awaiting-approval")
    return ["Waiting for a colleague with the right role", "Everything that your role allows is done. The rest is one approval away."];
  if (run.outcome === "sign-in-needed") return ["Paused until you confirm", "What is done stays done. It goes on from there."];
  if (run.outcome !== "done") return ["It stopped", "What is done stays done. Nothing is done twice when you try again."];
  if (handoff?.state === "sealed" || !handoff)
    return [
      "It works. Now hand it over",
      `${steps.filter(({ state }) => state === "done" || state === "already-ok").length} steps done and read back from your tenant.`,
    ];
  if (handoff.state === "revealed" && handoff.reportedAt)
    return Object.values(registrations).some(({ keyId }) => keyId)
      ? ["Somebody else may have the secret", "One press takes it away from them."]
      : ["The secret is removed", "Nobody can sign in with it any more."];
  if (handoff.state === "revealed" && handoff.failing)
    return ["Handed over, but it does not work yet", "What the contact reports, why as a rule, and what to do."];
  if (handoff.state === "revealed") return ["Handed over", "The vendor's contact has the values. Nothing secret is left here."];
  if (["expired", "revoked", "locked"].includes(handoff.state))
    return ["The link is over", "Nobody has seen the values. What was made in your tenant stays."];
  return ["Handed over to the contact", "You are told here when the link is opened and when the values are revealed."];
}

export default async function Run({
  params,
  searchParams,
}: {
  params: Promise<{ onboarding: string }>;
  searchParams: Promise<{ go?: string; asked?: string }>;
}) {
  const { onboarding: id } = await params;
  const { go, asked } = await searchParams;
  const { person, subject } = await requireAdmin(id, `/o/${id}/run`);
  const { manifest, progress, contactEmail } = subject;
  const { run, approved, handoff, consentRefused, approval, consentPage, undo } = progress;
  if (undo) redirect(`/o/${id}/undo`);
  if (!run && (!approved || (consentRefused && !go))) redirect(`/o/${id}/plan`);
  const now = new Date();
  const settings = browserSettings(accessOf(subject));
  const here = `/o/${id}/run`;
  const atWork = await isAtWork(subject);
  const isInterrupted = Boolean(run && !run.finishedAt && !atWork);
  const isRunning = Boolean(run && !run.finishedAt && !isInterrupted);
  const isSince = (at: string | undefined) => Boolean(at && run?.finishedAt && at > run.finishedAt);
  // A colleague granted what was missing, here or on Microsoft's page: the rest can be done now.
  const isUnblocked =
    run?.outcome === "awaiting-approval" &&
    ((approval?.state === "approved" &&
      approval.run?.outcome === "done" &&
      approval.declined.length === 0 &&
      isSince(approval.run.finishedAt)) ||
      (isSince(consentPage?.returnedAt) && !consentPage?.error));
  const wantsRun = Boolean(approved) && (!run || isInterrupted || (Boolean(run.finishedAt) && run.startedAt < approved!.at) || isUnblocked);
  // Somebody else's open page must not run it with a right that the approver has and its reader has not.
  const isMine = approved?.objectId === person.objectId;
  const isDone = run?.outcome === "done" && !wantsRun;
  const isLeft = progress.departure?.run?.outcome === "done";
  const [title, text] = headline(wantsRun && !isInterrupted ? { ...progress, run: undefined as never } : progress, isInterrupted);
  const removal = removalDue(subject, now);
  const removalRun = progress.removal?.run;
  const isRemoving = Boolean(removalRun && !removalRun.finishedAt && atWork);
  const isHeld = isDone && (await canGiveLink(person, progress));
  const count = (...states: string[]) => progress.steps.filter(({ state }) => states.includes(state)).length;
  const canRetry = Boolean(run?.finishedAt) && run?.outcome !== "done" && !wantsRun;
  const isApproving = Boolean(approval?.run && !approval.run.finishedAt && atWork);
  const startRun = (label: string, auto: boolean) => (
    <StartRun
      begin={start.bind(null, id)}
      auto={auto}
      hasAsked={Boolean(asked)}
      label={label}
      busy="Reading your tenant once more before anything is written"
      here={here}
      changed={`/o/${id}/plan?changed=1`}
      settings={settings}
      loginHint={person.username}
    />
  );
  return (
    <>
      <AdminBar subject={subject} person={person} />
      <Live url={`/o/${id}/events`} since={versionShown(subject, atWork)} />
      <Columns
        isPinned={false}
        aside={
          <>
            <h2>{isDone ? "In your tenant" : isRunning ? "Safe to close this tab" : "How it stands"}</h2>
            <Facts
              items={[
                ["Done", count("done", "already-ok")],
                ["Waiting", count("todo", "running", "waiting")],
                ["Needs an approver", count("needs-approver")],
                ["Failed", count("failed")],
                ...(run ? [["Started", <Since key="s" at={run.startedAt} now={now} />] as const] : []),
              ]}
            />
            {Object.values(progress.registrations).map(
              (facts) =>
                facts.appId && (
                  <div key={facts.appId} className="mt-3 border-t border-line pt-3 text-[13px]">
                    <p className="font-medium">{facts.displayName}</p>
                    <p className="mt-1 text-ink-2">Application (client) ID</p>
                    <p className="flex items-center justify-between gap-2">
                      <code>{facts.appId}</code>
                      <CopyButton text={facts.appId} label="the application ID" />
                    </p>
                    {facts.secretEndsAt && (
                      <p className="mt-1 text-ink-2">
                        Secret expires <Time at={facts.secretEndsAt} />
                      </p>
                    )}
                  </div>
                ),
            )}
            <p className="mt-3.5 border-t border-line pt-3.5">
              <a href={`/o/${id}/audit`} className={buttonClass({ look: "quiet", wide: true })}>
                The record
              </a>
            </p>
            {run?.finishedAt && (
              <p className="mt-2.5">
                <a href={`/o/${id}/plan`} className={buttonClass({ look: "quiet", wide: true })}>
                  Compare with my tenant now
                </a>
              </p>
            )}
            {isDone && !isLeft && handoff && handoff.state !== "sealed" && (
              <p className="mt-2.5">
                <a href={`/o/${id}/leave`} className={buttonClass({ look: "quiet", wide: true })}>
                  Remove this portal from my tenant
                </a>
              </p>
            )}
            {run?.finishedAt && Object.keys(progress.made).length > 0 && (
              <p className="mt-2.5">
                <a href={`/o/${id}/undo`} className={buttonClass({ look: "quiet", wide: true })}>
                  Undo everything done here
                </a>
              </p>
            )}
          </>
        }
      >
        <Steps current={isDone ? 5 : 4} />
        <h1>{title}</h1>
        <Lead>{text}</Lead>
        <div className="mt-6 space-y-3.5">
          {wantsRun && !isMine && (
            <Notice tone="info" title={`${approved?.by} approved; the run starts from their browser`}>
              If it does not, you can start it yourself.
            </Notice>
          )}
          {isUnblocked && approval?.state === "approved" && (
            <Notice tone="done" title={`${approval.decidedBy} approved it`}>
              {approval.approved.map(({ value }) => value).join(", ")} {approval.approved.length === 1 ? "is" : "are"} granted. What is left
              is the rest of the plan.
            </Notice>
          )}
          {wantsRun && startRun("Go on", isMine)}
          {isApproving && <Notice live tone="info" title={`${approval?.decidedBy} approved; the permissions are being granted`} />}
          {canRetry && run?.outcome === "awaiting-approval" && !isApproving && (
            <>
              {go && startRun("Try again", true)}
              <ApprovalCard subject={subject} person={person} settings={settings} now={now} />
            </>
          )}
          {canRetry && run?.outcome === "sign-in-needed" && (
            <Notice tone="wait" title="Microsoft wants you to confirm who you are">
              <p>{run.failure?.message}</p>
              {go ? (
                startRun("Go on", true)
              ) : (
                <SignInButton
                  settings={settings}
                  ask={{ to: `${here}?go=1`, loginHint: person.username, plan: true, ...(run.claims ? { claims: run.claims } : {}) }}
                >
                  Confirm at Microsoft
                </SignInButton>
              )}
            </Notice>
          )}
          {canRetry && run?.outcome === "failed" && (
            <>
              {run.failure && <Failure failure={run.failure} at={run.finishedAt} />}
              {isPolicyFailure(run.failure) && <PolicyCard subject={subject} failure={run.failure!} />}
              {approved ? (
                startRun("Try again", Boolean(go))
              ) : (
                <p>
                  <a href={`/o/${id}/plan`} className={buttonClass()}>
                    Review the plan
                  </a>
                </p>
              )}
            </>
          )}
          {isDone && removal && (
            <Card className="space-y-3 p-5" aria-label="Removing a secret">
              <h2>A secret is to be removed</h2>
              <p className="text-ink-2">{removal.reason}. Nothing else in your tenant changes.</p>
              {progress.removal && progress.removal.steps.length > 0 && <RunSteps steps={progress.removal.steps} now={now} names={{}} />}
              {removalRun?.failure && removalRun.finishedAt && progress.removal?.steps.every(({ failure }) => !failure) && (
                <Failure failure={removalRun.failure} at={removalRun.finishedAt} />
              )}
              {!isRemoving && (
                <StartRun
                  begin={removeDue.bind(null, id)}
                  auto={!removalRun || Boolean(go)}
                  hasAsked={Boolean(asked)}
                  label={removalRun ? "Try again" : "Remove it now"}
                  busy="Reading your tenant, then removing it"
                  here={here}
                  changed={here}
                  settings={settings}
                  loginHint={person.username}
                />
              )}
            </Card>
          )}
          {isDone && handoff && (
            <Card className="p-5">
              <h2 className="mb-1">The one-time link</h2>
              {manifest.handover.recipient === "contact" && subject.contacts.length > 1 && handoff.state === "sealed" && (
                <PickContact id={id} to={recipientOf(subject)} contacts={subject.contacts} />
              )}
              {manifest.handover.recipient !== "contact" && handoff.state === "sealed" && (
                <Recipient
                  id={id}
                  to={recipientOf(subject)}
                  named={contactEmail}
                  isOwn={manifest.handover.recipient === "customer"}
                  note={manifest.handover.note}
                />
              )}
              <HandoffCard id={id} handoff={handoff} registrations={progress.registrations} isHeld={isHeld} isRemoving={removal !== null} />
              {["sealed", "sent", "opened"].includes(handoff.state) && (
                <div className="mt-3 empty:hidden">
                  <GiveLink
                    key={`${handoff.id} ${recipientOf(subject)}`}
                    id={id}
                    contact={recipientOf(subject)}
                    reader={recipientOf(subject) ?? "whoever enters the values"}
                    canTake={handoff.state === "sealed" && isHeld}
                    machineOf={manifest.handover.machineKey ? manifest.vendor.name : null}
                  />
                </div>
              )}
            </Card>
          )}
          {isDone && isLeft && (
            <Notice tone="done" title="This portal is no longer in your tenant">
              Removed by {progress.departure?.by}, <Time at={progress.departure!.run!.finishedAt!} />. Whatever it is asked to do from now
              on, it asks Microsoft for consent anew.
            </Notice>
          )}
          {isDone && !isLeft && handoff && handoff.state !== "sealed" && (
            <HealthCard subject={subject} person={person} hasAsked={Boolean(asked)} />
          )}
          {isDone && <ManualSteps subject={subject} />}
          {progress.steps.length > 0 && (
            <section aria-labelledby="steps">
              <h2 id="steps" className="mt-6 mb-2.5">
                {isDone ? "What was done" : "Steps"}
              </h2>
              <p role="status" className="sr-only">
                {isRunning ? `${count("done", "already-ok")} of ${progress.steps.length} steps done` : title}
              </p>
              <RunSteps
                steps={progress.steps}
                now={now}
                explained={run?.outcome === "failed" ? run.failure : undefined}
                names={
                  progress.choices
                    ? Object.fromEntries(registrationsFor(manifest, progress.choices).map((each) => [each.id, each.displayName]))
                    : {}
                }
              />
            </section>
          )}
        </div>
      </Columns>
    </>
  );
}
