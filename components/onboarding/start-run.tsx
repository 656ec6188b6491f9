"use client";

import { useRouter } from "next/navigation";
import { useEffect, useRef, useState } from "react";
import { LeaveForMicrosoft, SignInButton } from "@/components/entra/entra";
import { ReadyButton } from "@/components/ui/ready";
import { Notice } from "@/components/ui/ui";
import type { BrowserSettings } from "@/lib/auth/auth";
import type { Started } from "@/lib/onboarding/runs";

export type StartAnswer = { result: Started; missing?: string[] } | { refused: string; code: string };
type State =
  | { is: "starting" | "quiet" | "consent" }
  | { is: "partial"; missing: string[] }
  | { is: "sign-in"; message: string; claims: string }
  | { is: "refused"; text: string };

/** Nothing is known of what became of it: the page says so as soon as the portal is back. */
const AWAY: StartAnswer = {
  refused: "The portal cannot be reached right now. What was started goes on by itself; this page follows.",
  code: "away",
};

/**
 * Starts a run or goes on with an interrupted one, and fetches what Microsoft wants first: consent, or a sign-in that
 * proves more. `auto` does so as soon as it is shown; `hasAsked` says that consent was asked for a moment ago.
 */
export function StartRun({
  begin,
  auto,
  hasAsked,
  label,
  busy,
  here,
  changed,
  settings,
  loginHint,
  look = "primary",
  wide = false,
  mayLeave = true,
}: {
  begin: (hasAsked: boolean) => Promise<StartAnswer>;
  auto: boolean;
  hasAsked: boolean;
  label: string;
  busy: string;
  /** The path of this page, where the person comes back to. */
  here: string;
  /** Where to go when the tenant is not as it was approved. */
  changed: string;
  settings: BrowserSettings;
  loginHint: string;
  look?: "primary" | "quiet" | "danger";
  wide?: boolean;
  /** Whether it goes to Microsoft by itself when `auto` finds consent missing; without, the button waits for the person. */
  mayLeave?: boolean;
}) {
  const router = useRouter();
  const [state, setState] = useState<State>({ is: auto ? "starting" : "quiet" });
  const hasStarted = useRef(false);
  const go = async (isAsked = true) => {
    setState({ is: "starting" });
    const answer = await begin(hasAsked).catch(() => AWAY);
    if ("refused" in answer) {
      if (answer.code === "onboarding.busy") return router.refresh();
      return setState({ is: "refused", text: answer.refused });
    }
    const { result, missing = [] } = answer;
    const isPart = hasAsked && missing.length > 0 && missing.length < settings.planScopes.length;
    if (result.is === "consent-needed" && !isAsked && !mayLeave) return setState({ is: "quiet" });
    if (result.is === "consent-needed") return setState(isPart ? { is: "partial", missing } : { is: "consent" });
    if (result.is === "sign-in") return setState(result);
    setState({ is: "quiet" });
    if (result.is === "plan-changed") {
      router.push(changed);
      // It may be this very page, which has to show what there is now.
      return router.refresh();
    }
    router.replace(here);
    router.refresh();
  };
  useEffect(() => {
    if (!auto || hasStarted.current) return;
    hasStarted.current = true;
    void go(false);
  });
  const back = { to: `${here}?go=1`, loginHint };
  const backAfterConsent = { to: `${here}?go=1&asked=1`, loginHint, plan: true };
  switch (state.is) {
    case "starting":
      return <Notice live tone="info" title={busy} />;
    case "consent":
      return (
        <LeaveForMicrosoft settings={settings} ask={backAfterConsent}>
          <Notice live tone="info" title="Going to Microsoft, to ask for the permissions that the plan needs">
            You come back here by yourself.
          </Notice>
        </LeaveForMicrosoft>
      );
    case "partial":
      return (
        <Notice live tone="wait" title="Microsoft gave the portal only a part of what this needs">
          <p>
            Missing: <code>{state.missing.join(", ")}</code>. Nothing was changed. Accept all of it, or let a colleague do it who may.
          </p>
          <SignInButton settings={settings} ask={backAfterConsent}>
            Ask Microsoft again
          </SignInButton>
        </Notice>
      );
    case "sign-in":
      return (
        <Notice live tone="wait" title="Microsoft wants you to confirm who you are">
          <p>{state.message}</p>
          <SignInButton settings={settings} ask={{ ...back, claims: state.claims }}>
            Confirm at Microsoft
          </SignInButton>
        </Notice>
      );
    case "refused":
      return (
        <div className="space-y-3">
          <Notice live tone="fail" title={state.text}>
            <SignInButton look="quiet" settings={settings} ask={back}>
              Sign in again
            </SignInButton>
          </Notice>
          <ReadyButton onClick={() => void go()}>{label}</ReadyButton>
        </div>
      );
    case "quiet":
      return (
        <ReadyButton look={look} wide={wide} onClick={() => void go()}>
          {label}
        </ReadyButton>
      );
  }
}
