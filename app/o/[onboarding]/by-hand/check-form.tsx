"use client";

import { useRouter } from "next/navigation";
import { type FormEvent, useEffect, useState } from "react";
import { SignInButton } from "@/components/entra/entra";
import { WhenReady } from "@/components/ui/ready";
import { Button, Card, Notice } from "@/components/ui/ui";
import type { BrowserSettings } from "@/lib/auth/auth";
import { type CheckAnswer, checkByHand } from "./actions";

/** The application IDs of what was made by hand. They are kept in the browser while Microsoft asks for the permissions to read. */
export function CheckForm({
  id,
  registrations,
  settings,
  loginHint,
}: {
  id: string;
  registrations: { id: string; displayName: string; appId: string }[];
  settings: BrowserSettings;
  loginHint: string;
}) {
  const kept = `by-hand.${id}`;
  const router = useRouter();
  const [isBusy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<CheckAnswer | null>(null);
  const [typed, setTyped] = useState<Record<string, string>>({});
  // What was typed before Microsoft asked for the permissions.
  useEffect(() => {
    const before = sessionStorage.getItem(kept);
    if (before) setTyped(JSON.parse(before) as Record<string, string>);
  }, [kept]);
  const shown = (registration: { id: string; appId: string }) => typed[registration.id] ?? registration.appId;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const appIds = Object.fromEntries(registrations.map((registration) => [registration.id, shown(registration)]));
    sessionStorage.setItem(kept, JSON.stringify(appIds));
    const result = await checkByHand(id, appIds);
    setAnswer(result);
    setBusy(false);
    if (result.is === "checked") {
      sessionStorage.removeItem(kept);
      router.refresh();
    }
  };
  return (
    <Card className="p-4.5 sm:px-5">
      <form onSubmit={submit}>
        <WhenReady className="space-y-3">
          {registrations.map((registration) => (
            <label key={registration.id} className="block font-medium">
              Application (client) ID of {registration.displayName}
              <input
                value={shown(registration)}
                onChange={({ target }) => setTyped((before) => ({ ...before, [registration.id]: target.value }))}
                autoComplete="off"
                spellCheck={false}
                placeholder="00000000-0000-0000-0000-000000000000"
                className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 font-mono text-[14px] text-ink"
              />
            </label>
          ))}
          <Button type="submit" disabled={isBusy}>
            {isBusy ? "Reading your tenant…" : "Check what I made"}
          </Button>
          <div role="status" className="empty:hidden">
            {answer?.is === "consent-needed" && (
              <Notice tone="wait" title="Your tenant has not let the portal read this yet">
                <p>Microsoft asks you for permissions to read, and for nothing else. What you typed is still here when you come back.</p>
                <SignInButton settings={settings} ask={{ to: `/o/${id}/by-hand`, loginHint, plan: true }}>
                  Let the portal read
                </SignInButton>
              </Notice>
            )}
            {answer?.is === "refused" && <Notice tone="fail" title={answer.words} />}
          </div>
        </WhenReady>
      </form>
    </Card>
  );
}
