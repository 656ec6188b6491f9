import { StartRun } from "@/components/onboarding/start-run";
import { Act } from "@/components/ui/act";
import { buttonClass, Card, Notice, Pill, Time, type Tone } from "@/components/ui/ui";
import type { Finding } from "@/lib/audit/events";
import { openFindings } from "@/lib/audit/status";
import { browserSettings } from "@/lib/auth/auth";
import { accessOf, type Onboarding } from "@/lib/onboarding/find";
import { isHealthDue } from "@/lib/onboarding/health";
import type { SignedIn } from "@/lib/proof";
import { acceptFinding, checkHealth } from "../actions";

const KIND: Record<Finding["kind"], [word: string, tone: Tone]> = {
  missing: ["Missing", "fail"],
  ending: ["Ends soon", "wait"],
  "unknown-credential": ["Not from here", "wait"],
  "extra-redirect-uri": ["Added", "wait"],
  "extra-permission": ["Added", "wait"],
};

/** Whether everything is still as it was handed over: looked at once after each sign-in, and on request. Reads only. */
export function HealthCard({ subject, person, hasAsked }: { subject: Onboarding; person: SignedIn; hasAsked: boolean }) {
  const { id, manifest, progress } = subject;
  const { health } = progress;
  const open = openFindings(progress);
  const accepted = (health?.findings.length ?? 0) - open.length;
  const here = `/o/${id}/run`;
  const isFixable = open.some(({ remedy }) => remedy === "plan");
  return (
    <Card className="p-5" aria-label="Health">
      <h2>Health</h2>
      <p className="mt-1 text-ink-2">
        {!health ? (
          "Not compared with your tenant since it was handed over."
        ) : open.length === 0 ? (
          <>
            As it was handed over, <Time at={health.at} />
            {accepted > 0 && `. Accepted by you: ${accepted}`}
          </>
        ) : (
          <>
            {open.length === 1 ? "One thing is" : `${open.length} things are`} not as handed over, <Time at={health.at} />
          </>
        )}
      </p>
      {open.length > 0 && (
        <ul className="mt-3 divide-y divide-line border-y border-line">
          {open.map(({ key, kind, title, detail, remedy, registration }) => (
            <li key={key} className="space-y-2 py-3">
              <div className="flex flex-wrap items-baseline justify-between gap-x-3 gap-y-1">
                <b className="font-medium">{title}</b>
                <Pill tone={KIND[kind][1]}>{KIND[kind][0]}</Pill>
              </div>
              <p className="break-words text-[14px] text-ink-2">
                {detail}
                {Object.keys(progress.registrations).length > 1 &&
                  ` (${progress.registrations[registration]?.displayName ?? registration})`}
              </p>
              {remedy === "entra" && (
                <div className="flex flex-wrap items-start gap-3">
                  <Act action={acceptFinding} fields={{ onboarding: id, key }} look="quiet" busy="Recording…">
                    This is as it should be
                  </Act>
                  <p className="min-w-60 flex-1 text-[13px] text-ink-3">
                    If it is not: remove it at entra.microsoft.com, App registrations, {progress.registrations[registration]?.displayName}.
                    Nothing is taken away here that was not made here.
                  </p>
                </div>
              )}
              {remedy === "rotate" && <p className="text-[13px] text-ink-3">Above, under the one-time link: issue a new secret.</p>}
              {remedy === "choices" && (
                <a href={`/o/${id}/features`} className={buttonClass({ look: "quiet" })}>
                  Go to the checklist
                </a>
              )}
            </li>
          ))}
        </ul>
      )}
      {isFixable && (
        <Notice tone="info" title="What is missing can be made again">
          <a href={`/o/${id}/plan`} className={buttonClass()}>
            Review the plan
          </a>
        </Notice>
      )}
      <div className="mt-4">
        <StartRun
          key={health?.at}
          begin={checkHealth.bind(null, id)}
          auto={hasAsked || isHealthDue(person, subject)}
          mayLeave={false}
          hasAsked={hasAsked}
          label="Check now"
          busy={`Comparing your tenant with what ${manifest.vendor.name} was handed; nothing is changed`}
          here={here}
          changed={here}
          settings={browserSettings(accessOf(subject))}
          loginHint={person.username}
          look="quiet"
        />
      </div>
    </Card>
  );
}
