import clsx from "clsx";
import { Lead } from "@/components/onboarding/frame";
import { Card } from "@/components/ui/ui";
import type { Manifest } from "@/lib/catalogue/schema";

const STEPS = [
  ["Sign in with Microsoft.", "Only to see who you are and which tenant you speak for."],
  ["Choose the features you use.", "Each says which permissions it needs and why."],
  ["Read the plan.", "Every change, in words and as the request to Microsoft Graph. Nothing is written before you approve it."],
  ["Watch it being made and proved.", "You may close the tab; it goes on, and you can come back."],
  ["Hand over.", "The vendor's contact gets a link that shows the values once. Nobody here sees the secret."],
];

/** What an invitation says: to the admin who opens it, and to support before it is sent. `children` stands between head and cards. */
export function InvitationText({
  manifest,
  customerName,
  invitedBy,
  contactEmail,
  offered,
  locked,
  heading: Heading = "h1",
  children,
}: {
  manifest: Pick<Manifest, "name" | "summary" | "vendor" | "features" | "handover"> & { registrations: readonly unknown[] };
  customerName: string;
  invitedBy: string;
  contactEmail: string;
  offered: readonly string[];
  locked: readonly string[];
  heading?: "h1" | "h3";
  children?: React.ReactNode;
}) {
  const Sub = Heading === "h1" ? "h2" : "h4";
  return (
    <>
      <Heading className={clsx("break-words", Heading === "h3" && "text-[22px] font-semibold")}>
        Connect {manifest.name} with <bdi>{customerName}</bdi>’s Microsoft 365
      </Heading>
      <Lead>
        {invitedBy} of {manifest.vendor.name} invites you. {manifest.summary}
      </Lead>
      {children}
      <Card className="mt-6 p-5">
        <Sub className="text-[17px] font-semibold">What will happen in your tenant</Sub>
        <p className="mt-1 text-ink-2">
          {manifest.registrations.length > 1
            ? "App registrations and their service principals are"
            : "An app registration and its service principal are"}{" "}
          created, the permissions of the features you choose are granted, and, where needed, a credential is issued for{" "}
          {manifest.handover.recipient === "customer" ? "a person whom you name" : contactEmail}. You may also do all of it by hand. You can
          choose from:
        </p>
        <ul className="mt-3 space-y-2">
          {manifest.features
            .filter((feature) => offered.includes(feature.id))
            .map((feature) => (
              <li key={feature.id}>
                <b className="font-semibold">{feature.title}</b>
                {locked.includes(feature.id) && <span className="text-ink-3"> (always part of it)</span>}{" "}
                <span className="text-ink-2">{feature.summary}</span>
              </li>
            ))}
        </ul>
      </Card>
      <Card className="mt-3.5 p-5">
        <Sub className="text-[17px] font-semibold">How it goes</Sub>
        <ol className="mt-2 list-decimal space-y-2 pl-5">
          {STEPS.map(([what, why]) => (
            <li key={what}>
              <b className="font-semibold">{what}</b> <span className="text-ink-2">{why}</span>
            </li>
          ))}
        </ol>
      </Card>
    </>
  );
}
