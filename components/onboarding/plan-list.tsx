import clsx from "clsx";
import { OWNER } from "@/components/onboarding/owner";
import { CodeBlock } from "@/components/ui/code-block";
import { Card, Pill } from "@/components/ui/ui";
import type { ManualStep } from "@/lib/catalogue/selection";
import type { Effect, Operation } from "@/lib/provisioning/plan";
import { anyOf } from "@/lib/vocabulary";

const GLYPH: Record<Effect, [glyph: string, word: string, tone: string]> = {
  create: ["+", "Create", "text-done"],
  change: ["~", "Change", "text-info"],
  same: ["=", "Already there", "text-ink-3"],
  blocked: ["×", "Not possible", "text-fail"],
  remove: ["−", "Remove", "text-fail"],
};

const asText = ({ method, path, headers, body }: Operation["requests"][number]) =>
  [
    `${method} ${path}`,
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : ["", JSON.stringify(body, null, 2)]),
  ].join("\n");

function Row({
  glyph,
  word,
  tone,
  children,
  aside,
  heading,
}: {
  heading?: string | undefined;
  glyph: string;
  word: string;
  tone: string;
  children: React.ReactNode;
  aside?: React.ReactNode;
}) {
  return (
    <li className="grid grid-cols-[20px_minmax(0,1fr)] gap-x-3 px-4 py-3.5 sm:grid-cols-[20px_minmax(0,1fr)_auto] sm:px-5">
      {heading && <p className="col-span-full mb-1.5 text-[13px] font-semibold text-ink-2">{heading}</p>}
      <span className={clsx("font-mono text-[15px] font-semibold", tone)}>
        <span aria-hidden>{glyph}</span>
        <span className="sr-only">{word}: </span>
      </span>
      <div className="min-w-0">{children}</div>
      {aside && <div className="col-start-2 mt-1 sm:col-start-3 sm:mt-0">{aside}</div>}
    </li>
  );
}

/** Every operation, in words and as the request it stands for; exceptions stand out. */
export function PlanList({
  operations,
  manual = [],
  changed = {},
  names = {},
}: {
  operations: readonly Operation[];
  manual?: readonly ManualStep[];
  /** By operation: how it differs from what was approved before. */
  changed?: Readonly<Record<string, string>>;
  /** Registrations by id; where there are several, each has a heading. */
  names?: Readonly<Record<string, string>>;
}) {
  return (
    <Card>
      <ol className="divide-y divide-line">
        {operations.map((operation, index) => {
          const isFirst = Object.keys(names).length > 1 && operation.registration !== operations[index - 1]?.registration;
          const [glyph, word, tone] = operation.needsRole ? ["!", "Needs an approver", "text-wait"] : GLYPH[operation.effect];
          return (
            <Row
              key={operation.id}
              heading={isFirst ? names[operation.registration] : undefined}
              glyph={glyph}
              word={word}
              tone={tone}
              aside={
                operation.needsRole ? (
                  <Pill tone="wait">Needs an approver</Pill>
                ) : operation.effect === "blocked" ? (
                  <Pill tone="fail">Not possible</Pill>
                ) : changed[operation.id] ? (
                  <Pill tone="wait">New since you approved</Pill>
                ) : null
              }
            >
              <p className={clsx(operation.effect === "same" && "text-ink-2")}>{operation.title}</p>
              {operation.permissions.length > 0 && (
                <p className="mt-1 flex flex-wrap gap-x-3 gap-y-0.5">
                  {operation.permissions.map(({ value, isGranted, id }) => (
                    <code
                      key={value}
                      className={clsx(isGranted && "text-ink-3", !id && "text-fail line-through")}
                      title={isGranted ? "Already granted" : undefined}
                    >
                      {value}
                    </code>
                  ))}
                </p>
              )}
              <p className="text-[13px] text-ink-3">
                {operation.detail}
                {operation.needsRole && <>. Needs {anyOf(operation.roles)}</>}
              </p>
              {operation.permissions.map(
                ({ value, toConfirm }) =>
                  toConfirm && (
                    <p key={value} className="text-[13px] text-wait">
                      Vendor to confirm about {value}: {toConfirm}
                    </p>
                  ),
              )}
              {changed[operation.id] && <p className="text-[13px] text-wait">{changed[operation.id]}</p>}
              {operation.effect !== "same" && (
                <details className="mt-1.5 text-[13px]">
                  <summary className="text-ink-2">
                    {operation.requests.length === 1
                      ? "The request to Microsoft Graph"
                      : `${operation.requests.length} requests to Microsoft Graph`}
                  </summary>
                  {operation.requests.map((request, index) => (
                    <CodeBlock key={`${operation.id}${index}`} text={asText(request)} label="the request" />
                  ))}
                  {operation.roles.length > 0 && (
                    <p className="mt-2 text-ink-2">Who may do this: {operation.roles.join(", ")}, or a custom role with the same rights.</p>
                  )}
                </details>
              )}
            </Row>
          );
        })}
        {manual.map((step) => (
          <Row key={step.id} glyph="☐" word="By hand" tone="text-ink-3" aside={<Pill>By hand, afterwards</Pill>}>
            <p>{step.title}</p>
            <p className="text-[13px] text-ink-3">{OWNER[step.owner]}</p>
          </Row>
        ))}
      </ol>
    </Card>
  );
}
