import { nothingChosen } from "@/lib/catalogue/selection";
import { asTheVendorWishes } from "@/lib/onboarding/onboarding";
import { abilitiesOf } from "@/lib/provisioning/provisioning";
import { requireAdmin } from "../admin";
import { AdminBar } from "../bar";
import { NewerEdition } from "../newer-edition";
import { Checklist } from "./checklist";

export const metadata = { title: "Choose features" };

export default async function Features({ params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const { person, subject } = await requireAdmin(id, `/o/${id}/features`);
  const { manifest, offered, locked, given, progress } = subject;
  return (
    <>
      <AdminBar subject={subject} person={person} />
      <Checklist
        key={progress.manifestDigest ?? ""}
        onboarding={id}
        manifest={{ ...manifest, features: manifest.features.filter((feature) => offered.includes(feature.id)) }}
        chosen={asTheVendorWishes(subject, progress.choices ?? nothingChosen)}
        locked={locked}
        given={given}
        roles={abilitiesOf(person.directoryRoles)}
      >
        <NewerEdition subject={subject} />
      </Checklist>
    </>
  );
}
