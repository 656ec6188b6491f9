"use client";

import { useActionState, useState } from "react";
import { WhenReady } from "@/components/ui/ready";
import { Button, Card, Notice, Pill } from "@/components/ui/ui";
import type { Wanted } from "@/lib/onboarding/approval";
import { approve, reject } from "./actions";

const RISK: Record<Wanted["risk"], ["plain" | "wait" | "fail", string]> = {
  low: ["plain", "Low risk"],
  medium: ["wait", "Medium risk"],
  high: ["fail", "High risk"],
};

/** All, some or none of what is asked for, with what that means for the features. */
export function Decide({ id, wanted }: { id: string; wanted: Wanted[] }) {
  const open = wanted.filter(({ isGranted }) => !isGranted);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(open.map(({ key }) => key)));
  const [approved, submitApproval, isApproving] = useActionState(approve, null);
  const [rejected, submitRejection, isRejecting] = useActionState(reject, null);
  const declined = open.filter(({ key }) => !chosen.has(key));
  const lost = [...new Set(declined.flatMap(({ features }) => features))];
  const isBusy = isApproving || isRejecting;
  return (
    <>
      <form action={submitApproval}>
        <WhenReady className="space-y-3.5">
          <input type="hidden" name="approval" value={id} />
          <Card className="divide-y divide-line">
            {wanted.map(({ key, value, kind, because, risk, features, isGranted }) => (
              <label key={key} className="flex gap-3.5 px-4 py-3.5 sm:px-5">
                <input
                  type="checkbox"
                  name="grant"
                  value={key}
                  className="mt-1 size-4 shrink-0 accent-accent"
                  disabled={isGranted}
                  checked={isGranted || chosen.has(key)}
                  onChange={({ target }) => {
                    const next = new Set(chosen);
                    if (target.checked) next.add(key);
                    else next.delete(key);
                    setChosen(next);
                  }}
                />
                <span className="min-w-0 flex-1">
                  <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
                    <code>{value}</code>
                    <span className="text-[13px] text-ink-2">
                      {kind === "application" ? "application permission" : "delegated permission"}
                    </span>
                    {isGranted ? <Pill tone="done">Granted already</Pill> : <Pill tone={RISK[risk][0]}>{RISK[risk][1]}</Pill>}
                  </span>
                  <span className="mt-0.5 block text-[14px] text-ink-2">
                    {because}. For {features.join(", ")}.
                  </span>
                </span>
              </label>
            ))}
          </Card>
          <div role="status">
            {lost.length > 0 && (
              <Notice tone="wait" title={`Without ${declined.map(({ value }) => value).join(", ")}`}>
                {lost.join(", ")} will not work. Your colleague can leave {lost.length === 1 ? "it" : "them"} out and go on with the rest.
              </Notice>
            )}
          </div>
          {declined.length > 0 && (
            <label className="block text-[14px] text-ink-2">
              Why not all (your colleague and the vendor’s support read this)
              <textarea
                name="reason"
                rows={2}
                maxLength={500}
                className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
              />
            </label>
          )}
          <Button type="submit" disabled={isBusy || chosen.size === 0}>
            {isApproving ? "Approving…" : declined.length === 0 ? "Approve all" : `Approve ${chosen.size} of ${open.length}`}
          </Button>
          {approved?.refused && <Notice live tone="fail" title={approved.refused} />}
        </WhenReady>
      </form>
      <details className="mt-5">
        <summary className="text-ink-2">Reject the request</summary>
        <form action={submitRejection} className="mt-3 space-y-3">
          <input type="hidden" name="approval" value={id} />
          <label className="block text-[14px] text-ink-2">
            Reason (your colleague and the vendor’s support read this)
            <textarea
              name="reason"
              rows={3}
              required
              maxLength={500}
              className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
            />
          </label>
          <Button type="submit" look="danger" disabled={isBusy}>
            {isRejecting ? "Rejecting…" : "Reject with this reason"}
          </Button>
          {rejected?.refused && <Notice live tone="fail" title={rejected.refused} />}
        </form>
      </details>
    </>
  );
}
