"use client";

import { type FormEvent, startTransition, useActionState, useLayoutEffect, useRef, useState } from "react";
import { Columns, Facts, Lead, Steps } from "@/components/onboarding/frame";
import { useReady } from "@/components/ui/ready";
import { Button, Card, Notice } from "@/components/ui/ui";
import type { Choices, CredentialKind, Manifest } from "@/lib/catalogue/schema";
import { manualStepsFor, type RegistrationChoice, registrationsFor, sharedQuestionsOf, variablesFor } from "@/lib/catalogue/selection";
import type { Given } from "@/lib/onboarding/schema";
import type { Abilities } from "@/lib/provisioning/roles";
import { choose } from "../actions";
import { FeatureCard } from "./feature-card";
import { CertificateField, inputClass, Options, Question, type Update, VariableField } from "./fields";
import { withFields } from "./form";

const counted = (count: number, one: string) => `${count} ${one}${count === 1 ? "" : "s"}`;

/** The credentials of all registrations, in a few words. */
function credentialsInWords(registrations: readonly RegistrationChoice[]): string {
  const of = (kind: string) => registrations.filter(({ credential }) => credential?.kind === kind);
  const [secrets, certificates, federated] = [of("secret"), of("certificate"), of("federated")];
  const [first] = secrets;
  return (
    [
      ...(first?.credential?.kind === "secret" ? [`${counted(secrets.length, "secret")}, ${first.credential.months} months`] : []),
      ...(certificates.length > 0 ? [counted(certificates.length, "certificate")] : []),
      ...(federated.length > 0 ? ["federated, no secret"] : []),
    ].join("; ") || "none"
  );
}

const KIND: Record<CredentialKind, [title: string, help: string]> = {
  secret: ["Client secret", "Issued by Microsoft, sealed at once, shown to the recipient once. It expires."],
  certificate: ["The vendor’s certificate", "You add the public part. Nothing secret exists here and nothing secret travels."],
  federated: ["Federated identity credential", "Your tenant trusts tokens of the vendor’s own cloud. Nothing secret exists."],
  none: ["None", "The application never signs in as itself."],
};
const MONTHS = [3, 6, 12, 18, 24];

/** What was left as it is goes by each registration's own default, so it is not sent. */
const Chosen = ({ name, value }: { name: string; value: string | number | undefined }) =>
  value === undefined ? null : <input type="hidden" name={name} value={value} />;

/** What is sent by hidden fields alone waits for the script: before, a change would go unheard. */
function CredentialCard({ manifest, choices, update }: { manifest: Manifest; choices: Choices; update: Update }) {
  const isReady = useReady();
  const registrations = registrationsFor(manifest, choices).filter(({ credential }) => credential !== null);
  const [first] = registrations;
  if (!first) return null;
  const kinds = [...new Set(registrations.flatMap(({ definition }) => definition.credential.kinds))];
  const secret = registrations.find(({ credential }) => credential?.kind === "secret");
  const needsUpload = registrations.some(
    ({ credential, definition }) => credential?.kind === "certificate" && !definition.credential.certificate,
  );
  const trusted = registrations.flatMap(({ credential }) => (credential?.kind === "federated" ? [credential] : []));
  const asked = choices.credential;
  const others = asked ? registrations.filter(({ credential }) => credential?.kind !== asked) : [];
  const { months = 12, maxMonths = 24 } = secret?.definition.credential ?? {};
  const lifetimes = [...new Set([...MONTHS.filter((each) => each <= maxMonths), months])].sort((a, b) => a - b);
  return (
    <Card aria-label="Credential" className="space-y-3 p-4.5 sm:px-5">
      <h2 className="text-[17px] font-semibold">How {manifest.name} proves who it is</h2>
      <Chosen name="credential" value={choices.credential} />
      <Chosen name="months" value={choices.months} />
      {kinds.length > 1 && (
        <Options
          name="shown.credential"
          legend="Kind of credential"
          options={kinds.map((kind) => ({ id: kind, title: KIND[kind][0], help: KIND[kind][1] }))}
          chosen={asked ?? first.credential?.kind}
          disabled={!isReady}
          onChoose={(kind) => update((before) => ({ ...before, credential: kind as CredentialKind }))}
        />
      )}
      {others.length > 0 && (
        <p className="text-[14px] text-ink-2">
          {others.map(({ displayName }) => displayName).join(", ")} cannot use it and {others.length === 1 ? "keeps its" : "keep their"} own
          kind.
        </p>
      )}
      {secret && (
        <label className="block font-medium">
          How long the client secret is valid
          <span className="block text-[14px] font-normal text-ink-2">
            Shorter is safer, and has to be renewed sooner. Your tenant’s policy may cap it.
          </span>
          <select
            value={choices.months ?? months}
            className={inputClass}
            disabled={!isReady}
            onChange={({ target }) => update((before) => ({ ...before, months: Number(target.value) }))}
          >
            {lifetimes.map((each) => (
              <option key={each} value={each}>
                {each} months{each === months ? " (the vendor’s default)" : ""}
              </option>
            ))}
          </select>
        </label>
      )}
      {needsUpload && (
        <CertificateField
          pem={choices.certificate}
          onRead={(pem) => update(({ certificate: _, ...before }) => ({ ...before, ...(pem ? { certificate: pem } : {}) }))}
        />
      )}
      {trusted.map(({ issuer, subject }) => (
        <p key={issuer} className="text-[14px] text-ink-2">
          Tokens of <code className="break-all">{issuer || "…"}</code> for <code className="break-all">{subject || "…"}</code> are accepted.
        </p>
      ))}
    </Card>
  );
}

function RegistrationsCard({ manifest, choices, update }: { manifest: Manifest; choices: Choices; update: Update }) {
  const isReady = useReady();
  const registrations = registrationsFor(manifest, choices);
  const definitions = [...new Set(registrations.map(({ definition }) => definition))];
  const multiple = definitions.filter(({ instances }) => instances);
  const consents = definitions.filter(({ consentFor, id }) =>
    Boolean(
      consentFor &&
        registrations.some(({ definition, permissions }) => definition.id === id && permissions.some(({ kind }) => kind === "delegated")),
    ),
  );
  const isSplittable = definitions.some(({ perFeature }) => perFeature) && choices.features.length > 1;
  if (!isSplittable && multiple.length === 0 && consents.length === 0) return null;
  return (
    <Card aria-label="App registrations" className="space-y-4 p-4.5 sm:px-5">
      {isSplittable && (
        <Options
          name="layout"
          legend="How many app registrations?"
          options={[
            { id: "single", title: "One for all features", help: "Recommended by the vendor: one place to look after, one secret." },
            {
              id: "per-feature",
              title: "One for each feature",
              help: "Each gets only its own permissions, and its own secret where it needs one.",
            },
          ]}
          chosen={choices.layout}
          onChoose={(layout) => update((before) => ({ ...before, layout: layout as Choices["layout"] }))}
        />
      )}
      {multiple.map(({ id, instances }) => (
        <label key={id} className="block font-medium">
          {instances!.title}
          <span className="block text-[14px] font-normal text-ink-2">Each gets an app registration of its own, numbered from -02 on.</span>
          <select
            name={`instances.${id}`}
            value={choices.instances[id] ?? 1}
            className={inputClass}
            onChange={({ target }) => update((before) => ({ ...before, instances: { ...before.instances, [id]: Number(target.value) } }))}
          >
            {Array.from({ length: instances!.max }, (_, index) => (
              <option key={`${index + 1}`} value={index + 1}>
                {index + 1}
              </option>
            ))}
          </select>
        </label>
      ))}
      <Chosen name="consent" value={choices.consent} />
      {consents.map(({ id, consentFor }) => (
        <Options
          key={id}
          name={`shown.consent.${id}`}
          legend="Who may use the delegated permissions?"
          options={[
            { id: "everyone", title: "Everyone in the tenant", help: "Tenant-wide admin consent, as vendors usually ask for." },
            {
              id: "account",
              title: "Only one account",
              help: "Granted for that account alone; nobody else can use the application. We look the account up in your directory.",
            },
          ]}
          chosen={choices.consent ?? consentFor!.default}
          disabled={!isReady}
          onChoose={(consent) => update((before) => ({ ...before, consent: consent as "everyone" | "account" }))}
        />
      ))}
    </Card>
  );
}

/** The features with what each asks for; counts follow the boxes at once. */
export function Checklist({
  onboarding,
  manifest,
  chosen,
  locked,
  given,
  roles,
  children,
}: {
  onboarding: string;
  manifest: Manifest;
  chosen: Choices;
  /** What the vendor decided: features that stay, and values that are filled in. */
  locked: readonly string[];
  given: Given;
  roles: Abilities;
  children?: React.ReactNode;
}) {
  const [result, submit, isPending] = useActionState(choose, null);
  const [choices, update] = useState<Choices>(result?.kept ?? chosen);
  const isReady = useReady();
  const form = useRef<HTMLFormElement>(null);
  const hasRead = useRef(false);
  useLayoutEffect(() => {
    if (hasRead.current || !form.current) return;
    hasRead.current = true;
    const fields = new FormData(form.current);
    update((before) => withFields(before, fields, locked));
  });
  // Handed over by hand where a script is at work: React empties the fields of a form whose action is over, refused or not.
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    startTransition(() => submit(fields));
  };
  const registrations = registrationsFor(manifest, choices);
  const permissions = registrations.flatMap((each) => each.permissions);
  const application = permissions.filter(({ kind }) => kind === "application");
  const scoped = registrations.flatMap((each) => each.scoped).length;
  const manual = manualStepsFor(manifest, choices).length;
  const variables = variablesFor(manifest, choices).filter(({ id }) => given[id]?.shown !== "hidden");
  const questions = sharedQuestionsOf(manifest, choices);
  return (
    <form ref={form} action={submit} onSubmit={onSubmit}>
      <input type="hidden" name="onboarding" value={onboarding} />
      {Object.entries(choices.adopt).map(([id, appId]) => (
        <input key={id} type="hidden" name={`adopt.${id}`} value={appId} />
      ))}
      <Columns
        aside={
          <>
            <h2 className="mb-2.5 md:mb-0">
              What will change{" "}
              <span className="text-[14px] font-normal text-ink-2 md:hidden">
                · {counted(permissions.length, "permission")}, {counted(registrations.length, "registration")}
              </span>
            </h2>
            <div aria-live="polite">
              <Facts
                items={[
                  ["App registrations", registrations.length],
                  ["Application permissions", application.length],
                  ["Delegated permissions", permissions.length - application.length],
                  ...(scoped > 0 ? ([["For chosen mailboxes only", scoped]] as const) : []),
                  ["Credential", credentialsInWords(registrations)],
                  ["By hand, afterwards", manual],
                ]}
              />
            </div>
            <Button type="submit" wide disabled={isPending || (isReady && choices.features.length === 0)}>
              {isPending ? "Making the plan…" : "Review the plan"}
            </Button>
            <div role="status" className="mt-3 empty:hidden">
              {result?.refused && <Notice tone="fail" title={result.refused} />}
            </div>
            <p className="mt-3.5 hidden border-t border-line pt-3.5 text-[13px] text-ink-2 md:block">
              {choices.features.length === 0 ? (
                "Choose at least one feature."
              ) : application.length > 0 && !roles.canGrantApplication ? (
                <>
                  You are {roles.roleNames.length > 0 ? `a ${roles.roleNames.join(", ")}` : "without a directory role"}. Granting{" "}
                  {counted(application.length, "application permission")} needs a <b>Privileged Role Administrator</b>: the plan shows which
                  lines.
                </>
              ) : (
                "Nothing is written before you have read the plan and approved it."
              )}
            </p>
          </>
        }
      >
        <Steps current={2} />
        <h1>What should {manifest.name} be able to do?</h1>
        <Lead>Choose only what you use. Nothing changes in your tenant until you have seen the plan and approved it.</Lead>
        <div className="mt-6 space-y-3.5">
          {children}
          {manifest.notes.length > 0 && (
            <details className="rounded-[10px] border border-line bg-surface px-4 py-3 text-[14px] sm:px-5">
              <summary className="font-medium">Good to know about {manifest.name}</summary>
              <ul className="mt-2 list-disc space-y-1 pl-5 text-ink-2">
                {manifest.notes.map((note) => (
                  <li key={note}>{note}</li>
                ))}
              </ul>
            </details>
          )}
          {manifest.features.map((feature) => (
            <FeatureCard
              key={feature.id}
              manifest={manifest}
              feature={feature}
              isLocked={locked.includes(feature.id)}
              choices={choices}
              update={update}
            />
          ))}
          {questions.length > 0 && (
            <Card aria-label="Questions" className="p-4.5 sm:px-5">
              {questions.map((question) => (
                <Question key={question.id} manifest={manifest} question={question} choices={choices} update={update} />
              ))}
            </Card>
          )}
          <RegistrationsCard manifest={manifest} choices={choices} update={update} />
          {variables.length > 0 && (
            <Card aria-label="Values" className="space-y-4 p-4.5 sm:px-5">
              <h2 className="text-[17px] font-semibold">What we need to know</h2>
              {variables.map((variable) => (
                <VariableField
                  key={variable.id}
                  variable={variable}
                  givenBy={given[variable.id] && manifest.vendor.name}
                  choices={choices}
                  update={update}
                />
              ))}
            </Card>
          )}
          <CredentialCard manifest={manifest} choices={choices} update={update} />
        </div>
      </Columns>
    </form>
  );
}
