import { redirect } from "next/navigation";
import { Columns, Facts, Lead, Steps } from "@/components/onboarding/frame";
import { Act } from "@/components/ui/act";
import { CodeBlock } from "@/components/ui/code-block";
import { CopyButton } from "@/components/ui/copy-button";
import { buttonClass, Card, Notice, Time } from "@/components/ui/ui";
import { browserSettings } from "@/lib/auth/auth";
import { refusalOf } from "@/lib/catalogue/selection";
import { FORMATS, type Format, guide, isFormat, byHand as stepsByHand } from "@/lib/export/export";
import { blueprintOf } from "@/lib/onboarding/by-hand";
import { accessOf } from "@/lib/onboarding/find";
import { recipientOf } from "@/lib/onboarding/hand-over";
import { withdrawHandoff } from "../actions";
import { requireAdmin } from "../admin";
import { AdminBar } from "../bar";
import { Receipts, Said } from "../run/handoff-card";
import { ManualSteps } from "../run/manual-steps";
import { CheckForm } from "./check-form";
import { SealForm } from "./seal-form";

export const metadata = { title: "By hand" };

/** The plan to take along, a look at what came out of it, and the values sealed in the browser. */
export default async function ByHand({
  params,
  searchParams,
}: {
  params: Promise<{ onboarding: string }>;
  searchParams: Promise<{ format?: string }>;
}) {
  const { onboarding: id } = await params;
  const { format: asked = "guide" } = await searchParams;
  const { person, subject } = await requireAdmin(id, `/o/${id}/by-hand`);
  const { manifest, progress, offered } = subject;
  const now = new Date();
  const plan = blueprintOf(subject, now);
  if (!plan || !progress.choices || refusalOf(manifest, offered, progress.choices)) redirect(`/o/${id}/features`);
  if (progress.run && progress.run.outcome !== "failed") redirect(`/o/${id}/run`);
  const format: Format = isFormat(asked) ? asked : "guide";
  const { byHand, handoff, signedIn } = progress;
  const isComplete = byHand?.missing.length === 0;
  const settings = browserSettings({ ...accessOf(subject), isWriting: false });
  const { prerequisites } = stepsByHand(plan);
  return (
    <>
      <AdminBar subject={subject} person={person} />
      <Columns
        isPinned={false}
        aside={
          <>
            <h2>By hand</h2>
            <Facts
              items={[
                ["Registrations", plan.registrations.length],
                ["Written by this portal", "nothing"],
                ["Checked", byHand ? <Time key="t" at={byHand.at} /> : "not yet"],
                ...(byHand ? ([["Missing", byHand.missing.length]] as const) : []),
              ]}
            />
            <p className="text-[13px] text-ink-2">
              To check it we ask Microsoft for permissions to read only: applications and the permissions granted to them.
            </p>
            <p className="mt-3.5">
              <a href={`/o/${id}/plan`} className={buttonClass({ look: "quiet", wide: true })}>
                Back to the plan
              </a>
            </p>
            <p className="mt-2.5">
              <a href={`/o/${id}/audit`} className={buttonClass({ look: "quiet", wide: true })}>
                The record
              </a>
            </p>
          </>
        }
      >
        <Steps current={handoff && isComplete ? 5 : 4} />
        <h1>Do it by hand</h1>
        <Lead>
          The same plan, without giving this portal a right to write. You make it; the portal looks whether anything is missing, and passes
          the values on.
        </Lead>
        <div className="mt-6 space-y-8">
          <section aria-labelledby="make" className="space-y-3">
            <h2 id="make">1. Make it in {signedIn?.domain}</h2>
            {prerequisites.length > 0 && (
              <p className="text-[14px] text-ink-2">First: {prerequisites.map(({ title }) => title).join("; ")}.</p>
            )}
            <nav aria-label="Formats" className="flex flex-wrap gap-2">
              {(Object.keys(FORMATS) as Format[]).map((name) => (
                <a
                  key={name}
                  href={`/o/${id}/by-hand?format=${name}`}
                  aria-current={name === format ? "page" : undefined}
                  className={buttonClass({ look: name === format ? "primary" : "quiet" })}
                >
                  {FORMATS[name].title}
                </a>
              ))}
            </nav>
            {format === "guide" ? (
              guide(plan).map(({ title, instructions }) => (
                <Card key={title} className="p-4.5 sm:px-5">
                  <h3 className="text-[17px] font-semibold">{title}</h3>
                  <ol className="mt-2 list-decimal space-y-3 pl-5">
                    {instructions.map(({ text, values }) => (
                      <li key={text}>
                        {text}
                        {values.length > 0 && (
                          <dl className="mt-1.5 space-y-1.5 rounded-lg bg-sunken px-3.5 py-2.5">
                            {values.map(([label, value]) => (
                              <div key={`${label}${value}`} className="flex flex-wrap items-center justify-between gap-x-3">
                                <dt className="text-[13px] text-ink-2">{label}</dt>
                                <dd className="flex min-w-0 items-center gap-2">
                                  <code className="break-all">{value}</code>
                                  <CopyButton text={value} label={value} />
                                </dd>
                              </div>
                            ))}
                          </dl>
                        )}
                      </li>
                    ))}
                  </ol>
                </Card>
              ))
            ) : (
              <CodeBlock text={FORMATS[format].write(plan)} label={FORMATS[format].title} />
            )}
            <p className="flex flex-wrap gap-2">
              <a href={`/o/${id}/export/${format}`} className={buttonClass({ look: "quiet" })} download>
                Download {FORMATS[format].file}
              </a>
              <a href={`/o/${id}/dossier`} className={buttonClass({ look: "quiet" })}>
                Permission dossier, to print
              </a>
            </p>
          </section>

          <section aria-labelledby="check" className="space-y-3">
            <h2 id="check">2. Let the portal look</h2>
            <CheckForm
              id={id}
              registrations={plan.registrations.map(({ id: registration, displayName, adopts }) => ({
                id: registration,
                displayName,
                appId: progress.registrations[registration]?.appId ?? adopts ?? "",
              }))}
              settings={settings}
              loginHint={person.username}
            />
            {byHand &&
              (isComplete ? (
                <Notice tone="done" title="Nothing is missing">
                  Read from {signedIn?.tenantName}, <Time at={byHand.at} />.
                </Notice>
              ) : (
                <Notice
                  tone="wait"
                  title={byHand.missing.length === 1 ? "One thing is missing" : `${byHand.missing.length} things are missing`}
                >
                  <ul className="list-disc space-y-0.5 pl-5">
                    {byHand.missing.map((words) => (
                      <li key={words}>{words}</li>
                    ))}
                  </ul>
                  <p>Mend it and check again. What you changed a moment ago may take a minute to show.</p>
                </Notice>
              ))}
          </section>

          <section aria-labelledby="seal" className="space-y-3">
            <h2 id="seal">3. Pass the values on</h2>
            {isComplete ? (
              <SealForm
                id={id}
                tenant={{ id: signedIn?.tenantId ?? "", name: signedIn?.tenantName ?? "" }}
                contact={recipientOf(subject)}
                product={manifest.name}
                handoff={handoff ?? null}
                registrations={plan.registrations.map((desired) => ({
                  part: desired.id,
                  displayName: progress.registrations[desired.id]?.displayName ?? desired.displayName,
                  appId: progress.registrations[desired.id]?.appId ?? "",
                  needsSecret: desired.credential?.kind === "secret",
                  secretEndsAt: progress.registrations[desired.id]?.secretEndsAt ?? null,
                  redirectUris: [...desired.webRedirectUris, ...desired.spaRedirectUris, ...desired.publicClientRedirectUris],
                  ...(desired.credential?.kind === "certificate" ? { certificateThumbprint: desired.credential.thumbprint } : {}),
                  ...(desired.credential?.kind === "federated" ? { federatedSubject: desired.credential.subject } : {}),
                }))}
              />
            ) : (
              <p className="text-ink-2">Once nothing is missing, you paste the secret here. It is sealed in your browser.</p>
            )}
            {handoff && !progress.run && (
              <Card className="space-y-3 p-4.5 sm:px-5" aria-label="What became of the link">
                <h3 className="font-semibold">What became of the link</h3>
                <Said
                  handoff={handoff}
                  onReport={
                    <p>
                      Somebody else may have the secret. Delete it under App registrations, Certificates & secrets, make another one and
                      seal that.
                    </p>
                  }
                />
                <Receipts handoff={handoff} />
                {(handoff.state === "sent" || handoff.state === "opened") && (
                  <Act action={withdrawHandoff} fields={{ onboarding: id }} look="danger" busy="Withdrawing…">
                    Withdraw the link
                  </Act>
                )}
              </Card>
            )}
          </section>
          {isComplete && <ManualSteps subject={subject} />}
        </div>
      </Columns>
    </>
  );
}
