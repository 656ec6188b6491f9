import { Narrow, TopBar } from "@/components/onboarding/frame";
import { Consented } from "./consented";

export const metadata = { title: "Back from Microsoft" };

/** Where Microsoft's consent page returns to. Whoever comes needs no session: the `state` is what counts, once. */
export default async function ConsentedPage({ searchParams }: { searchParams: Promise<{ state?: string; error?: string }> }) {
  const { state = "", error } = await searchParams;
  return (
    <>
      <TopBar mark="V" title="Vestibule" />
      <Narrow>
        <Consented state={state} error={error ?? null} />
      </Narrow>
    </>
  );
}
