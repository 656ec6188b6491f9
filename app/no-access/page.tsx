import { Lead, Narrow, TopBar } from "@/components/onboarding/frame";
import { SignOut } from "@/components/ui/sign-out";
import { findSignedIn } from "@/lib/auth/auth";

export default async function NoAccess() {
  const person = await findSignedIn();
  return (
    <>
      <TopBar mark="V" title="Vestibule" person={person?.username} />
      <Narrow>
        <h1>This account has no role at the desk</h1>
        <Lead>
          The support desk is for staff of the vendor. An administrator of the vendor's tenant can assign you a role under Enterprise
          applications, Vestibule, Users and groups.
        </Lead>
        <div className="mt-6">
          <SignOut>Sign out and use another account</SignOut>
        </div>
      </Narrow>
    </>
  );
}
