"use client";

import { useState } from "react";
import { CopyButton } from "@/components/ui/copy-button";
import { Button, Notice } from "@/components/ui/ui";
import { copyHandoff } from "../actions";

/**
 * Shows the one-time link, which the server then no longer has. It stands in one place of the page whatever becomes of the
 * handoff, so that a link which was shown stays until the page is left.
 */
export function CopyLink({ id, contact, canTake }: { id: string; contact: string; canTake: boolean }) {
  const [link, setLink] = useState<string | null>(null);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  if (link)
    return (
      <Notice live tone="wait" title="This is the only time the link is shown">
        <p>Give it to {contact} yourself, by a way that you trust. Whoever opens it first can read the values, once.</p>
        <div className="flex items-center gap-2">
          <code className="min-w-0 break-all rounded-md bg-surface px-2.5 py-1.5" data-testid="handoff-link">
            {link}
          </code>
          <CopyButton text={link} label="the link" />
        </div>
      </Notice>
    );
  if (!canTake) return null;
  return (
    <>
      <Button
        look="quiet"
        disabled={isBusy}
        onClick={async () => {
          setBusy(true);
          const answer = await copyHandoff(id);
          if ("link" in answer) setLink(answer.link);
          else setRefusal(answer.refused);
          setBusy(false);
        }}
      >
        {isBusy ? "Fetching…" : "Show the link, to give it myself"}
      </Button>
      {refusal && <Notice live tone="fail" title={refusal} />}
    </>
  );
}
