"use client";

import { TriangleAlert } from "lucide-react";
import { useActionState, useState } from "react";
import { Columns, Facts, Lead, Steps } from "@/components/onboarding/frame";
import { Button, Card, Notice, Pill, type Tone } from "@/components/ui/ui";
import type { Choices, Feature, Manifest, Permission } from "@/lib/catalogue/schema";
import {
  answerOf,
  manualStepsFor,
  permissionsFor,
  permissionsOf,
  questionsOf,
  registrationsFor,
  variantOf,
} from "@/lib/catalogue/selection";
import type { Abilities } from "@/lib/provisioning/plan";
import { choose } from "../actions";

const RISK: Record<Permission["risk"], [word: string, tone: Tone]> = {
  low: ["Low risk", "plain"],
  medium: ["Medium risk", "wait"],
  high: ["High risk", "fail"],
};
const counted = (count: number, one: string) => `${count} ${one}${count === 1 ? "" : "s"}`;

function Permissions({ permissions }: { permissions: Permission[] }) {
  return (
    <ul aria-label="Permissions" className="mt-3.5">
      {permissions.map(({ kind, value, because, risk }) => (
        <li
          key={`${kind}${value}`}
          className="grid grid-cols-[1fr_auto] items-baseline gap-x-3 gap-y-0.5 border-t border-line py-2 text-[14px] sm:grid-cols-[190px_84px_minmax(0,1fr)_auto]"
        >
          <code>{value}</code>
          <span className="text-[12px] text-ink-3">{kind}</span>
          <span className="col-span-full text-ink-2 sm:col-span-1">{because}</span>
          <Pill tone={RISK[risk][1]}>
            {risk === "high" && <TriangleAlert size={13} aria-hidden />}
            {RISK[risk][0]}
          </Pill>
        </li>
      ))}
    </ul>
  );
}

type Update = (change: (before: Choices) => Choices) => void;
const optionClass =
  "flex cursor-pointer gap-3 rounded-lg border border-line px-3.5 py-2.5 has-checked:border-accent has-checked:bg-accent-soft";

function FeatureCard({ manifest, feature, choices, update }: { manifest: Manifest; feature: Feature; choices: Choices; update: Update }) {
  const isOn = choices.features.includes(feature.id);
  return (
    <Card aria-label={feature.title} className="p-4.5 sm:px-5">
      <label className="flex cursor-pointer items-start gap-3.5">
        <input
          type="checkbox"
          name="feature"
          value={feature.id}
          checked={isOn}
          className="mt-1 size-5 shrink-0"
          onChange={({ target }) =>
            update((before) => ({
              ...before,
              features: target.checked ? [...before.features, feature.id] : before.features.filter((id) => id !== feature.id),
            }))
          }
        />
        <span>
          <span className="block text-[17px] font-semibold">{feature.title}</span>
          <span className="block text-ink-2">{feature.summary}</span>
        </span>
      </label>
      {isOn && (
        <div className="mt-1 sm:ml-8.5">
          {feature.variants && (
            <fieldset className="mt-3 grid gap-2">
              <legend className="mb-2 text-[13px] text-ink-3">How it signs in</legend>
              {feature.variants.map((variant) => (
                <label key={variant.id} className={optionClass}>
                  <input
                    type="radio"
                    name={`variant.${feature.id}`}
                    value={variant.id}
                    checked={variantOf(feature, choices)?.id === variant.id}
                    className="mt-1"
                    onChange={() => update((before) => ({ ...before, variants: { ...before.variants, [feature.id]: variant.id } }))}
                  />
                  <span>
                    <span className="block font-medium">{variant.title}</span>
                    <span className="block text-[14px] text-ink-2">{variant.summary}</span>
                  </span>
                </label>
              ))}
            </fieldset>
          )}
          {questionsOf(manifest, feature, choices).map((question) => (
            <fieldset key={question.id} className="mt-3 grid gap-2">
              <legend className="font-medium">{question.title}</legend>
              {question.help && <p className="text-[14px] text-ink-2">{question.help}</p>}
              {question.options.map((option) => (
                <label key={option.id} className={optionClass}>
                  <input
                    type="radio"
                    name={`answer.${question.id}`}
                    value={option.id}
                    checked={answerOf(manifest, choices, question.id) === option.id}
                    className="mt-1"
                    onChange={() => update((before) => ({ ...before, answers: { ...before.answers, [question.id]: option.id } }))}
                  />
                  <span>
                    {option.title}
                    {option.help && <span className="block text-[14px] text-ink-2">{option.help}</span>}
                  </span>
                </label>
              ))}
            </fieldset>
          ))}
          <Permissions permissions={permissionsOf(manifest, feature, choices)} />
          {feature.note && <p className="border-t border-line pt-2 text-[13px] text-ink-2">{feature.note}</p>}
        </div>
      )}
    </Card>
  );
}

/** The features with what each asks for; counts follow the boxes at once. */
export function Checklist({
  onboarding,
  manifest,
  chosen,
  roles,
}: {
  onboarding: string;
  manifest: Manifest;
  chosen: Choices | null;
  roles: Abilities;
}) {
  const [choices, update] = useState<Choices>(chosen ?? { features: [], variants: {}, answers: {}, layout: "single" });
  const [result, submit, isPending] = useActionState(choose, null);
  const permissions = permissionsFor(manifest, choices);
  const registrations = registrationsFor(manifest, choices);
  const application = permissions.filter(({ kind }) => kind === "application");
  const delegated = permissions.length - application.length;
  const secrets = registrations.filter(({ secretMonths }) => secretMonths !== null);
  const manual = manualStepsFor(manifest, choices).length;
  return (
    <form action={submit}>
      <input type="hidden" name="onboarding" value={onboarding} />
      <Columns
        aside={
          <>
            <h2 className="mb-2.5 md:mb-0">
              What will change{" "}
              <span className="text-[14px] font-normal text-ink-2 md:hidden">
                · {counted(permissions.length, "permission")}, {counted(secrets.length, "secret")}
              </span>
            </h2>
            <div aria-live="polite">
              <Facts
                items={[
                  ["App registrations", registrations.length],
                  ["Application permissions", application.length],
                  ["Delegated permissions", delegated],
                  ["Client secrets", secrets.length === 0 ? "none" : `${secrets.length}, for ${secrets[0]?.secretMonths} months`],
                  ["By hand, afterwards", manual],
                ]}
              />
            </div>
            <Button type="submit" wide disabled={isPending || choices.features.length === 0}>
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
          {manifest.features.map((feature) => (
            <FeatureCard key={feature.id} manifest={manifest} feature={feature} choices={choices} update={update} />
          ))}
        </div>
        {manifest.registration.perFeature && choices.features.length > 1 && (
          <Card className="mt-3.5 p-4.5 sm:px-5">
            <fieldset className="grid gap-2">
              <legend className="mb-2 text-[17px] font-semibold">How many app registrations?</legend>
              {(
                [
                  ["single", "One for all features", "Recommended by the vendor: one place to look after, one secret."],
                  ["per-feature", "One for each feature", "Each gets only its own permissions, and its own secret where it needs one."],
                ] as const
              ).map(([value, title, text]) => (
                <label key={value} className={optionClass}>
                  <input
                    type="radio"
                    name="layout"
                    value={value}
                    checked={choices.layout === value}
                    className="mt-1"
                    onChange={() => update((before) => ({ ...before, layout: value }))}
                  />
                  <span>
                    <span className="block font-medium">{title}</span>
                    <span className="block text-[14px] text-ink-2">{text}</span>
                  </span>
                </label>
              ))}
            </fieldset>
          </Card>
        )}
      </Columns>
    </form>
  );
}
