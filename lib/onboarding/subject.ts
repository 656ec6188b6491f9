import type { SignedIn } from "../proof.ts";
import type { Subject } from "../provisioning/provisioning.ts";
import { canGiveLink, type Onboarding } from "./find.ts";

/** What is to be provisioned, as the trail has it; null before features were chosen. */
export async function subjectOf(person: SignedIn, { id, manifest, progress }: Onboarding): Promise<Subject | null> {
  if (!progress.choices) return null;
  const { handoff: sealed } = progress;
  // A credential that was sealed for another session, or whose handoff ended unread, is of use to nobody: issue another.
  const isLost =
    !sealed ||
    ["expired", "revoked", "locked"].includes(sealed.state) ||
    (sealed.state === "sealed" && !(await canGiveLink(person, progress)));
  return {
    manifest,
    choices: progress.choices,
    known: isLost
      ? Object.fromEntries(Object.entries(progress.registrations).map(([id, { formerKeys = [] }]) => [id, { formerKeys }]))
      : progress.registrations,
    openCredentials: Object.fromEntries(
      Object.entries(progress.registrations).map(([registration, { openCredentials = [] }]) => [registration, openCredentials]),
    ),
    done: progress.steps.filter(({ state }) => state === "done" || state === "already-ok").map((step) => step.id),
    mark: `Vestibule ${id.slice(0, 8)}`,
    mayShorten: progress.mayShortenSecret === true,
    awaitsGrants:
      (progress.approval?.state === "approved" && progress.approval.run?.outcome === "done") ||
      Boolean(progress.consentPage?.returnedAt && !progress.consentPage.error),
    usesConsentPage: Boolean(progress.consentPage && !progress.consentPage.returnedAt),
  };
}
