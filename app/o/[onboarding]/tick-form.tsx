"use client";

import { useActionState } from "react";
import { Button, Notice } from "@/components/ui/ui";
import { tick } from "./actions";

/** Says what became of a step; `takes` is for those that show only later. */
export function TickForm({
  id,
  step,
  done = "Mark as done",
  takes,
}: {
  id: string;
  step: string;
  done?: string;
  takes?: string | undefined;
}) {
  const [result, submit, isPending] = useActionState(tick, null);
  return (
    <form action={submit} className="mt-3 flex flex-wrap items-end gap-2.5">
      <input type="hidden" name="onboarding" value={id} />
      <input type="hidden" name="step" value={step} />
      <label className="min-w-50 flex-1 text-[13px] text-ink-2">
        Note or evidence (optional)
        <textarea
          name="note"
          maxLength={2000}
          rows={1}
          className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
        />
      </label>
      <Button type="submit" look="quiet" name="state" value="done" disabled={isPending}>
        {done}
      </Button>
      {takes && (
        <Button type="submit" look="quiet" name="state" value="later" disabled={isPending}>
          Re-check tomorrow
        </Button>
      )}
      <Button type="submit" look="quiet" name="state" value="not-applicable" disabled={isPending}>
        Not applicable
      </Button>
      {result?.refused && <Notice live tone="fail" title={result.refused} />}
    </form>
  );
}
