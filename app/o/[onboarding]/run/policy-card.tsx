import { Act } from "@/components/ui/act";
import { CodeBlock } from "@/components/ui/code-block";
import { buttonClass, Card } from "@/components/ui/ui";
import type { StepFailure } from "@/lib/audit/events";
import type { Onboarding } from "@/lib/onboarding/find";
import { shortenSecret } from "../actions";

const LIFETIME = "CredentialInvalidLifetimeAsPerAppPolicy";
const TYPE = "CredentialTypeNotAllowedAsPerAppPolicy";
export const isPolicyFailure = (failure: StepFailure | undefined) => failure?.code === LIFETIME || failure?.code === TYPE;

/** What the owner of the policy has to be told, to the letter. */
function wording({ manifest, progress }: Onboarding, failure: StepFailure): string {
  const policy = /'([0-9a-f-]{36})'/.exec(failure.said ?? "")?.[1] ?? "(the one that applies to new app registrations)";
  const months = progress.choices?.months ?? Math.max(...manifest.registrations.map(({ credential }) => credential.months));
  const restriction = failure.code === TYPE ? "passwordAddition" : "passwordLifetime";
  const applications = Object.values(progress.registrations).filter(({ appId }) => appId);
  return [
    `${manifest.name} of ${manifest.vendor.name} needs a client secret valid for ${months} months on ${applications.length === 1 ? "this app registration" : "these app registrations"}:`,
    ...applications.map(({ displayName, appId, objectId }) => `  ${displayName}: application ID ${appId}, object ID ${objectId}`),
    `The app management policy ${policy} of tenant ${progress.signedIn?.tenantId} does not allow it (${failure.code}).`,
    "",
    "To exempt only them, make an app management policy and assign it; an assigned policy replaces the tenant's default for that registration:",
    "POST https://graph.microsoft.com/v1.0/policies/appManagementPolicies",
    JSON.stringify(
      {
        displayName: `Client secret for ${manifest.name}`,
        isEnabled: true,
        restrictions: { passwordCredentials: [{ restrictionType: restriction, state: "disabled" }] },
      },
      null,
      2,
    ),
    ...applications.map(
      ({ objectId }) =>
        `POST https://graph.microsoft.com/v1.0/applications/${objectId}/appManagementPolicies/$ref\n{ "@odata.id": "https://graph.microsoft.com/v1.0/policies/appManagementPolicies/{id of the new policy}" }`,
    ),
    "It takes effect after about a minute. A Global, Application or Cloud Application Administrator may do this.",
  ].join("\n");
}

const WITHOUT_SECRET = { certificate: "the vendor’s certificate", federated: "a federated credential" } as const;

/** The tenant's policy forbids the secret as planned: what the admin can choose. We never work around it. */
export function PolicyCard({ subject, failure }: { subject: Onboarding; failure: StepFailure }) {
  const isLifetime = failure.code === LIFETIME;
  const kinds = new Set(subject.manifest.registrations.flatMap(({ credential }) => credential.kinds));
  const alternatives = (["certificate", "federated"] as const).filter((kind) => kinds.has(kind));
  return (
    <Card className="space-y-5 p-5">
      {isLifetime && !subject.progress.mayShortenSecret && (
        <div className="space-y-3">
          <h2>Let the secret live shorter</h2>
          <p className="text-ink-2">
            Microsoft does not say how long your tenant allows. We try a year, 180, 90, 60, 30, 14 and 7 days, and one, and take the longest
            that is accepted. The vendor’s contact is told when it expires and has to have it renewed before.
          </p>
          <Act action={shortenSecret} fields={{ onboarding: subject.id }} busy="Trying…">
            Use the longest lifetime that my tenant allows
          </Act>
        </div>
      )}
      {alternatives.length > 0 && (
        <div className="space-y-3">
          <h2>Use {alternatives.map((kind) => WITHOUT_SECRET[kind]).join(" or ")} instead</h2>
          <p className="text-ink-2">
            Then no secret is needed, and your policy stays as it is. You choose it under the features and approve the plan again;
            everything that is done stays.
          </p>
          <p>
            <a href={`/o/${subject.id}/features`} className={buttonClass({ look: "quiet" })}>
              Choose another kind of credential
            </a>
          </p>
        </div>
      )}
      <div className={isLifetime && !subject.progress.mayShortenSecret ? "border-t border-line pt-4" : ""}>
        <h2>Ask the owner of the policy</h2>
        <p className="mt-1 text-ink-2">In these words; then try again here. Everything else is done and stays.</p>
        <div className="mt-3">
          <CodeBlock text={wording(subject, failure)} label="the wording" />
        </div>
      </div>
    </Card>
  );
}
