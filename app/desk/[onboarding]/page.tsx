import { notFound } from "next/navigation";
import { TopBar } from "@/components/onboarding/frame";
import { RecordList } from "@/components/onboarding/record-list";
import { Failure } from "@/components/onboarding/run-steps";
import { StatusPill, WAITING_FOR } from "@/components/onboarding/status-pill";
import { Act } from "@/components/ui/act";
import { CodeBlock } from "@/components/ui/code-block";
import { CopyButton } from "@/components/ui/copy-button";
import { Live } from "@/components/ui/live";
import { buttonClass, Card, Notice, Since, Time } from "@/components/ui/ui";
import { openFindings } from "@/lib/audit/status";
import { requireSupport } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";
import { notesOf } from "@/lib/desk/notes";
import { suggestedReply } from "@/lib/desk/reply";
import { addNote, assign, changeContact, extend, revoke, setTags } from "../actions";
import { LineForm } from "./line-form";
import { RenewForm } from "./renew-form";

export const metadata = { title: "Onboarding" };

export default async function Detail({ params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const support = await requireSupport(`/desk/${id}`);
  const now = new Date();
  const since = await desk.version(support);
  const detail = await desk.find(support, id, now);
  if (!detail) notFound();
  const { progress, standing, manifest, records } = detail;
  const notes = await notesOf(support, detail);
  const reply = suggestedReply({ ...detail, product: manifest.name });
  const titles = new Map(manifest.features.map((feature) => [feature.id, feature.title]));
  const FACTS: [string, React.ReactNode][] = [
    ["Product", manifest.name],
    ["Domain", detail.expectedDomain],
    ["Admin", detail.adminEmail],
    ...(detail.language === "de" ? [["Language of mails", "Deutsch"] as [string, React.ReactNode]] : []),
    ["Contact", detail.contacts.join(", ")],
    ...(detail.reference ? [["Reference", detail.reference] as [string, React.ReactNode]] : []),
    ["Owner", detail.owner ?? "Nobody"],
    ["Tags", detail.tags.join(", ") || "None"],
    ["Invited by", detail.invitedBy],
    ["Created", <Time key="c" at={detail.createdAt} />],
    ...(progress.signedIn
      ? [
          [
            "Tenant",
            <span key="t">
              {progress.signedIn.tenantName} <code>{progress.signedIn.tenantId}</code>
            </span>,
          ] as [string, React.ReactNode],
        ]
      : [["Invitation works until", <Time key="e" at={progress.expiresAt} />] as [string, React.ReactNode]]),
    [
      "Features",
      (progress.choices?.features ?? detail.offered).map((feature) => titles.get(feature) ?? feature).join(", ") +
        (progress.choices ? "" : " (offered)"),
    ],
    ...Object.values(progress.registrations).flatMap(({ appId, displayName }): [string, React.ReactNode][] =>
      appId
        ? [
            [
              displayName ?? "Application ID",
              <span key={appId} className="flex items-center gap-2">
                <code>{appId}</code>
                <CopyButton text={appId} label="the application ID" />
              </span>,
            ],
          ]
        : [],
    ),
    ...(progress.handoff
      ? [
          [
            "Handoff",
            <span key="h">
              {progress.handoff.state}, <Time at={progress.handoff.at} />
            </span>,
          ] as [string, React.ReactNode],
        ]
      : []),
  ];
  return (
    <>
      <TopBar mark="V" title="Desk" chip={detail.customerName} person={support.username} />
      <Live url="/desk/events" since={since} />
      <main className="mx-auto max-w-[960px] px-4 py-7 sm:px-7">
        <p className="mb-3 text-[14px]">
          <a href="/desk">Onboardings</a>
        </p>
        <div className="flex flex-wrap items-center gap-3">
          <h1 className="break-words">{detail.customerName}</h1>
          <StatusPill status={standing.status} />
        </div>
        <p className="mt-2 text-ink-2">
          {standing.waitingFor === "nobody" ? (
            "Nobody has to act."
          ) : (
            <>
              Waiting for: {WAITING_FOR[standing.waitingFor]}, since <Since at={standing.since} now={now} />.
            </>
          )}
        </p>
        {progress.mismatch && !progress.signedIn && (
          <p className="mt-2 text-fail">
            Somebody signed in to {progress.mismatch.tenantName} instead, <Time at={progress.mismatch.at} />.
          </p>
        )}
        {openFindings(progress).length > 0 && progress.health && (
          <Notice tone="wait" title="Not everything is as it was handed over">
            <ul className="list-disc space-y-1 pl-5">
              {openFindings(progress).map(({ key, title, detail }) => (
                <li key={key} className="break-words">
                  {title}. <span className="text-ink-2">{detail}</span>
                </li>
              ))}
            </ul>
            <p className="text-[13px] text-ink-2">
              Looked at <Time at={progress.health.at} />, at the sign-in of {progress.health.by}.
            </p>
          </Notice>
        )}
        {progress.run?.failure && progress.run.outcome !== "done" && (
          <Failure failure={progress.run.failure} at={progress.run.finishedAt} />
        )}
        <Card className="mt-6 p-5">
          <dl className="grid grid-cols-1 gap-x-6 gap-y-2.5 sm:grid-cols-[180px_minmax(0,1fr)]">
            {FACTS.map(([label, value]) => (
              <div key={label} className="contents">
                <dt className="text-ink-2">{label}</dt>
                <dd className="min-w-0 break-words">{value}</dd>
              </div>
            ))}
          </dl>
          {support.mayChange && !progress.revokedAt && (
            <div className="no-print mt-5 flex flex-wrap items-start gap-3 border-t border-line pt-4">
              {standing.status !== "live" && (
                <details className="w-full">
                  <summary className={buttonClass({ look: "quiet" })}>Send a fresh link</summary>
                  <div className="mt-3">
                    <p className="mb-3 text-[14px] text-ink-2">The links before it stop working.</p>
                    <RenewForm id={id} adminEmail={detail.adminEmail} />
                  </div>
                </details>
              )}
              {!progress.signedIn && (
                <details>
                  <summary className={buttonClass({ look: "quiet" })}>Extend</summary>
                  <div className="mt-3">
                    <LineForm
                      action={extend}
                      id={id}
                      label="Days from now"
                      hint="1 to 90; the link that they have goes on working"
                      value="14"
                      button="Extend it"
                    />
                  </div>
                </details>
              )}
              <details>
                <summary className={buttonClass({ look: "quiet" })}>Change the contact</summary>
                <div className="mt-3 max-w-[52ch] space-y-3 text-[14px] text-ink-2">
                  {progress.handoff && ["sent", "opened"].includes(progress.handoff.state) && (
                    <p>
                      The link that is out stops working at once. The admin issues a new credential and sends its link to the new contact.
                    </p>
                  )}
                  <LineForm
                    action={changeContact}
                    id={id}
                    label="Contact’s e-mail"
                    hint="Who gets the one-time link"
                    value={detail.contactEmail}
                    button="Change it"
                  />
                </div>
              </details>
              <details>
                <summary className={buttonClass({ look: "danger" })}>Cancel the onboarding</summary>
                <div className="mt-3 max-w-[52ch] space-y-3 text-[14px] text-ink-2">
                  <p>
                    The invitation and an unopened handoff stop working at once. What is in the customer’s tenant stays there. This cannot
                    be taken back.
                  </p>
                  <Act action={revoke} fields={{ onboarding: id }} look="danger" busy="Cancelling…">
                    Cancel it now
                  </Act>
                </div>
              </details>
            </div>
          )}
        </Card>
        {reply && (
          <details className="mt-4">
            <summary className="text-[14px] font-medium">A reply to the customer</summary>
            <CodeBlock text={reply} label="the reply" />
          </details>
        )}
        <h2 className="mt-8 mb-2.5">Notes</h2>
        <Card className="p-5">
          <p className="mb-3 text-[13px] text-ink-2">Only the desk sees what stands here; the customer never does.</p>
          {notes.length > 0 && (
            <ol className="mb-4 space-y-2.5 border-b border-line pb-4" aria-label="Notes">
              {notes.map((note) => (
                <li key={note.id} className="text-[14px]">
                  <p className="break-words whitespace-pre-wrap">
                    {note.kind === "owner" && "Owner: "}
                    {note.kind === "tags" && "Tags: "}
                    {note.text}
                  </p>
                  <p className="text-[13px] text-ink-3">
                    {note.author}, <Time at={note.at} />
                  </p>
                </li>
              ))}
            </ol>
          )}
          {support.mayChange && (
            <div className="space-y-4">
              <LineForm
                action={addNote}
                id={id}
                label="Note"
                hint="What a colleague should know. Never a secret."
                button="Keep the note"
                rows={3}
                clears
              />
              <div className="grid gap-4 border-t border-line pt-4 sm:grid-cols-2">
                <LineForm
                  action={assign}
                  id={id}
                  label="Owner"
                  hint="Who looks after it; empty gives it back"
                  value={detail.owner ?? support.username}
                  button={detail.owner ? "Change the owner" : "Take it"}
                />
                <LineForm
                  action={setTags}
                  id={id}
                  label="Tags"
                  hint="Separated by commas"
                  value={detail.tags.join(", ")}
                  button="Change the tags"
                />
              </div>
            </div>
          )}
        </Card>
        <h2 className="mt-8 mb-2.5">Timeline</h2>
        <p className="mb-3">
          <a href={`/desk/${id}/audit`} className={buttonClass({ look: "quiet" })}>
            Export as JSON
          </a>{" "}
          <a href={`/desk/${id}/diagnostics`} className={buttonClass({ look: "quiet" })} download>
            Diagnostics, without secrets
          </a>
        </p>
        <RecordList records={records} />
      </main>
    </>
  );
}
