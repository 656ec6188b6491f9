"use client";

import { useState } from "react";
import { SignInButton } from "@/components/entra/entra";
import { ActButton } from "@/components/ui/act";
import { WhenReady } from "@/components/ui/ready";
import { Button, Notice } from "@/components/ui/ui";
import type { BrowserSettings } from "@/lib/auth/auth";
import { adopt, type SearchAnswer, searchRegistrations } from "../actions";

function Use({ id, registration, appId, children }: { id: string; registration: string; appId: string; children: string }) {
  return (
    <ActButton action={adopt} fields={{ onboarding: id, registration, appId }} look="quiet" busy="Reading it…">
      {children}
    </ActButton>
  );
}

/** Picks a registration that is there already, found by name or application ID, in place of a new one. */
export function Adopt({
  id,
  registration,
  displayName,
  hint,
  adopts,
  lookalikes,
  settings,
  loginHint,
}: {
  id: string;
  registration: string;
  displayName: string;
  hint: string | null;
  adopts: string | null;
  lookalikes: { appId: string; displayName: string; because: string }[];
  settings: BrowserSettings;
  loginHint: string;
}) {
  const [words, setWords] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<SearchAnswer | null>(null);
  const search = async () => {
    setBusy(true);
    setAnswer(await searchRegistrations(id, words));
    setBusy(false);
  };
  if (adopts)
    return (
      <div className="space-y-2">
        <p>
          <b className="font-semibold">{displayName}</b>: the existing registration <code>{adopts}</code> is used.
        </p>
        <Use id={id} registration={registration} appId="">
          Make a new one instead
        </Use>
      </div>
    );
  return (
    <div className="space-y-3">
      <p>
        <b className="font-semibold">{displayName}</b>
        {hint && <span className="block text-[14px] text-ink-2">{hint}</span>}
      </p>
      {lookalikes.map((each) => (
        <div key={each.appId} className="flex flex-wrap items-center justify-between gap-2 rounded-lg border border-line px-3.5 py-2.5">
          <span className="min-w-0 text-[14px]">
            {each.displayName} <code className="break-all text-[13px]">{each.appId}</code>
            <span className="block text-[13px] text-ink-3">Found because {each.because}.</span>
          </span>
          <Use id={id} registration={registration} appId={each.appId}>
            Use this one
          </Use>
        </div>
      ))}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void search();
        }}
      >
        <WhenReady className="flex flex-wrap items-end gap-2.5">
          <label className="min-w-50 flex-1 text-[14px] text-ink-2">
            Start of its name, or its application ID
            <input
              value={words}
              onChange={({ target }) => setWords(target.value)}
              maxLength={120}
              autoComplete="off"
              className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink"
            />
          </label>
          <Button type="submit" look="quiet" disabled={isBusy || words.trim() === ""}>
            {isBusy ? "Searching…" : "Search my tenant"}
          </Button>
        </WhenReady>
      </form>
      <div role="status" className="space-y-2 empty:hidden">
        {answer && "refused" in answer && (
          <Notice
            tone="wait"
            title={answer.isConsentNeeded ? "Your tenant has not let the portal look at app registrations yet" : answer.refused}
          >
            {answer.isConsentNeeded && (
              <>
                <p>Microsoft asks you for it. It is the same permission that the plan needs; nothing is written by it.</p>
                <SignInButton look="quiet" settings={settings} ask={{ to: `/o/${id}/plan`, loginHint, plan: true }}>
                  Let the portal look
                </SignInButton>
              </>
            )}
          </Notice>
        )}
        {answer && "found" in answer && answer.found.length === 0 && (
          <p className="text-[14px] text-ink-2">No registration is called so.</p>
        )}
        {answer && "found" in answer && answer.found.length > 0 && (
          <ul className="divide-y divide-line rounded-lg border border-line">
            {answer.found.map((each) => (
              <li key={each.appId} className="flex flex-wrap items-center justify-between gap-2 px-3.5 py-2.5">
                <span className="min-w-0 text-[14px]">
                  {each.displayName} <code className="break-all text-[13px]">{each.appId}</code>
                  {each.createdAt && <span className="block text-[13px] text-ink-3">Made {each.createdAt.slice(0, 10)}</span>}
                </span>
                <Use id={id} registration={registration} appId={each.appId}>
                  Use this one
                </Use>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
