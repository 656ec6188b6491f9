import { Check, Copy } from "lucide-react";

/** Copies a text (by server/page-script.ts, before scripts of the framework have arrived and without them), or without one what its code block shows; says so for a moment, to screen readers too. */
export function CopyButton({ text, label }: { text?: string; label: string }) {
  return (
    <button
      type="button"
      aria-label={`Copy ${label}`}
      title={`Copy ${label}`}
      data-copy={text}
      data-says={`${label} copied`}
      className="no-print group inline-flex size-8 shrink-0 items-center justify-center rounded-md border border-line-strong text-ink-2 hover:bg-sunken"
    >
      <Copy size={15} aria-hidden className="group-data-copied:hidden" />
      <Check size={15} aria-hidden className="hidden group-data-copied:block" />
      <span role="status" className="sr-only" />
    </button>
  );
}
