import { Callback } from "@/components/entra/entra";
import { Narrow, TopBar } from "@/components/onboarding/frame";
import { browserSettings } from "@/lib/auth/auth";
import { explain } from "./actions";

export default function CallbackPage() {
  return (
    <>
      <TopBar mark="V" title="Vestibule" />
      <Narrow>
        <Callback settings={browserSettings()} explain={explain} />
      </Narrow>
    </>
  );
}
