import { notFound } from "next/navigation";
import { TopBar } from "@/components/onboarding/frame";
import { OWNER } from "@/components/onboarding/owner";
import { CodeBlock } from "@/components/ui/code-block";
import { Time } from "@/components/ui/ui";
import { findSignedIn, scopesFor, WRITING } from "@/lib/auth/auth";
import type { Choices, Manifest } from "@/lib/catalogue/schema";
import { manualStepsFor, nothingChosen, prerequisitesFor, registrationsFor, scriptsOf, variantOf } from "@/lib/catalogue/selection";
import { findByLink, findForAdmin, knownOf, type Onboarding } from "@/lib/onboarding/find";
import { linkToken } from "../admin";
import { PrintButton } from "./print-button";

export const metadata = { title: "Permission dossier" };

const KIND = { application: "Application (acts as itself)", delegated: "Delegated (acts as a signed-in user)" } as const;
const CREDENTIAL = {
  secret: "client secret",
  certificate: "the vendor’s certificate (public part)",
  federated: "federated identity credential",
  none: "none",
} as const;
const FIELD: Record<Manifest["handover"]["fields"][number], string> = {
  "application-id": "application ID",
  "secret-value": "client secret value",
  "secret-expiry": "the secret’s expiry",
  "certificate-thumbprint": "certificate thumbprint",
  "federated-subject": "subject of the federated credential",
  "tenant-name": "tenant name",
  "tenant-id": "tenant ID",
  "redirect-uris": "redirect URIs",
};

function Table({ head, rows }: { head: string[]; rows: (readonly React.ReactNode[])[] }) {
  return (
    <div className="mt-3 overflow-x-auto">
      <table className="w-full border-collapse text-left text-[14px]">
        <thead>
          <tr>
            {head.map((title) => (
              <th key={title} scope="col" className="border-b border-line-strong py-1.5 pr-4 font-semibold">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, row) => (
            <tr key={`${row}`} className="break-inside-avoid align-top">
              {cells.map((cell, column) => (
                <td key={head[column]} className="border-b border-line py-1.5 pr-4">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** One way of each feature that could be chosen: before anything is, the board sees all of them. */
function features({ manifest, offered, progress }: Onboarding) {
  const { choices } = progress;
  return manifest.features
    .filter(({ id }) => (choices ? choices.features.includes(id) : offered.includes(id)))
    .flatMap((feature) => {
      const { variants } = feature;
      const shown = choices && variants ? [variantOf(feature, choices)].filter((variant) => variant !== undefined) : variants;
      const ways = shown
        ? shown.map((variant) => ({ title: variant.title, permissions: variant.permissions }))
        : [{ title: null, permissions: [] }];
      return ways.map((way) => ({
        key: `${feature.id}${way.title}`,
        title: way.title ? `${feature.title}: ${way.title}` : feature.title,
        summary: feature.summary,
        toConfirm: feature.toConfirm,
        permissions: [...feature.permissions, ...way.permissions],
      }));
    });
}

function conditionInWords(
  manifest: Manifest,
  { when, scopedInExchange }: Manifest["features"][number]["permissions"][number],
): string | null {
  const question = (id: string | undefined) => manifest.questions.find((each) => each.id === id);
  const option = (id: string | undefined, is: string) => question(id)?.options.find((each) => each.id === is)?.title ?? is;
  if (scopedInExchange)
    return `With “${option(scopedInExchange.question, scopedInExchange.is)}”, granted by Exchange for chosen mailboxes and not for the tenant.`;
  if (when?.question)
    return `Only with “${[when.is]
      .flat()
      .map((is) => option(when.question, is!))
      .join("” or “")}”.`;
  if (when?.variable) return `Only with a ${manifest.variables.find(({ id }) => id === when.variable)?.title ?? when.variable}.`;
  return null;
}

/** Everything that a change board asks, on paper, before anybody signs in. Whoever holds the invitation may read it. */
export default async function Dossier({ params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const now = new Date();
  const [person, token] = [await findSignedIn(), await linkToken()];
  const subject = (person && (await findForAdmin(person, id, now))) ?? (token ? await findByLink(id, token, now) : null);
  if (!subject) notFound();
  const { manifest, customerName, expectedDomain, offered, contactEmail, progress } = subject;
  // Before anything is chosen, it is assumed that all is.
  const choices: Choices = progress.choices ?? { ...nothingChosen, features: offered };
  const registrations = registrationsFor(manifest, choices);
  const uris = registrations.flatMap(({ displayName, definition: { redirectUris } }) =>
    [
      ["Web", redirectUris.web],
      ["Single-page application", redirectUris.spa],
      ["Mobile and desktop", redirectUris.publicClient],
    ].flatMap(([platform, list]) =>
      (list as string[]).map(
        (uri) =>
          [
            displayName,
            platform as string,
            <code key={uri} className="break-all">
              {uri}
            </code>,
          ] as const,
      ),
    ),
  );
  const steps = manualStepsFor(manifest, choices);
  return (
    <>
      <TopBar mark={manifest.name[0] ?? "V"} title={manifest.name} chip={`${customerName} · ${expectedDomain}`} />
      <main className="mx-auto max-w-[860px] space-y-8 px-4 py-8 sm:px-7 print:max-w-none print:py-0">
        <header>
          <h1>Permission dossier: {manifest.name}</h1>
          <p className="mt-2 text-ink-2">
            For {customerName} ({expectedDomain}). Vendor: {manifest.vendor.name}
            {manifest.vendor.support && <>, {manifest.vendor.support}</>}. Manifest version {manifest.version}. Written <Time at={now} />.{" "}
            {progress.choices ? "It shows what was chosen." : "Nothing is chosen yet: it shows everything that is offered."}
          </p>
          <p className="no-print mt-3">
            <PrintButton />
          </p>
        </header>
        <section>
          <h2>What it is</h2>
          <p className="mt-1">{manifest.summary}</p>
          {manifest.notes.length > 0 && (
            <ul className="mt-2 list-disc pl-5 text-ink-2">
              {manifest.notes.map((note) => (
                <li key={note}>{note}</li>
              ))}
            </ul>
          )}
        </section>
        <section>
          <h2>Permissions, feature by feature</h2>
          {features(subject).map(({ key, title, summary, toConfirm, permissions }) => (
            <div key={key} className="mt-4 break-inside-avoid-page">
              <h3 className="font-semibold">{title}</h3>
              <p className="text-[14px] text-ink-2">{summary}</p>
              {toConfirm && <p className="text-[14px] text-wait">Vendor to confirm: {toConfirm}</p>}
              <Table
                head={["Permission", "Kind", "Why", "Risk if leaked"]}
                rows={permissions.map((permission) => [
                  <code key="v" className="whitespace-nowrap">
                    {permission.value}
                  </code>,
                  KIND[permission.kind],
                  <span key="w">
                    {permission.because}
                    {[
                      permission.keptBecause && `Covered by another permission of the list. ${permission.keptBecause}.`,
                      conditionInWords(manifest, permission),
                      permission.toConfirm && `Vendor to confirm: ${permission.toConfirm}`,
                    ]
                      .filter(Boolean)
                      .map((words) => (
                        <span key={String(words)} className="block text-[13px] text-ink-3">
                          {words}
                        </span>
                      ))}
                  </span>,
                  permission.risk,
                ])}
              />
            </div>
          ))}
        </section>
        <section>
          <h2>App registrations in your tenant</h2>
          <Table
            head={["Name", "Accounts", "Public client flows", "Credential"]}
            rows={registrations.map(({ id: registration, displayName, definition, credential }) => [
              `${displayName}${definition.instances ? ` (1 to ${definition.instances.max})` : ""}`,
              "This tenant only",
              definition.publicClient ? "allowed" : "not allowed",
              <span key={registration}>
                {progress.choices
                  ? credential
                    ? `${CREDENTIAL[credential.kind]}${credential.kind === "secret" ? `, ${credential.months} months` : ""}`
                    : "none"
                  : `${definition.credential.kinds.map((kind) => CREDENTIAL[kind]).join(" or ")}${definition.credential.kinds.includes("secret") ? `; a secret lives ${definition.credential.months} months, ${definition.credential.maxMonths} at most` : ""}${definition.credential.onlyIf === "application-permission" ? "; only with application permissions" : ""}`}
              </span>,
            ])}
          />
          {uris.length > 0 && <Table head={["Registration", "Platform", "Redirect URI"]} rows={uris} />}
        </section>
        <section>
          <h2>Who does what</h2>
          <ul className="mt-2 list-disc space-y-1 pl-5">
            <li>Registering and delegated permissions: a Cloud Application Administrator or higher.</li>
            <li>Application permissions of Microsoft Graph: a Privileged Role Administrator or Global Administrator.</li>
            {prerequisitesFor(manifest, choices).map(({ id: step, title, owner, body }) => (
              <li key={step}>
                Before: {title} ({OWNER[owner]}). {body}
              </li>
            ))}
            {steps.map((step) => (
              <li key={step.id}>
                Afterwards: {step.title} ({OWNER[step.owner]}). {step.body}
                {scriptsOf(manifest, choices, step, {
                  tenant: knownOf(subject).tenant,
                  registrations: [],
                })
                  .slice(0, 1)
                  .map(({ script }) => (
                    <CodeBlock key={script} text={script} label={`the script of “${step.title}”`} />
                  ))}
              </li>
            ))}
          </ul>
        </section>
        <section>
          <h2>What leaves your tenant</h2>
          <p className="mt-1">
            By a link that shows it once, to{" "}
            {manifest.handover.recipient === "customer" ? "a person of your own whom you name" : contactEmail}
            {manifest.handover.recipient === "either" && " or a person of your own whom you name"}:{" "}
            {manifest.handover.fields.map((field) => FIELD[field]).join(", ")}. The secret is sealed as soon as Microsoft issues it; nobody
            at the vendor’s portal sees it, and it is not kept after it was shown.
          </p>
        </section>
        <section>
          <h2>What this portal may do itself</h2>
          <p className="mt-1">
            Signing in asks for your identity only. After the plan was approved it asks, for you and while you are signed in, for{" "}
            {scopesFor(WRITING).map((scope, index) => (
              <span key={scope}>
                {index > 0 && ", "}
                <code>{scope}</code>
              </span>
            ))}
            . It has no access without you. Every request to Microsoft Graph is recorded with Microsoft’s request id. Everything that it
            made can be undone there. You can also do all of it by hand: then it asks for permissions to read only.
          </p>
        </section>
      </main>
    </>
  );
}
