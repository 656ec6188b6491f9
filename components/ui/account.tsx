"use client";

import { CircleUser } from "lucide-react";
import { useState } from "react";
import { SignOut } from "./sign-out";

/** Who is signed in, and the way out: here, or in every browser. */
export function Account({ person }: { person: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        popoverTarget="account"
        aria-label={`Account: ${person}`}
        className="flex min-h-9 min-w-0 items-center gap-1.5 rounded-full border border-line bg-paper px-2.5 text-[13px] text-ink-2 hover:bg-sunken"
      >
        <CircleUser size={15} aria-hidden className="shrink-0" />
        <span className="hidden truncate sm:block">{person}</span>
      </button>
      <div
        id="account"
        popover="auto"
        onToggle={({ newState }) => setOpen(newState === "open")}
        className="fixed inset-auto top-14 right-4 m-0 w-72 rounded-[10px] border border-line bg-surface p-4 text-ink shadow-card sm:right-7"
      >
        {isOpen && (
          <>
            <p className="break-words text-[14px]">
              Signed in as <b className="font-semibold">{person}</b>
            </p>
            <div className="mt-3 grid gap-2">
              <SignOut>Sign out</SignOut>
              <SignOut everywhere>Sign out in every browser</SignOut>
            </div>
            <p className="mt-3 text-[13px] text-ink-2">Of this portal; your sign-in at Microsoft stays.</p>
          </>
        )}
      </div>
    </>
  );
}
