"use client";

import { Check, Copy } from "lucide-react";
import { useState } from "react";

/** Copies a text; says so for a moment, to screen readers too. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <button
      type="button"
      aria-label={`Copy ${label}`}
      title={`Copy ${label}`}
      className="no-print inline-flex size-8 shrink-0 items-center justify-center rounded-md border border-line-strong text-ink-2 hover:bg-sunken"
      onClick={async () => {
        await navigator.clipboard.writeText(text);
        setCopied(true);
        setTimeout(() => setCopied(false), 1500);
      }}
    >
      {isCopied ? <Check size={15} aria-hidden /> : <Copy size={15} aria-hidden />}
      <span role="status" className="sr-only">
        {isCopied ? `${label} copied` : ""}
      </span>
    </button>
  );
}
