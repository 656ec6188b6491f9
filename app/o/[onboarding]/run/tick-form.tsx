"use client";

import { useActionState } from "react";
import { Button, Notice } from "@/components/ui/ui";
import { tick } from "../actions";

export function TickForm({ id, step }: { id: string; step: string }) {
  const [result, submit, isPending] = useActionState(tick, null);
  return (
    <form action={submit} className="mt-3 flex flex-wrap items-end gap-2.5">
      <input type="hidden" name="onboarding" value={id} />
      <input type="hidden" name="step" value={step} />
      <label className="min-w-50 flex-1 text-[13px] text-ink-2">
        Note (optional)
        <input
          name="note"
          maxLength={500}
          className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
        />
      </label>
      <Button type="submit" look="quiet" name="state" value="done" disabled={isPending}>
        Mark as done
      </Button>
      <Button type="submit" look="quiet" name="state" value="not-applicable" disabled={isPending}>
        Not applicable
      </Button>
      {result?.refused && <Notice live tone="fail" title={result.refused} />}
    </form>
  );
}
