import { Lead, TopBar } from "@/components/onboarding/frame";
import { requireSupport } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";
import { InvitationForm } from "./invitation-form";

export const metadata = { title: "New onboarding" };

export default async function NewOnboarding() {
  const support = await requireSupport("/desk/new");
  const products = desk.products(support).map(({ id, name, summary, vendor, features, handover, variables, registrations }) => ({
    ...{ id, name, summary, vendor, features, handover, variables, registrations },
  }));
  return (
    <>
      <TopBar mark="V" title="Desk" person={support.username} />
      <main className="mx-auto max-w-[680px] px-4 py-7 sm:px-7">
        <p className="mb-3 text-[14px]">
          <a href="/desk">Onboardings</a>
        </p>
        <h1>New onboarding</h1>
        <Lead>The customer’s admin gets a link by mail.</Lead>
        {support.mayChange ? (
          <InvitationForm products={products} invitedBy={support.name} />
        ) : (
          <p className="mt-4">Your role lets you watch. Ask an agent or a manager to invite.</p>
        )}
      </main>
    </>
  );
}
