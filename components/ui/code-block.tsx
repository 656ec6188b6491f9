import { CopyButton } from "./copy-button";

/** Text to copy as it stands; scrolls by keyboard too. */
export function CodeBlock({ text, label }: { text: string; label: string }) {
  return (
    <div className="relative mt-2" data-code>
      <section aria-label={label} tabIndex={0} className="overflow-auto rounded-lg bg-sunken p-3.5 pr-14 text-ink-2">
        <pre>{text}</pre>
      </section>
      <div className="absolute top-2 right-2">
        <CopyButton label={label} />
      </div>
    </div>
  );
}
