"use client";

import { CircleHelp, TriangleAlert } from "lucide-react";
import { Card, Pill, type Tone } from "@/components/ui/ui";
import type { Choices, Feature, Manifest, Permission } from "@/lib/catalogue/schema";
import { isScoped, permissionsOf, questionsOf, sharedQuestionsOf, variantOf } from "@/lib/catalogue/selection";
import { Options, Question, type Update } from "./fields";

const RISK: Record<Permission["risk"], [word: string, tone: Tone]> = {
  low: ["Low risk", "plain"],
  medium: ["Medium risk", "wait"],
  high: ["High risk", "fail"],
};

/** What the vendor has still to say, shown as it is. */
function ToConfirm({ children }: { children: string }) {
  return (
    <span className="mt-0.5 flex items-start gap-1.5 text-[13px] text-wait">
      <CircleHelp size={14} aria-hidden className="mt-0.5 shrink-0" />
      <span>
        <b className="font-semibold">Vendor to confirm.</b> {children}
      </span>
    </span>
  );
}

function Permissions({ manifest, choices, permissions }: { manifest: Manifest; choices: Choices; permissions: Permission[] }) {
  return (
    <ul aria-label="Permissions" className="mt-3.5">
      {permissions.map((permission) => {
        const { kind, value, because, risk, toConfirm, keptBecause } = permission;
        const isLimited = isScoped(manifest, choices, permission);
        return (
          <li
            key={`${kind}${value}`}
            className="grid grid-cols-[1fr_auto] items-baseline gap-x-3 gap-y-0.5 border-t border-line py-2 text-[14px] sm:grid-cols-[190px_84px_minmax(0,1fr)_auto]"
          >
            <code className="break-words">{value}</code>
            <span className="text-[12px] text-ink-3">{kind}</span>
            <span className="col-span-full text-ink-2 sm:col-span-1">
              {because}
              {keptBecause && (
                <span className="block text-[13px] text-ink-3">Covered by another permission of the list. {keptBecause}.</span>
              )}
              {toConfirm && <ToConfirm>{toConfirm}</ToConfirm>}
            </span>
            {isLimited ? (
              <Pill tone="info">Chosen mailboxes only</Pill>
            ) : (
              <Pill tone={RISK[risk][1]}>
                {risk === "high" && <TriangleAlert size={13} aria-hidden />}
                {RISK[risk][0]}
              </Pill>
            )}
          </li>
        );
      })}
    </ul>
  );
}

export function FeatureCard({
  manifest,
  feature,
  isLocked,
  choices,
  update,
}: {
  manifest: Manifest;
  feature: Feature;
  /** The vendor's product does not work without it. */
  isLocked: boolean;
  choices: Choices;
  update: Update;
}) {
  const isOn = choices.features.includes(feature.id);
  const shared = sharedQuestionsOf(manifest, choices);
  return (
    <Card aria-label={feature.title} className="p-4.5 sm:px-5">
      <label className="flex cursor-pointer items-start gap-3.5">
        <input
          type="checkbox"
          name="feature"
          value={feature.id}
          checked={isOn}
          disabled={isLocked}
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
          {isLocked && <span className="mt-0.5 block text-[13px] text-ink-3">Always part of it: {manifest.vendor.name} set it so.</span>}
          {feature.toConfirm && <ToConfirm>{feature.toConfirm}</ToConfirm>}
        </span>
      </label>
      {isOn && (
        <div className="mt-1 sm:ml-8.5">
          {feature.variants && (
            <Options
              name={`variant.${feature.id}`}
              legend="Which way"
              options={feature.variants.map(({ id, title, summary }) => ({ id, title, help: summary }))}
              chosen={variantOf(feature, choices)?.id}
              onChoose={(id) => update((before) => ({ ...before, variants: { ...before.variants, [feature.id]: id } }))}
            />
          )}
          {questionsOf(manifest, feature, choices)
            .filter((question) => !shared.includes(question))
            .map((question) => (
              <Question key={question.id} manifest={manifest} question={question} choices={choices} update={update} />
            ))}
          <Permissions manifest={manifest} choices={choices} permissions={permissionsOf(manifest, feature, choices)} />
          {feature.note && <p className="border-t border-line pt-2 text-[13px] text-ink-2">{feature.note}</p>}
        </div>
      )}
    </Card>
  );
}
