import { TopBar } from "@/components/onboarding/frame";
import { abilitiesOf } from "@/lib/provisioning/provisioning";
import { requireAdmin } from "../admin";
import { Checklist } from "./checklist";

export const metadata = { title: "Choose features" };

export default async function Features({ params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const { person, subject } = await requireAdmin(id, `/o/${id}/features`);
  const { manifest, offered, progress } = subject;
  const { id: productId, version, name, summary, vendor, registration, questions, features, manualSteps, handover } = manifest;
  return (
    <>
      <TopBar
        mark={name[0] ?? "V"}
        title={name}
        chip={`${progress.signedIn?.tenantName} · ${progress.signedIn?.domain}`}
        person={person.username}
      />
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
