import { Lead, Narrow, TopBar } from "@/components/onboarding/frame";
import { Still } from "@/components/ui/still";

export default function NotFound() {
  return (
    <>
      <Still />
      <TopBar mark="V" title="Vestibule" />
      <Narrow>
        <h1>There is nothing here for you</h1>
        <Lead>
          The address is wrong, or it is not yours to see. If you came by an invitation, open its link again as it stands in the mail.
        </Lead>
      </Narrow>
    </>
  );
}
