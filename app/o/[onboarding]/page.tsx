import { SignInButton } from "@/components/entra/entra";
import { Columns, Facts, Narrow, TopBar } from "@/components/onboarding/frame";
import { InvitationText } from "@/components/onboarding/invitation-text";
import { OpenLink } from "@/components/onboarding/open-link";
import { buttonClass, Notice, Time } from "@/components/ui/ui";
import { browserSettings } from "@/lib/auth/auth";
import { availability, findByLink } from "@/lib/onboarding/find";
import { linkToken } from "./admin";
import { FreshLink } from "./fresh-link";

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
  const { manifest, customerName, invitedBy, expiresAt, expectedDomain, offered, locked, contactEmail, progress } = subject;
  const open = availability(subject, new Date());
  return (
    <>
      <TopBar brand={manifest.vendor} mark={manifest.name[0] ?? "V"} title={manifest.name} chip={`${customerName} · ${expectedDomain}`} />
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
        <InvitationText {...{ manifest, customerName, invitedBy, contactEmail, offered, locked }}>
          {!open.ok && (
            <div className="mt-6 space-y-4">
              <Notice tone="fail" title={open.refusal.message} />
              {open.refusal.code === "onboarding.expired" && <FreshLink id={id} />}
            </div>
          )}
          <p className="mt-5 flex flex-wrap gap-2">
            <a href={`/o/${id}/dossier`} className={buttonClass({ look: "quiet" })}>
              Permission dossier, to print
            </a>
          </p>
        </InvitationText>
      </Columns>
    </>
  );
}
