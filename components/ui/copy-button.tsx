import { Check, Copy } from "lucide-react";

/** A part of every page's script (app/layout.tsx): copying works on pages without further scripts and before they have arrived. */
export const COPY_BUTTONS = `addEventListener("click", async ({ target }) => {
  const button = target instanceof Element && target.closest("button[data-says]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy ?? button.closest("[data-code]").querySelector("pre").textContent);
  const tell = (text) => {
    button.toggleAttribute("data-copied", text !== "");
    button.lastElementChild.textContent = text;
  };
  tell(button.dataset.says);
  setTimeout(tell, 1500, "");
});`;

/** Copies a text, or without one what its code block shows; says so for a moment, to screen readers too. */
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
