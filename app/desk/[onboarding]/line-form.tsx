"use client";

import { type FormEvent, startTransition, useActionState, useId, useRef } from "react";
import type { ActionResult } from "@/components/ui/act";
import { WhenReady } from "@/components/ui/ready";
import { Button, Notice } from "@/components/ui/ui";
import { fieldClass } from "../choice";

/** One thing to write down. A refusal leaves what was typed; what was kept is emptied when `clears`. */
export function LineForm({
  action,
  id,
  label,
  hint,
  value = "",
  button,
  rows,
  clears = false,
}: {
  action: (previous: ActionResult, form: FormData) => Promise<ActionResult>;
  id: string;
  label: string;
  hint: string;
  value?: string;
  button: string;
  /** More than one line, when given. */
  rows?: number;
  clears?: boolean;
}) {
  const form = useRef<HTMLFormElement>(null);
  const [result, submit, isPending] = useActionState(async (previous: ActionResult, given: FormData) => {
    const answer = await action(previous, given);
    if (!answer && clears) form.current?.reset();
    return answer;
  }, null);
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    startTransition(() => submit(given));
  };
  const fieldId = useId();
  const field = { id: fieldId, name: "text", className: fieldClass, "aria-describedby": `${fieldId}-hint` };
  return (
    <form ref={form} onSubmit={onSubmit}>
      <WhenReady className="space-y-2">
        <input type="hidden" name="onboarding" value={id} />
        <label htmlFor={fieldId} className="block text-[14px] font-medium">
          {label}
        </label>
        <p id={`${fieldId}-hint`} className="text-[13px] text-ink-2">
          {hint}
        </p>
        {rows ? (
          <textarea {...field} rows={rows} maxLength={4000} />
        ) : (
          <input {...field} key={value} defaultValue={value} autoComplete="off" />
        )}
        <Button type="submit" look="quiet" disabled={isPending}>
          {isPending ? "Keeping…" : button}
        </Button>
        <div role="status">{result?.refused && <Notice tone="fail" title={result.refused} />}</div>
      </WhenReady>
    </form>
  );
}
