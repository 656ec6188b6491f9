import { SignInButton } from "@/components/entra/entra";
import { StartRun } from "@/components/onboarding/start-run";
import { Act } from "@/components/ui/act";
import { buttonClass, Card, Notice, Time } from "@/components/ui/ui";
import type { BrowserSettings } from "@/lib/auth/auth";
import { accessOf, type Onboarding } from "@/lib/onboarding/find";
import { featuresWith } from "@/lib/onboarding/onboarding";
import type { SignedIn } from "@/lib/proof";
import { abilitiesOf } from "@/lib/provisioning/provisioning";
import { checkConsent, leaveOut, prepareConsentPage, withdrawRequest } from "../actions";
import { AskForm, ConsentPageLinks } from "./ask-form";

/** Goes on without the features whose permissions were refused. */
function LeaveOut({ subject, values }: { subject: Onboarding; values: string[] }) {
  const features = featuresWith(subject, values);
  const titles = subject.manifest.features.filter(({ id }) => features.includes(id)).map(({ title }) => title);
  const isEverything = features.length === subject.progress.choices?.features.length;
  if (features.length === 0 || isEverything)
    return (
      <a href={`/o/${subject.id}/features`} className={buttonClass({ look: "quiet" })}>
        Choose other features
      </a>
    );
  return (
    <Act
      action={leaveOut}
      fields={{ onboarding: subject.id }}
      values={features.map((feature) => ["feature", feature] as const)}
      look="quiet"
      busy="Changing…"
    >
      Go on without {titles.join(" and ")}
    </Act>
  );
}

/** Who has to approve, what became of asking, and the other ways. */
export function ApprovalCard({
  subject,
  person,
  settings,
  now,
}: {
  subject: Onboarding;
  person: SignedIn;
  settings: BrowserSettings;
  now: Date;
}) {
  const { id, progress } = subject;
  const { approval, consentPage } = progress;
  const isOpen = approval?.state === "open" && new Date(approval.expiresAt) > now;
  const here = `/o/${id}/run`;
  const isMade = Object.values(progress.registrations).some(({ servicePrincipalId }) => servicePrincipalId);
  const { canGrantApplication, canRegister } = abilitiesOf(person.directoryRoles);
  if (canGrantApplication && (isMade || canRegister))
    return (
      <Notice tone="info" title="Your role allows what is missing">
        <p>{progress.run?.by} could not grant it. You see only what is left, and approve it in your own name.</p>
        <p>
          <a href={`/o/${id}/plan`} className={buttonClass()}>
            See what is left and approve it
          </a>
        </p>
      </Notice>
    );
  if (!isMade)
    return (
      <Notice tone="wait" title="The app registration itself needs a colleague with a role">
        <p>
          Your tenant does not let you register applications. Forward the invitation, or this address, to a Cloud Application Administrator,
          Application Administrator or Global Administrator of {progress.signedIn?.domain}: they sign in, read the same plan and finish it.
        </p>
        <SignInButton look="quiet" settings={settings} ask={{ to: `${here}?go=1`, loginHint: person.username }}>
          I activated my role: check again
        </SignInButton>
      </Notice>
    );
  return (
    <Card className="space-y-5 p-5">
      <div className="space-y-3">
        <h2>Ask a colleague who holds the role</h2>
        {approval?.state === "rejected" && (
          <Notice tone="fail" title={`${approval.decidedBy} rejected the request`}>
            <p>“{approval.reason}”</p>
            <LeaveOut subject={subject} values={approval.items.map(({ value }) => value)} />
          </Notice>
        )}
        {approval?.state === "approved" && approval.declined.length > 0 && (
          <Notice tone="wait" title={`${approval.decidedBy} approved a part`}>
            <p>
              Granted: <code>{approval.approved.map(({ value }) => value).join(", ")}</code>. Declined:{" "}
              <code>{approval.declined.map(({ value }) => value).join(", ")}</code>.{approval.reason && <> “{approval.reason}”</>}
            </p>
            <LeaveOut subject={subject} values={approval.declined.map(({ value }) => value)} />
          </Notice>
        )}
        {isOpen ? (
          <>
            <p>
              Asked by {approval.by}
              {approval.to && <> ({approval.mailFailed ? `the mail to ${approval.to} was not accepted` : `mailed to ${approval.to}`})</>},{" "}
              <Time at={approval.at} />. {approval.openedAt ? "The link was opened." : "Not opened yet."} It works until{" "}
              <Time at={approval.expiresAt} />. You can close this page.
            </p>
            <Act action={withdrawRequest} fields={{ onboarding: id }} look="quiet" busy="Withdrawing…">
              Withdraw the request
            </Act>
          </>
        ) : (
          <p className="text-ink-2">
            A Privileged Role Administrator or a Global Administrator of {progress.signedIn?.domain} gets a link to exactly the permissions
            that are missing, with reason and risk, and approves all, some or none. The link works for 7 days.
          </p>
        )}
        <AskForm id={id} label={isOpen ? "Ask anew" : approval ? "Ask again" : "Ask for approval"} open={isOpen ? approval.id : null} />
      </div>
      <div className="space-y-3 border-t border-line pt-4">
        <h2>You can get the role yourself</h2>
        <p className="text-ink-2">
          Activate it in Privileged Identity Management. Then we fetch a fresh token from Microsoft and try again.
        </p>
        <SignInButton look="quiet" settings={settings} ask={{ to: `${here}?go=1`, loginHint: person.username }}>
          I activated my role: check again
        </SignInButton>
      </div>
      {consentPage?.error && (
        <Notice tone="wait" title={`Microsoft’s page came back with “${consentPage.error}”`}>
          Nothing was granted there. Try it again, or ask by link.
        </Notice>
      )}
      {!accessOf(subject).namesAccount && (
        <details className="border-t border-line pt-4" open={Boolean(consentPage && !consentPage.returnedAt)}>
          <summary className="text-ink-2">Your colleague would rather use Microsoft’s own page</summary>
          <div className="mt-3 space-y-3">
            <p className="text-ink-2">
              Microsoft’s consent page grants everything that the application declares. It needs an address to return to: this portal’s is
              added to the application and taken away again afterwards. What that page says is not believed; your tenant is read.
            </p>
            {consentPage && !consentPage.returnedAt ? (
              <>
                <ConsentPageLinks id={id} />
                <StartRun
                  begin={checkConsent.bind(null, id)}
                  auto={false}
                  hasAsked={false}
                  label="It was granted there: check my tenant"
                  busy="Reading your tenant"
                  here={here}
                  changed={`/o/${id}/plan?changed=1`}
                  settings={settings}
                  loginHint={person.username}
                />
              </>
            ) : (
              <Act action={prepareConsentPage} fields={{ onboarding: id }} look="quiet" busy="Preparing…">
                Prepare Microsoft’s page
              </Act>
            )}
          </div>
        </details>
      )}
    </Card>
  );
}
