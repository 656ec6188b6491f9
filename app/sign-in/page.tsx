import { SignInButton } from "@/components/entra/entra";
import { Lead, Narrow, TopBar } from "@/components/onboarding/frame";
import { browserSettings } from "@/lib/auth/auth";

export default async function SignIn({ searchParams }: { searchParams: Promise<{ to?: string }> }) {
  const { to = "/" } = await searchParams;
  const isDesk = to.startsWith("/desk");
  const isContact = to === "/signed-in";
  return (
    <>
      <TopBar mark="V" title={isDesk ? "Desk" : "Vestibule"} />
      <Narrow>
        <h1>{isDesk ? "Sign in to the support desk" : "Sign in to go on"}</h1>
        <Lead>
          {isDesk
            ? "With your work account at the vendor."
            : isContact
              ? "With the work account that the link was sent to."
              : "With an account of the tenant that you connect."}{" "}
          You go to Microsoft and come back here.
        </Lead>
        <div className="mt-6">
          <SignInButton settings={browserSettings()} ask={{ to }}>
            Sign in with Microsoft
          </SignInButton>
        </div>
      </Narrow>
    </>
  );
}
