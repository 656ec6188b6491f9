"use client";

import { useState } from "react";
import { firstTerms, TermsFields } from "@/components/onboarding/terms-fields";
import { CopyButton } from "@/components/ui/copy-button";
import { ReadyButton } from "@/components/ui/ready";
import { Notice } from "@/components/ui/ui";
import { copyHandoff, mailHandoff, releaseToMachine } from "../actions";

type Way = "mail" | "copy" | "machine";

/**
 * Gives the link out on the terms that the admin chooses. It stands in one place of the page whatever becomes of the
 * handoff, so that a link which was shown stays until the page is left; the server then no longer has it.
 */
export function GiveLink({
  id,
  contact,
  reader,
  canTake,
  machineOf,
}: {
  id: string;
  /** Null: the admin has to name somebody first, or carries the link. */
  contact: string | null;
  reader: string;
  canTake: boolean;
  /** The vendor whose own system can fetch the values; null where it cannot. */
  machineOf: string | null;
}) {
  const [terms, setTerms] = useState(() => firstTerms(contact !== null));
  const [given, setGiven] = useState<{ link: string; passphrase: string | null } | null>(null);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [busy, setBusy] = useState<Way | null>(null);
  if (given)
    return (
      <Notice live tone="wait" title="This is the only time the link is shown">
        <p>
          Give it to {reader} yourself, by a way that you trust
          {given.passphrase === null
            ? ". Whoever opens it first and answers what it asks can read the values, once."
            : ", and the passphrase by another."}
        </p>
        <div className="flex items-center gap-2">
          <code className="min-w-0 break-all rounded-md bg-surface px-2.5 py-1.5" data-testid="handoff-link">
            {given.link}
          </code>
          <CopyButton text={given.link} label="the link" />
        </div>
      </Notice>
    );
  if (!canTake) return null;
  const give = async (way: Way) => {
    setBusy(way);
    setRefusal(null);
    const answer = await (way === "mail" ? mailHandoff : way === "copy" ? copyHandoff : releaseToMachine)(id, terms);
    if ("refused" in answer) setRefusal(answer.refused);
    else if ("link" in answer) setGiven({ link: answer.link, passphrase: terms.challenge === "passphrase" ? terms.passphrase : null });
    setBusy(null);
  };
  return (
    <div className="space-y-4">
      {machineOf && (
        <div className="rounded-lg border border-line px-3.5 py-3">
          <p className="font-medium">{machineOf}’s own system can fetch the values</p>
          <p className="mb-2.5 text-[14px] text-ink-2">Sealed to its key: no link is made, and no person sees the secret.</p>
          <ReadyButton look="quiet" disabled={busy !== null} onClick={() => give("machine")}>
            {busy === "machine" ? "Releasing…" : `Let ${machineOf}’s system fetch them`}
          </ReadyButton>
        </div>
      )}
      <TermsFields terms={terms} change={setTerms} contact={contact} canRemove />
      <div className="flex flex-wrap items-start gap-3">
        {contact && (
          <ReadyButton disabled={busy !== null} onClick={() => give("mail")}>
            {busy === "mail" ? "Sending…" : `Send the link to ${contact}`}
          </ReadyButton>
        )}
        <ReadyButton look="quiet" disabled={busy !== null} onClick={() => give("copy")}>
          {busy === "copy" ? "Fetching…" : "Show the link, to give it myself"}
        </ReadyButton>
      </div>
      <div role="status" className="empty:hidden">
        {refusal && <Notice tone="fail" title={refusal} />}
      </div>
    </div>
  );
}
