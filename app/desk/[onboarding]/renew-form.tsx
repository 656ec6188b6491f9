"use client";

import { type FormEvent, startTransition, useActionState } from "react";
import { WhenReady } from "@/components/ui/ready";
import { Button } from "@/components/ui/ui";
import { renew } from "../actions";
import { fieldClass } from "../choice";
import { Invited } from "../invited";

/** A fresh link in place of all older ones, to the same address or another. */
export function RenewForm({ id, adminEmail }: { id: string; adminEmail: string }) {
  const [result, submit, isPending] = useActionState(renew, null);
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    startTransition(() => submit(form));
  };
  return (
    <form onSubmit={onSubmit}>
      <WhenReady className="space-y-3">
        <input type="hidden" name="onboarding" value={id} />
        <div className="flex flex-wrap items-end gap-3">
          <label className="min-w-60 flex-1 text-[13px] text-ink-2">
            Mail it to
            <input name="adminEmail" type="email" required defaultValue={adminEmail} maxLength={254} className={fieldClass} />
          </label>
          <label className="w-28 text-[13px] text-ink-2">
            Days
            <input name="days" type="number" min={1} max={90} defaultValue={14} className={fieldClass} />
          </label>
          <Button type="submit" look="quiet" disabled={isPending}>
            {isPending ? "Sending…" : "Send a fresh link"}
          </Button>
        </div>
        <Invited result={result} />
      </WhenReady>
    </form>
  );
}
