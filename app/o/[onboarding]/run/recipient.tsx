"use client";

import { useActionState } from "react";
import { Button, Notice } from "@/components/ui/ui";
import { nameRecipient } from "../actions";

/** The product allows a person of the customer's own to get the values. */
export function Recipient({
  id,
  to,
  named,
  isOwn,
  note,
}: {
  id: string;
  to: string | null;
  named: string;
  isOwn: boolean;
  note: string | undefined;
}) {
  const [result, submit, isPending] = useActionState(nameRecipient, null);
  return (
    <details className="mb-4 rounded-lg border border-line px-3.5 py-2.5" open={to === null}>
      <summary className="text-[14px]">
        {to === null
          ? "Name who gets the values"
          : `For ${to}${to === named ? ", whom the vendor named" : ", whom you named"}. Somebody else?`}
      </summary>
      <form action={submit} className="mt-3 flex flex-wrap items-end gap-2.5">
        <input type="hidden" name="onboarding" value={id} />
        <label className="min-w-50 flex-1 text-[14px] text-ink-2">
          E-mail of your own person{isOwn ? "" : ` (empty: ${named})`}
          {note && <span className="block text-[13px]">{note}</span>}
          <input
            name="to"
            type="text"
            inputMode="email"
            autoComplete="off"
            defaultValue={to !== null && to !== named ? to : ""}
            className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
          />
        </label>
        <Button type="submit" look="quiet" disabled={isPending}>
          {isPending ? "Keeping…" : "Use this address"}
        </Button>
        <div role="status" className="w-full empty:hidden">
          {result?.refused && <Notice tone="fail" title={result.refused} />}
        </div>
      </form>
    </details>
  );
}

/** The vendor named several people: the admin says which of them gets the link. */
export function PickContact({ id, to, contacts }: { id: string; to: string | null; contacts: readonly string[] }) {
  const [result, submit, isPending] = useActionState(nameRecipient, null);
  return (
    <form action={submit} className="mb-4 flex flex-wrap items-end gap-2.5">
      <input type="hidden" name="onboarding" value={id} />
      <label className="min-w-50 flex-1 text-[14px] text-ink-2">
        The vendor named several people; one of them gets the link
        <select
          key={to}
          name="to"
          defaultValue={to ?? contacts[0]}
          className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
        >
          {contacts.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      <Button type="submit" look="quiet" disabled={isPending}>
        {isPending ? "Keeping…" : "Use this one"}
      </Button>
      <div role="status" className="w-full empty:hidden">
        {result?.refused && <Notice tone="fail" title={result.refused} />}
      </div>
    </form>
  );
}
