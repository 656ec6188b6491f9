"use client";

import { type ReactNode, useState } from "react";
import { ReadyButton } from "./ready";

export function SignOut({ children, to = "/?signed-out", everywhere = false }: { children: ReactNode; to?: string; everywhere?: boolean }) {
  const [state, setState] = useState<"ready" | "leaving" | "failed">("ready");
  return (
    <>
      <ReadyButton
        look="quiet"
        disabled={state === "leaving"}
        onClick={async () => {
          setState("leaving");
          try {
            const answer = await fetch(`/api/session${everywhere ? "?everywhere" : ""}`, { method: "DELETE" });
            if (!answer.ok) throw new Error(String(answer.status));
            location.assign(to);
          } catch {
            setState("failed");
          }
        }}
      >
        {children}
      </ReadyButton>
      {state === "failed" && (
        <span role="alert" className="text-[13.5px] text-fail">
          You are still signed in: the portal did not answer. Try again.
        </span>
      )}
    </>
  );
}
