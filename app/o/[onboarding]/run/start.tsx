"use client";

import { useRouter } from "next/navigation";
import { useEffect, useRef, useState } from "react";
import { LeaveForConsent } from "@/components/entra/entra";
import { SignOut } from "@/components/ui/sign-out";
import { Button, Notice } from "@/components/ui/ui";
import type { BrowserSettings } from "@/lib/auth/auth";
import { start } from "../actions";

type State = { is: "starting" } | { is: "consent" } | { is: "refused"; text: string } | { is: "quiet" };

/**
 * Starts the approved run or goes on with an interrupted one, and fetches the consent that is still missing.
 * `auto` does so as soon as the page is shown.
 */
export function Start({
  id,
  auto,
  label,
  settings,
  loginHint,
}: {
  id: string;
  auto: boolean;
  label: string;
  settings: BrowserSettings;
  loginHint: string;
}) {
  const router = useRouter();
  const [state, setState] = useState<State>(auto ? { is: "starting" } : { is: "quiet" });
  const hasStarted = useRef(false);
  const go = async () => {
    setState({ is: "starting" });
    const answer = await start(id);
    if ("refused" in answer) {
      if (answer.code === "onboarding.busy") return router.refresh();
      return setState({ is: "refused", text: answer.refused });
    }
    if (answer.result === "consent-needed") return setState({ is: "consent" });
    if (answer.result === "plan-changed") return router.push(`/o/${id}/plan?changed=1`);
    setState({ is: "quiet" });
    router.replace(`/o/${id}/run`);
    router.refresh();
  };
  useEffect(() => {
    if (!auto || hasStarted.current) return;
    hasStarted.current = true;
    void go();
  });
  if (state.is === "starting") return <Notice live tone="info" title="Reading your tenant once more before anything is written" />;
  if (state.is === "consent") return <LeaveForConsent settings={settings} ask={{ to: `/o/${id}/run?go=1`, loginHint, write: true }} />;
  return (
    <div className="space-y-3">
      {state.is === "refused" && (
        <Notice live tone="fail" title={state.text}>
          <SignOut to={`/o/${id}/tenant`}>Sign in again</SignOut>
        </Notice>
      )}
      <Button onClick={() => void go()}>{label}</Button>
    </div>
  );
}
