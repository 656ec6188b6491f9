import { redirect } from "next/navigation";
import { SignInButton } from "@/components/entra/entra";
import { Columns, Facts, Lead, Steps } from "@/components/onboarding/frame";
import { PlanList } from "@/components/onboarding/plan-list";
import { Act } from "@/components/ui/act";
import { SignOut } from "@/components/ui/sign-out";
import { buttonClass, Notice, Time } from "@/components/ui/ui";
import { browserSettings, meaningOfConsentRefusal } from "@/lib/auth/auth";
import { manualStepsFor, prerequisitesFor, refusalOf, registrationsFor } from "@/lib/catalogue/selection";
import { accessOf } from "@/lib/onboarding/find";
import * as onboarding from "@/lib/onboarding/onboarding";
import { isChange } from "@/lib/provisioning/provisioning";
import { approve } from "../actions";
import { requireAdmin } from "../admin";
import { AdminBar } from "../bar";
import { NewerEdition } from "../newer-edition";
import { Adopt } from "./adopt";
import { Prerequisites } from "./prerequisites";

export const metadata = { title: "Review the plan" };

export default async function Plan({
  params,
  searchParams,
}: {
  params: Promise<{ onboarding: string }>;
  searchParams: Promise<{ changed?: string }>;
}) {
  const { onboarding: id } = await params;
  const { changed } = await searchParams;
  const { person, subject } = await requireAdmin(id, `/o/${id}/plan`);
  const { manifest, progress } = subject;
  if (!progress.choices || refusalOf(manifest, subject.offered, progress.choices)) redirect(`/o/${id}/features`);
  if (progress.run && !progress.run.finishedAt) redirect(`/o/${id}/run`);
  if (progress.undo && progress.undo.run?.outcome !== "done") redirect(`/o/${id}/undo`);
  const review = await onboarding.review(person, subject, new Date());
  const bar = <AdminBar subject={subject} person={person} />;
  if (!review?.ok)
    return (
      <>
        {bar}
        <Columns
          aside={
            <>
              <h2 className="mb-3">Sign in again</h2>
              <SignInButton
                wide
                settings={browserSettings()}
                ask={{
                  to: `/o/${id}/plan`,
                  loginHint: person.username,
                  ...(review && !review.ok && review.refusal.claims ? { claims: review.refusal.claims } : {}),
                }}
              >
                Confirm at Microsoft
              </SignInButton>
              <div className="mt-2.5">
                <SignOut to={`/o/${id}/tenant`}>Use another account</SignOut>
              </div>
            </>
          }
        >
          <Steps current={3} />
          <h1>The plan could not be made</h1>
          <div className="mt-6">
            <Notice tone="fail" title={review?.refusal.message ?? "Choose features first."} />
          </div>
        </Columns>
      </>
    );
  const { operations, digest, basis, readAt } = review.value;
  const prerequisites = prerequisitesFor(manifest, progress.choices);
  const openFirst = onboarding.openPrerequisites(subject).length;
  const definitions = new Map(registrationsFor(manifest, progress.choices).map((each) => [each.id, each.definition]));
  const adoptable = review.value.registrations.filter(
    ({ id: registration, adopts, lookalikes }) => adopts || lookalikes.length > 0 || definitions.get(registration)?.adopt,
  );
  const settings = browserSettings(accessOf(subject));
  const manual = manualStepsFor(manifest, progress.choices);
  const { outdated } = progress;
  const differences = Object.fromEntries(
    (outdated ? operations : []).flatMap(({ id: operation, effect, title }) => {
      const before = outdated?.effects[operation];
      if (before === effect && (outdated?.titles[operation] ?? title) === title) return [];
      const was = outdated?.titles[operation];
      return [[operation, before === undefined ? "It was not part of what you approved." : `You approved: ${was ?? before}.`]];
    }),
  );
  const changes = operations.filter(isChange);
  const blocked = operations.filter(({ effect }) => effect === "blocked");
  const forOthers = changes.filter(({ needsRole }) => needsRole);
  const what = changes.length === 1 ? "1 change" : `${changes.length} changes`;
  return (
    <>
      {bar}
      <Columns
        aside={
          <>
            <h2 className="mb-2.5 md:mb-0">
              {blocked.length > 0
                ? "This cannot be done as it is"
                : openFirst > 0
                  ? "Almost ready"
                  : changes.length === 0
                    ? "Nothing to do"
                    : "Ready when you are"}
            </h2>
            <Facts
              items={[
                ["You can do", `${changes.length - forOthers.length} of ${changes.length}`],
                ["Needs an approver", forOthers.length],
                ["Already there", operations.filter(({ effect }) => effect === "same").length],
                ["By hand, afterwards", manual.length],
              ]}
            />
            {openFirst > 0 && (
              <div className="mb-3">
                <Notice tone="wait" title={openFirst === 1 ? "One thing comes first" : `${openFirst} things come first`}>
                  Tick {openFirst === 1 ? "it" : "them"} off at the top of the plan.
                </Notice>
              </div>
            )}
            {blocked.length === 0 && openFirst === 0 && (changes.length > 0 || !progress.run) && (
              <Act action={approve} fields={{ onboarding: id, digest }} wide busy="Approving…">
                Approve and provision
              </Act>
            )}
            <p className="mt-2.5">
              <a href={`/o/${id}/features`} className={buttonClass({ look: "quiet", wide: true })}>
                Change the features
              </a>
            </p>
            <p className="mt-2.5">
              <a href={`/o/${id}/by-hand`} className={buttonClass({ look: "quiet", wide: true })}>
                Do it by hand instead
              </a>
            </p>
            <p className="mt-2.5 text-center text-[14px]">
              <a href={`/o/${id}/dossier`}>Permission dossier</a>
            </p>
            <p className="mt-3.5 hidden border-t border-line pt-3.5 text-[13px] text-ink-2 md:block">
              Every change is recorded with Microsoft’s request id, so that you can match it with your tenant’s own audit log.
              {basis === "assumed-empty" &&
                " Microsoft asks you next for the rights that this takes. They are wider than this plan; we use them for nothing else."}
            </p>
          </>
        }
      >
        <Steps current={3} />
        <h1>
          {what} in {progress.signedIn?.domain}
        </h1>
        <Lead>
          This is everything that will happen, in this order.{" "}
          {basis === "read" ? (
            <>
              Your tenant was read at <Time at={readAt} />; if it changes in the meantime, you are asked again.
            </>
          ) : (
            <>
              We may not look into your tenant yet, so this assumes{" "}
              {progress.run ? "that it is as recorded here" : `that nothing of ${manifest.name} is there`}. We look as soon as you approve,
              and ask again if it is not so.
            </>
          )}
        </Lead>
        <div className="mt-6 space-y-3.5">
          {outdated && (
            <Notice tone="wait" title="Your tenant changed since you approved">
              Nothing was written since. Lines that differ are marked; approve the plan as it is now.
            </Notice>
          )}
          {!outdated &&
            (changed ||
              (basis === "read" &&
                progress.run === undefined &&
                !progress.approved &&
                operations.some(({ effect }) => effect !== "create"))) && (
              <Notice tone="wait" title="Your tenant is not empty">
                Something of {manifest.name} is there already. Nothing was written. Lines marked = stay as they are, lines marked ~ are
                added to.
              </Notice>
            )}
          {progress.consentRefused && (
            <Notice tone="wait" title="Microsoft did not get your consent">
              {meaningOfConsentRefusal(progress.consentRefused.code)}
            </Notice>
          )}
          {forOthers.length > 0 && (
            <Notice tone="wait" title={`${forOthers.length === 1 ? "One line needs" : `${forOthers.length} lines need`} another role`}>
              You can start now: everything that you may do is done, the rest waits. Then you ask a colleague with the role named there by a
              link to exactly these lines. If you hold the role through Privileged Identity Management, activate it and check again.
              <span className="mt-2.5 block">
                <SignInButton look="quiet" settings={browserSettings()} ask={{ to: `/o/${id}/plan`, loginHint: person.username }}>
                  I activated my role: check again
                </SignInButton>
              </span>
            </Notice>
          )}
          <NewerEdition subject={subject} />
          <Prerequisites subject={subject} items={prerequisites} />
          {prerequisites.length > 0 && <h2 className="pt-2">Then</h2>}
          <PlanList
            operations={operations}
            manual={manual}
            changed={differences}
            names={Object.fromEntries(review.value.registrations.map((each) => [each.id, each.displayName]))}
          />
          {adoptable.length > 0 && (
            <details
              className="rounded-[10px] border border-line bg-surface px-4 py-3 sm:px-5"
              open={adoptable.some(({ adopts, lookalikes }) => adopts || lookalikes.length > 0)}
            >
              <summary className="font-medium">Use a registration that is there already</summary>
              <div className="mt-3 space-y-5">
                {adoptable.map(({ id: registration, displayName, adopts, lookalikes }) => (
                  <Adopt
                    key={registration}
                    id={id}
                    registration={registration}
                    displayName={displayName}
                    hint={definitions.get(registration)?.adopt?.hint ?? null}
                    adopts={adopts}
                    lookalikes={lookalikes}
                    settings={settings}
                    loginHint={person.username}
                  />
                ))}
              </div>
            </details>
          )}
          <p className="text-[13px] text-ink-2">
            Afterwards we read everything back, sign in with the new secret where there is one, and try each feature once, reading only.
          </p>
        </div>
      </Columns>
    </>
  );
}
