import { abilitiesOf } from "@/lib/provisioning/provisioning";
import { requireAdmin } from "../admin";
import { AdminBar } from "../bar";
import { Checklist } from "./checklist";

export const metadata = { title: "Choose features" };

export default async function Features({ params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const { person, subject } = await requireAdmin(id, `/o/${id}/features`);
  const { manifest, offered, progress } = subject;
  const { id: productId, version, name, summary, vendor, registration, questions, features, manualSteps, handover } = manifest;
  return (
    <>
      <AdminBar subject={subject} person={person} />
      <Checklist
        onboarding={id}
        manifest={{
          id: productId,
          version,
          name,
          summary,
          vendor,
          registration,
          questions,
          manualSteps,
          handover,
          features: features.filter((feature) => offered.includes(feature.id)),
        }}
        chosen={progress.choices ?? null}
        roles={abilitiesOf(person.directoryRoles)}
      />
    </>
  );
}
