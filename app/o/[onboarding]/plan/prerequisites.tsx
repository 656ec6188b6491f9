import { OWNER } from "@/components/onboarding/owner";
import { Act } from "@/components/ui/act";
import { Card, Pill, Time } from "@/components/ui/ui";
import type { Prerequisite } from "@/lib/catalogue/selection";
import type { Onboarding } from "@/lib/onboarding/find";
import { tick } from "../actions";
import { TickForm } from "../tick-form";

/** What has to be so before anything is made. Some the portal sees for itself. */
export function Prerequisites({ subject: { id, progress }, items }: { subject: Onboarding; items: readonly Prerequisite[] }) {
  if (items.length === 0) return null;
  return (
    <section aria-labelledby="first">
      <h2 id="first" className="mt-2 mb-2.5">
        First
      </h2>
      <Card>
        <ul className="divide-y divide-line">
          {items.map(({ id: step, title, body, owner, fact }) => {
            const state = progress.manual[step];
            const isSeen = fact === "verified-domain" && progress.signedIn !== undefined;
            const isOpen = !isSeen && !["done", "not-applicable"].includes(state?.state ?? "todo");
            return (
              <li key={step} className="px-4 py-4 sm:px-5">
                <div className="flex flex-wrap items-start justify-between gap-2">
                  <p className="font-medium">{title}</p>
                  <div className="flex gap-2">
                    <Pill>{OWNER[owner]}</Pill>
                    {isOpen ? <Pill tone="wait">To do first</Pill> : <Pill tone="done">{isSeen ? "We see it" : "Ticked"}</Pill>}
                  </div>
                </div>
                <p className="mt-1 max-w-[70ch] text-[14px] text-ink-2">{body}</p>
                {isSeen && (
                  <p className="mt-1 text-[13px] text-ink-3">
                    {progress.signedIn?.domain} is verified in {progress.signedIn?.tenantName}.
                  </p>
                )}
                {isOpen ? (
                  <TickForm id={id} step={step} done="It is so" />
                ) : (
                  state && (
                    <div className="mt-2 flex flex-wrap items-center gap-3 text-[13px] text-ink-2">
                      <span>
                        {state.by}, <Time at={state.at} />
                        {state.note && <>: “{state.note}”</>}
                      </span>
                      <Act action={tick} fields={{ onboarding: id, step, state: "todo", note: "" }} look="quiet" busy="Opening…">
                        Open it again
                      </Act>
                    </div>
                  )
                )}
              </li>
            );
          })}
        </ul>
      </Card>
    </section>
  );
}
