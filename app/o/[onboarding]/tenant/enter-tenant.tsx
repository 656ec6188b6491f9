"use client";

import { startTransition, useActionState, useEffect, useRef } from "react";
import { SignInButton } from "@/components/entra/entra";
import { Notice } from "@/components/ui/ui";
import type { BrowserSettings } from "@/lib/auth/auth";
import { enter } from "../actions";

/** Compares the tenant with the invitation as soon as it is shown. */
export function EnterTenant({ id, settings, loginHint }: { id: string; settings: BrowserSettings; loginHint: string }) {
  const [result, submit] = useActionState(enter, null);
  const hasStarted = useRef(false);
  useEffect(() => {
    if (hasStarted.current) return;
    hasStarted.current = true;
    const form = new FormData();
    form.set("onboarding", id);
    startTransition(() => submit(form));
  });
  if (result?.refused)
    return (
      <Notice live tone="fail" title="You cannot go on with this account">
        <p>{result.refused}</p>
        {result.claims && (
          <SignInButton settings={settings} ask={{ to: `/o/${id}/tenant`, loginHint, claims: result.claims }}>
            Confirm at Microsoft
          </SignInButton>
        )}
      </Notice>
    );
  return <Notice live tone="info" title="Comparing your tenant with the invitation" />;
}
