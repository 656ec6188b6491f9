import { Lead, Narrow, TopBar } from "@/components/onboarding/frame";
import { buttonClass } from "@/components/ui/ui";

export default function Home() {
  return (
    <>
      <TopBar mark="V" title="Vestibule" />
      <Narrow>
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
