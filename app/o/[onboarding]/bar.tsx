import { TopBar } from "@/components/onboarding/frame";
import type { Onboarding } from "@/lib/onboarding/find";
import type { SignedIn } from "@/lib/proof";

/** Whose product, which tenant, who is signed in. */
export const AdminBar = ({ subject: { manifest, progress }, person }: { subject: Onboarding; person: SignedIn }) => (
  <TopBar
    brand={manifest.vendor}
    mark={manifest.name[0] ?? "V"}
    title={manifest.name}
    chip={`${progress.signedIn?.tenantName} · ${progress.signedIn?.domain}`}
    person={person.username}
  />
);
