import { ActButton } from "@/components/ui/act";
import { Notice } from "@/components/ui/ui";
import { differences } from "@/lib/catalogue/differences";
import type { Onboarding } from "@/lib/onboarding/find";
import { takeNewerEdition } from "./actions";

/** The vendor changed what the product needs since this began: what differs, and the choice to go over. */
export function NewerEdition({ subject: { id, manifest, newer } }: { subject: Onboarding }) {
  if (!newer) return null;
  const changes = differences(manifest, newer);
  const said = newer.changelog.filter(({ version }) => version > manifest.version);
  return (
    <Notice tone="wait" title={`${newer.vendor.name} has changed what ${newer.name} needs`}>
      <p>
        You plan with version {manifest.version}; version {newer.version} is there. Nothing changes unless you go over to it. Your choices
        stay, and you see a new plan.
      </p>
      {said.length > 0 && (
        <ul className="list-disc pl-5">
          {said.flatMap(({ version, changes: words }) => words.map((each) => <li key={`${version}${each}`}>{each}</li>))}
        </ul>
      )}
      <details>
        <summary>Every difference ({changes.length})</summary>
        <ul className="mt-1 space-y-0.5 font-mono text-[13px]">
          {changes.map((change) => (
            <li key={change} className="break-words">
              {change}
            </li>
          ))}
        </ul>
      </details>
      <ActButton action={takeNewerEdition} fields={{ onboarding: id }} look="quiet" busy="Going over…">
        Use version {newer.version}
      </ActButton>
    </Notice>
  );
}
