"use client";

import { useActionState, useState } from "react";
import { CodeBlock } from "@/components/ui/code-block";
import { ReadyButton } from "@/components/ui/ready";
import { Button, Notice } from "@/components/ui/ui";
import { ask, consentPageLinks } from "../actions";

/** Asks a colleague with a higher role; the link is shown once, and mailed when an address is given. */
export function AskForm({ id, label, open }: { id: string; label: string; open: string | null }) {
  const isFolded = open !== null;
  const [result, submit, isPending] = useActionState(ask, null);
  // The link of a request that is over is of no use any more.
  const asked = open !== null && result?.asked?.link.includes(open) ? result.asked : undefined;
  const form = (
    <form action={submit} className="space-y-3">
      <input type="hidden" name="onboarding" value={id} />
      <label className="block text-[14px] text-ink-2">
        Colleague’s e-mail (leave it empty to pass the link on yourself)
        <input
          name="to"
          type="text"
          inputMode="email"
          autoComplete="off"
          className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
        />
      </label>
      <label className="block text-[14px] text-ink-2">
        A word to them (optional)
        <textarea
          name="message"
          rows={2}
          maxLength={500}
          className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
        />
      </label>
      <Button type="submit" disabled={isPending}>
        {isPending ? "Asking…" : label}
      </Button>
    </form>
  );
  // Rendered in one place whether a request is open or not, so that the link that was just made stays on the page.
  return (
    <div className="space-y-3">
      <div role="status">
        {result?.refused && <Notice tone="fail" title={result.refused} />}
        {asked && (
          <Notice
            tone={asked.mailRefused ? "wait" : "done"}
            title={
              asked.mailRefused
                ? `The mail to ${asked.mailedTo} was not accepted; pass the link on yourself`
                : asked.mailedTo
                  ? `Mailed to ${asked.mailedTo}`
                  : "Pass this link on. It is shown only now."
            }
          >
            <div data-testid="approval-link">
              <CodeBlock text={asked.link} label="the link" />
            </div>
          </Notice>
        )}
      </div>
      <details open={!isFolded}>
        <summary className={isFolded ? "text-ink-2" : "hidden"}>Ask anew: the old link stops working</summary>
        <div className={isFolded ? "mt-3" : ""}>{form}</div>
      </details>
    </div>
  );
}

/** The addresses of Microsoft's own consent page; each is good once. */
export function ConsentPageLinks({ id }: { id: string }) {
  const [answer, setAnswer] = useState<Awaited<ReturnType<typeof consentPageLinks>> | null>(null);
  return (
    <div className="space-y-3">
      {answer && "links" in answer ? (
        answer.links.map(({ name, link }) => (
          <div key={link}>
            <p className="text-[13px] text-ink-2">{name}</p>
            <div data-testid="consent-link">
              <CodeBlock text={link} label={`Microsoft’s address for ${name}`} />
            </div>
          </div>
        ))
      ) : (
        <ReadyButton look="quiet" onClick={() => void consentPageLinks(id).then(setAnswer)}>
          Show Microsoft’s address
        </ReadyButton>
      )}
      {answer && "refused" in answer && <Notice live tone="fail" title={answer.refused} />}
    </div>
  );
}
