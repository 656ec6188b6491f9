"use client";

import { useActionState } from "react";
import { Button, Notice } from "@/components/ui/ui";
import { rotate } from "../actions";

/** Asks for a new secret beside the one in use. */
export function RotateForm({ id }: { id: string }) {
  const [result, submit, isPending] = useActionState(rotate, null);
  return (
    <details>
      <summary className="text-[14px]">Issue the next secret before this one ends</summary>
      <form action={submit} className="mt-3 flex flex-wrap items-end gap-3">
        <input type="hidden" name="onboarding" value={id} />
        <label className="text-[14px] text-ink-2">
          Both stay valid until it works with the new one, at most
          <select
            name="days"
            defaultValue="14"
            className="mt-1 block rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
          >
            {[1, 7, 14, 30].map((days) => (
              <option key={days} value={days}>
                {days === 1 ? "1 day" : `${days} days`}
              </option>
            ))}
          </select>
        </label>
        <Button type="submit" look="quiet" disabled={isPending}>
          {isPending ? "Issuing…" : "Issue the next secret and a link for it"}
        </Button>
        <div role="status" className="w-full empty:hidden">
          {result?.refused && <Notice tone="fail" title={result.refused} />}
        </div>
      </form>
    </details>
  );
}
