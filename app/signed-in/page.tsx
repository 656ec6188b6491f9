import { Lead, Narrow, TopBar } from "@/components/onboarding/frame";
import { findSignedIn } from "@/lib/auth/auth";

export const metadata = { title: "Signed in" };

/** Where a sign-in ends that was started for another tab. For anybody. */
export default async function SignedIn() {
  const person = await findSignedIn();
  return (
    <>
      <TopBar mark="V" title="Vestibule" {...(person ? { person: person.username } : {})} />
      <Narrow>
        <h1>{person ? "You are signed in" : "You are not signed in"}</h1>
        <Lead>
          {person ? "Close this tab and go on in the one with the link." : "Go back to the tab with the link and sign in from there."}
        </Lead>
      </Narrow>
    </>
  );
}
