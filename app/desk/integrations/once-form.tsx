"use client";

import { type FormEvent, type ReactNode, startTransition, useActionState, useRef } from "react";
import { CopyButton } from "@/components/ui/copy-button";
import { WhenReady } from "@/components/ui/ready";
import { Button, Notice } from "@/components/ui/ui";
import type { OnceResult } from "./actions";

/** Makes something that is shown once and then never again. A refusal leaves what was typed. */
export function OnceForm({
  action,
  button,
  busy,
  shown,
  look,
  children,
}: {
  action: (previous: OnceResult, form: FormData) => Promise<OnceResult>;
  button: string;
  busy: string;
  /** What to do with it. */
  shown: string;
  look?: "quiet";
  children: ReactNode;
}) {
  const form = useRef<HTMLFormElement>(null);
  const [result, submit, isPending] = useActionState(async (previous: OnceResult, given: FormData) => {
    const answer = await action(previous, given);
    if (answer?.shown) form.current?.reset();
    return answer;
  }, null);
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    startTransition(() => submit(given));
  };
  return (
    <form ref={form} onSubmit={onSubmit}>
      <WhenReady className="space-y-3">
        {children}
        <Button type="submit" disabled={isPending} {...(look ? { look } : {})}>
          {isPending ? busy : button}
        </Button>
        <div role="status">
          {result?.refused && <Notice tone="fail" title={result.refused} />}
          {result?.shown && (
            <Notice tone="done" title={shown}>
              <div className="flex items-center gap-2">
                <code className="min-w-0 break-all rounded-md bg-surface px-2.5 py-1.5" data-testid="shown-once">
                  {result.shown}
                </code>
                <CopyButton text={result.shown} label="it" />
              </div>
            </Notice>
          )}
        </div>
      </WhenReady>
    </form>
  );
}
