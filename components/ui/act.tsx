"use client";

import { type ReactNode, startTransition, useActionState } from "react";
import { ReadyButton } from "./ready";
import { Button, Notice } from "./ui";

/** `claims`: what Microsoft wants a new sign-in to prove first. */
export type ActionResult = { refused?: string; said?: string; claims?: string } | null;

/** The same for a button that stands inside a form of something else. */
export function ActButton({
  action,
  fields,
  look,
  busy,
  children,
}: {
  action: (previous: ActionResult, form: FormData) => Promise<ActionResult>;
  fields: Record<string, string>;
  look?: "primary" | "quiet" | "danger";
  busy: string;
  children: ReactNode;
}) {
  const [result, submit, isPending] = useActionState(action, null);
  return (
    <div className="space-y-3">
      <ReadyButton
        disabled={isPending}
        {...(look ? { look } : {})}
        onClick={() => {
          const form = new FormData();
          for (const [name, value] of Object.entries(fields)) form.set(name, value);
          startTransition(() => submit(form));
        }}
      >
        {isPending ? busy : children}
      </ReadyButton>
      <div role="status">{result?.refused && <Notice tone="fail" title={result.refused} />}</div>
    </div>
  );
}

/** A button that runs a server action, tells that it runs, and shows a refusal without losing anything. */
export function Act({
  action,
  fields = {},
  values = [],
  look,
  wide,
  busy,
  children,
}: {
  action: (previous: ActionResult, form: FormData) => Promise<ActionResult>;
  fields?: Record<string, string>;
  /** Further hidden fields, whose names may repeat. */
  values?: readonly (readonly [name: string, value: string])[];
  look?: "primary" | "quiet" | "danger";
  wide?: boolean;
  busy: string;
  children: ReactNode;
}) {
  const [result, submit, isPending] = useActionState(action, null);
  return (
    <form action={submit} className="space-y-3">
      {[...Object.entries(fields), ...values].map(([name, value]) => (
        <input key={`${name}=${value}`} type="hidden" name={name} value={value} />
      ))}
      <Button type="submit" disabled={isPending} {...(look ? { look } : {})} {...(wide ? { wide } : {})}>
        {isPending ? busy : children}
      </Button>
      <div role="status">
        {result?.refused && <Notice tone="fail" title={result.refused} />}
        {result?.said && <Notice tone="done" title={result.said} />}
      </div>
    </form>
  );
}
