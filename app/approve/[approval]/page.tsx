import { SignInButton } from "@/components/entra/entra";
import { Columns, Lead, Narrow, TopBar } from "@/components/onboarding/frame";
import { OpenLink } from "@/components/onboarding/open-link";
import { Failure, RunSteps } from "@/components/onboarding/run-steps";
import { StartRun } from "@/components/onboarding/start-run";
import { Live } from "@/components/ui/live";
import { SignOut } from "@/components/ui/sign-out";
import { Card, Notice, Time } from "@/components/ui/ui";
import { browserSettings, findSignedIn } from "@/lib/auth/auth";
import * as approval from "@/lib/onboarding/approval";
import { accessOf, isAtWork, versionShown } from "@/lib/onboarding/find";
import { abilitiesOf } from "@/lib/provisioning/provisioning";
import { anyOf } from "@/lib/vocabulary";
import { grant } from "./actions";
import { Decide } from "./decide";
import { approvalToken } from "./link";

export const metadata = { title: "Approve permissions" };

export default async function Approve({
  params,
  searchParams,
}: {
  params: Promise<{ approval: string }>;
  searchParams: Promise<{ go?: string; asked?: string }>;
}) {
  const { approval: id } = await params;
  const { go, asked } = await searchParams;
  const now = new Date();
  const token = await approvalToken();
  const found = await approval.findByLink(id, token, now);
  if (!found)
    return (
      <>
        <TopBar mark="V" title="Vestibule" />
        <Narrow>
          <OpenLink to={`/approve/${id}/open`} what="request" />
        </Narrow>
      </>
    );
  const { onboarding, approval: request, over } = found;
  const { manifest, progress, customerName } = onboarding;
  const here = `/approve/${id}`;
  const person = await findSignedIn();
  const isOfTenant = person?.tenantId === onboarding.tenantId;
  const settings = browserSettings(found ? accessOf(found.onboarding) : undefined);
  const mayDecide = !over && request.state === "open";
  const review = person && isOfTenant && mayDecide ? await approval.review(person, id, token, now) : null;
  const roleNames = person ? abilitiesOf(person.directoryRoles).roleNames : [];
  const isDecider = person && request.decidedByObjectId === person.objectId;
  const { run } = request;
  const atWork = await isAtWork(onboarding);
  const isInterrupted = Boolean(run && !run.finishedAt && !atWork);
  const isRunning = Boolean(run && !run.finishedAt && !isInterrupted);
  const isGranted = request.state === "approved" && run?.outcome === "done";
  const mustRun = request.state === "approved" && !isGranted && !isRunning;
  const features = new Map(manifest.features.map((feature) => [feature.id, feature.title]));
  const chosen = (progress.choices?.features ?? []).map((feature) => features.get(feature) ?? feature).join(", ");
  const recheck = (
    <SignInButton look="quiet" settings={settings} ask={{ to: here, loginHint: person?.username ?? "" }}>
      I activated my role: check again
    </SignInButton>
  );
  return (
    <>
      <TopBar
        mark={manifest.name[0] ?? "V"}
        title={manifest.name}
        chip={`${progress.signedIn?.tenantName ?? customerName} · ${progress.signedIn?.domain ?? onboarding.expectedDomain}`}
        person={person?.username}
      />
      {isOfTenant && <Live url={`${here}/events`} since={versionShown(onboarding, atWork)} />}
      <Columns
        isPinned={false}
        aside={
          <>
            <h2>The request</h2>
            <dl className="mt-3 space-y-2 text-[14px]">
              <div>
                <dt className="text-ink-2">Asked by</dt>
                <dd className="break-words">
                  {request.by}
                  <br />
                  {request.username}
                </dd>
              </div>
              <div>
                <dt className="text-ink-2">For</dt>
                <dd>
                  {manifest.name} of {manifest.vendor.name}
                </dd>
              </div>
              <div>
                <dt className="text-ink-2">Since</dt>
                <dd>
                  <Time at={request.at} />
                </dd>
              </div>
              {mayDecide && (
                <div>
                  <dt className="text-ink-2">Works until</dt>
                  <dd>
                    <Time at={found.expiresAt} />
                  </dd>
                </div>
              )}
              {person && isOfTenant && (
                <div>
                  <dt className="text-ink-2">Your roles</dt>
                  <dd>{roleNames.join(", ") || "none that counts here"}</dd>
                </div>
              )}
            </dl>
            <p className="mt-3.5 border-t border-line pt-3.5 text-[13px] text-ink-2">
              Approving grants these permissions to the application and nothing else. No secret is issued to you or shown to you, and the
              vendor cannot use them before {request.by} has finished.
            </p>
          </>
        }
      >
        <h1>{isGranted ? "Granted" : `${request.by} asks you to approve permissions`}</h1>
        <Lead>
          {isGranted
            ? "Read back from your tenant. Your colleague has been told and finishes the rest."
            : `For ${manifest.name}: ${chosen}. The app registration is made already; these permissions need a role that ${request.by} does not hold.`}
        </Lead>
        <div className="mt-6 space-y-3.5">
          {request.message && (
            <Card className="px-5 py-3.5">
              <p className="text-[13px] text-ink-2">{request.by} writes</p>
              <p className="whitespace-pre-line break-words">{request.message}</p>
            </Card>
          )}
          {over && <Notice tone="wait" title={over} />}
          {!person && !over && (
            <>
              <Card className="p-5">
                <h2>What is asked for</h2>
                <ul className="mt-2 space-y-1">
                  {request.items.map((item) => (
                    <li key={approval.keyOf(item)}>
                      <code>{item.value}</code>{" "}
                      <span className="text-[13px] text-ink-2">{item.kind === "application" ? "application" : "delegated"} permission</span>
                    </li>
                  ))}
                </ul>
                <p className="mt-3 text-ink-2">
                  Sign in to see why each is needed and to decide. Signing in asks for your identity and nothing else.
                </p>
              </Card>
              <SignInButton settings={settings} ask={{ to: here }}>
                Sign in with Microsoft
              </SignInButton>
            </>
          )}
          {person && !isOfTenant && (
            <Notice tone="fail" title={`You are signed in as ${person.username}, who belongs to another tenant`}>
              <p>
                This request is for {progress.signedIn?.tenantName} ({progress.signedIn?.domain}). Nothing was changed. Sign in with an
                account of that tenant.
              </p>
              <SignOut to={here}>Use another account</SignOut>
            </Notice>
          )}
          {person && isOfTenant && request.state === "approved" && !isDecider && (
            <Notice tone="info" title={`${request.decidedBy} approved this already`}>
              {isGranted ? "The permissions are granted and read back." : "The permissions are being granted in their name."}
            </Notice>
          )}
          {review && !review.ok && (
            <Notice tone="fail" title="Your tenant could not be read">
              <p>{review.refusal.message}</p>
              <SignInButton
                settings={settings}
                ask={{
                  to: here,
                  loginHint: person?.username ?? "",
                  ...("claims" in review.refusal && review.refusal.claims ? { claims: review.refusal.claims } : {}),
                }}
              >
                Sign in again
              </SignInButton>
            </Notice>
          )}
          {review?.ok && (
            <>
              {review.value.isRequester && (
                <Notice tone="info" title="You asked for this yourself">
                  You may approve it if you hold the role by now.
                </Notice>
              )}
              {run?.outcome === "awaiting-approval" && run.failure && <Failure failure={run.failure} at={run.finishedAt} />}
              {!review.value.mayGrant && (
                <Notice tone="wait" title={`This needs ${anyOf(review.value.roles)}`}>
                  <p>
                    Microsoft’s token says: {roleNames.join(", ") || "no directory role"}. If you hold the role through Privileged Identity
                    Management, activate it first. A custom role may do as well: Microsoft decides when we try.
                  </p>
                  {recheck}
                </Notice>
              )}
              {review.value.wanted.every(({ isGranted: is }) => is) ? (
                <Notice tone="done" title="Everything that was asked for is granted already">
                  {request.by} can go on.
                </Notice>
              ) : (
                <Decide id={id} wanted={review.value.wanted} />
              )}
              {review.value.basis === "assumed-empty" && (
                <p className="text-[13px] text-ink-2">
                  We may not look into your tenant in your name yet. When you approve, Microsoft asks you for the rights that granting
                  takes.
                </p>
              )}
            </>
          )}
          {person && isOfTenant && mustRun && isDecider && (
            <>
              {run?.failure && <Failure failure={run.failure} at={run.finishedAt} />}
              <StartRun
                begin={grant.bind(null, id)}
                auto={!run || isInterrupted || Boolean(go)}
                hasAsked={Boolean(asked)}
                label="Try again"
                busy="Reading your tenant once more before anything is granted"
                here={here}
                changed={here}
                settings={settings}
                loginHint={person.username}
              />
            </>
          )}
          {isGranted && (
            <Card className="px-5 py-3.5">
              <p>
                Granted by {request.decidedBy}, <Time at={run?.finishedAt ?? now} />:{" "}
                <code>{request.approved.map(({ value }) => value).join(", ")}</code>
              </p>
              {request.declined.length > 0 && (
                <p className="text-ink-2">
                  Declined: <code>{request.declined.map(({ value }) => value).join(", ")}</code>
                </p>
              )}
            </Card>
          )}
          {person && isOfTenant && run && (
            <section aria-labelledby="steps">
              <h2 id="steps" className="mt-6 mb-2.5">
                Steps
              </h2>
              <p role="status" className="sr-only">
                {isRunning ? "Granting" : isGranted ? "Granted" : "It stopped"}
              </p>
              <RunSteps
                steps={progress.steps.filter(
                  ({ id: step }) => step.endsWith(".approval.read-back") || request.approved.some((item) => item.step === step),
                )}
                now={now}
              />
            </section>
          )}
        </div>
      </Columns>
    </>
  );
}
