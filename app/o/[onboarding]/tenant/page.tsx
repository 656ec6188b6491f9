import { Check, Minus, TriangleAlert } from "lucide-react";
import { redirect } from "next/navigation";
import { SignInButton } from "@/components/entra/entra";
import { Columns, Facts, Lead, Narrow, Steps, TopBar } from "@/components/onboarding/frame";
import { SignOut } from "@/components/ui/sign-out";
import { buttonClass, Card } from "@/components/ui/ui";
import { browserSettings, findSignedIn } from "@/lib/auth/auth";
import { findForAdmin } from "@/lib/onboarding/find";
import { abilitiesOf } from "@/lib/provisioning/provisioning";
import { linkToken, nextPath } from "../admin";
import { AdminBar } from "../bar";
import { EnterTenant } from "./enter-tenant";

export const metadata = { title: "Your tenant" };

export default async function Tenant({ params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const person = await findSignedIn();
  if (!person) redirect((await linkToken()) ? `/o/${id}` : `/sign-in?to=${encodeURIComponent(`/o/${id}/tenant`)}`);
  const subject = await findForAdmin(person, id, new Date());
  if (!subject)
    return (
      <>
        <TopBar mark="V" title="Vestibule" person={person.username} />
        <Narrow>
          <EnterTenant id={id} settings={browserSettings()} loginHint={person.username} />
          <div className="mt-6">
            <SignOut to={`/o/${id}`}>Use another account</SignOut>
          </div>
        </Narrow>
      </>
    );
  const { progress, expectedDomain } = subject;
  const { roleNames, canRegister, canGrantApplication, canGrantDelegated } = abilitiesOf(person.directoryRoles);
  const CHECKS = [
    { can: true, title: `This is the tenant that owns ${expectedDomain}`, text: `${progress.signedIn?.tenantName}, ${person.tenantId}` },
    {
      can: canRegister,
      title: "Create the app registration and its secret",
      text: canRegister
        ? "Your role allows it."
        : "Needs a Cloud Application Administrator or Application Administrator. Microsoft decides when we try; an ordinary member may sometimes register, too.",
    },
    {
      can: canGrantDelegated,
      title: "Grant delegated permissions",
      text: canGrantDelegated ? "Your role allows it." : "Needs a Cloud Application Administrator.",
    },
    {
      can: canGrantApplication,
      title: "Grant application permissions of Microsoft Graph",
      text: canGrantApplication
        ? "Your role allows it."
        : "Needs a Privileged Role Administrator or a Global Administrator. You can do the rest; such a colleague approves exactly that by a link that you send.",
    },
  ];
  return (
    <>
      <AdminBar subject={subject} person={person} />
      <Columns
        aside={
          <>
            <h2>You are signed in</h2>
            <Facts
              items={[
                ["As", person.name],
                ["Roles", roleNames.join(", ") || "none that counts here"],
              ]}
            />
            <a href={nextPath(subject)} className={buttonClass({ wide: true })}>
              Continue
            </a>
            <p className="mt-3.5 hidden border-t border-line pt-3.5 text-[13px] text-ink-2 md:block">
              Roles come from your sign-in. If you have just activated one, let Microsoft tell us.
            </p>
            <div className="mt-3 hidden md:block">
              <SignInButton look="quiet" settings={browserSettings()} ask={{ to: `/o/${id}/tenant`, loginHint: person.username }}>
                I activated my role: check again
              </SignInButton>
            </div>
          </>
        }
      >
        <Steps current={1} />
        <h1>Is this the right tenant?</h1>
        <Lead>{progress.signedIn?.tenantName}. Nothing has been changed. This is what your account may do here:</Lead>
        <Card className="mt-6 divide-y divide-line">
          {CHECKS.map(({ can, title, text }, index) => (
            <div key={title} className="flex gap-3.5 px-5 py-3.5">
              {can ? (
                <Check size={18} className="mt-0.5 shrink-0 text-done" aria-label="yes" />
              ) : index === 1 && roleNames.length === 0 ? (
                <TriangleAlert size={18} className="mt-0.5 shrink-0 text-wait" aria-label="probably not" />
              ) : (
                <Minus size={18} className="mt-0.5 shrink-0 text-wait" aria-label="not by you" />
              )}
              <div>
                <p className="font-medium">{title}</p>
                <p className="text-[14px] text-ink-2">{text}</p>
              </div>
            </div>
          ))}
        </Card>
      </Columns>
    </>
  );
}
