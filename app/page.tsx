import { Lead, Narrow, TopBar } from "@/components/onboarding/frame";
import { Still } from "@/components/ui/still";
import { buttonClass, Notice } from "@/components/ui/ui";

export default async function Home({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const isSignedOut = (await searchParams)["signed-out"] !== undefined;
  return (
    <>
      <Still />
      <TopBar mark="V" title="Vestibule" />
      <Narrow>
        {isSignedOut && (
          <div className="mb-6">
            <Notice live tone="done" title="You are signed out">
              What the portal held of your sign-in is gone. At Microsoft you are still signed in.
            </Notice>
          </div>
        )}
        <h1>Connect a product with your Microsoft 365 tenant</h1>
        <Lead>
          You need the invitation link from the vendor. Open it as it stands in the mail; nothing changes in your tenant before you have
          seen the plan and approved it.
        </Lead>
        <p className="mt-8 text-ink-2">Do you work for the vendor?</p>
        <p className="mt-2">
          <a href="/desk" className={buttonClass({ look: "quiet" })}>
            Open the support desk
          </a>
        </p>
      </Narrow>
    </>
  );
}
