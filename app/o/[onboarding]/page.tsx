import { SignInButton } from "@/components/entra/entra";
import { Columns, Facts, Lead, Narrow, TopBar } from "@/components/onboarding/frame";
import { OpenLink } from "@/components/onboarding/open-link";
import { buttonClass, Card, Notice, Time } from "@/components/ui/ui";
import { browserSettings } from "@/lib/auth/auth";
import { availability, findByLink } from "@/lib/onboarding/find";
import { linkToken } from "./admin";

const STEPS = [
  ["Sign in with Microsoft.", "Only to see who you are and which tenant you speak for."],
  ["Choose the features you use.", "Each says which permissions it needs and why."],
  ["Read the plan.", "Every change, in words and as the request to Microsoft Graph. Nothing is written before you approve it."],
  ["Watch it being made and proved.", "You may close the tab; it goes on, and you can come back."],
  ["Hand over.", "The vendor's contact gets a link that shows the values once. Nobody here sees the secret."],
];

export default async function Landing({ params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const token = await linkToken();
  const subject = token ? await findByLink(id, token, new Date()) : null;
  if (!subject)
    return (
      <>
        <TopBar mark="V" title="Vestibule" />
        <Narrow>
          <OpenLink to={`/o/${id}/open`} what="invitation" />
        </Narrow>
      </>
    );
  const { manifest, customerName, invitedBy, expiresAt, expectedDomain, offered, contactEmail, progress } = subject;
  const open = availability(subject, new Date());
  return (
    <>
      <TopBar mark={manifest.name[0] ?? "V"} title={manifest.name} chip={`${customerName} · ${expectedDomain}`} />
      <Columns
        aside={
          open.ok ? (
            <>
              <h2>{progress.signedIn ? "Go on" : "Ready when you are"}</h2>
              <Facts
                items={[
                  ["Invited by", invitedBy],
                  ["Vendor", manifest.vendor.name],
                  ["For the tenant that owns", expectedDomain],
                  ...(progress.signedIn ? [] : [["Works until", <Time key="t" at={expiresAt} />] as const]),
                ]}
              />
              <SignInButton wide settings={browserSettings()} ask={{ to: `/o/${id}/tenant` }}>
                Sign in with Microsoft
              </SignInButton>
              <p className="mt-3.5 hidden border-t border-line pt-3.5 text-[13px] text-ink-2 md:block">
                Signing in asks for your identity and nothing else. Not your tenant? Forward the mail to a colleague who administers it.
              </p>
            </>
          ) : (
            <>
              <h2>Who can help</h2>
              <p className="mt-2 text-ink-2">
                {invitedBy} of {manifest.vendor.name} sent this invitation
                {manifest.vendor.support ? (
                  <>
                    ; their support is <a href={`mailto:${manifest.vendor.support}`}>{manifest.vendor.support}</a>
                  </>
                ) : null}
                .
              </p>
            </>
          )
        }
      >
        <h1>
          Connect {manifest.name} with {customerName}’s Microsoft 365
        </h1>
        <Lead>
          {invitedBy} of {manifest.vendor.name} invites you. {manifest.summary}
        </Lead>
        {!open.ok && (
          <div className="mt-6">
            <Notice tone="fail" title={open.refusal.message} />
          </div>
        )}
        <Card className="mt-6 p-5">
          <h2>What will happen in your tenant</h2>
          <p className="mt-1 text-ink-2">
            {manifest.registrations.length > 1
              ? "App registrations and their service principals are"
              : "An app registration and its service principal are"}{" "}
            created, the permissions of the features you choose are granted, and, where needed, a credential is issued for{" "}
            {manifest.handover.recipient === "customer" ? "a person whom you name" : contactEmail}. You may also do all of it by hand. You
            can choose from:
          </p>
          <ul className="mt-3 space-y-2">
            {manifest.features
              .filter((feature) => offered.includes(feature.id))
              .map((feature) => (
                <li key={feature.id}>
                  <b className="font-semibold">{feature.title}</b> <span className="text-ink-2">{feature.summary}</span>
                </li>
              ))}
          </ul>
        </Card>
        <p className="mt-3.5 flex flex-wrap gap-2">
          <a href={`/o/${id}/dossier`} className={buttonClass({ look: "quiet" })}>
            Permission dossier, to print
          </a>
        </p>
        <Card className="mt-3.5 p-5">
          <h2>How it goes</h2>
          <ol className="mt-2 list-decimal space-y-2 pl-5">
            {STEPS.map(([what, why]) => (
              <li key={what}>
                <b className="font-semibold">{what}</b> <span className="text-ink-2">{why}</span>
              </li>
            ))}
          </ol>
        </Card>
      </Columns>
    </>
  );
}
