"use client";

import { CopyButton } from "@/components/ui/copy-button";
import { WhenReady } from "@/components/ui/ready";
import type { Challenge } from "@/lib/audit/events";
import type { TermsInput } from "@/lib/onboarding/hand-over";

const LIFETIMES: readonly (readonly [number, string])[] = [
  [1, "1 hour"],
  [24, "24 hours"],
  [72, "3 days"],
  [168, "7 days"],
];
/** As the server's codes: letters that are not mistaken for one another on the phone. */
const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const suggestion = () =>
  Array.from(
    crypto.getRandomValues(new Uint8Array(16)),
    (byte, index) => `${index > 0 && index % 4 === 0 ? "-" : ""}${LETTERS[byte % 32]}`,
  ).join("");

export const firstTerms = (hasContact: boolean): TermsInput => ({
  challenge: hasContact ? "code" : "passphrase",
  passphrase: "",
  hours: 72,
  removes: true,
  understands: false,
});

const input = "mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink";

/** What the contact has to show besides the link, how long it works, and what becomes of an unopened one. */
export function TermsFields({
  terms,
  change,
  contact,
  canRemove,
}: {
  terms: TermsInput;
  change: (terms: TermsInput) => void;
  /** Null: nobody is named, so nothing can be mailed to them. */
  contact: string | null;
  canRemove: boolean;
}) {
  const choices: { kind: Challenge; title: string; text: string }[] = [
    ...(contact
      ? [
          {
            kind: "code" as const,
            title: `A code, mailed to ${contact} at that moment`,
            text: "Stops mail scanners and whoever the link is forwarded to. Not somebody who reads that mailbox.",
          },
        ]
      : []),
    { kind: "passphrase", title: "A passphrase that you tell by phone", text: "Safest: whoever reads the mail has only half of it." },
    ...(contact ? [{ kind: "sign-in" as const, title: `A sign-in as ${contact}`, text: "With the work account at Microsoft." }] : []),
    { kind: "none", title: "Nothing", text: "Whoever has the link first reads the values. Some mail scanners press every button." },
  ];
  return (
    <WhenReady className="space-y-4">
      <fieldset className="space-y-2">
        <legend className="mb-1.5 font-medium">What is asked for before the values are shown</legend>
        {choices.map(({ kind, title, text }) => (
          <label key={kind} className="flex gap-2.5">
            <input
              type="radio"
              name="challenge"
              className="mt-1.5 shrink-0 self-start"
              checked={terms.challenge === kind}
              onChange={() =>
                change({
                  ...terms,
                  challenge: kind,
                  passphrase: kind === "passphrase" && !terms.passphrase ? suggestion() : terms.passphrase,
                })
              }
            />
            <span>
              {title}
              <span className="block text-[14px] text-ink-2">{text}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {terms.challenge === "passphrase" && (
        <label className="block">
          Passphrase
          <span className="block text-[14px] text-ink-2">At least 12 characters. Note it before you go on: it is not shown again.</span>
          <span className="flex items-center gap-2">
            <input
              value={terms.passphrase}
              onChange={({ target }) => change({ ...terms, passphrase: target.value })}
              autoComplete="off"
              spellCheck={false}
              maxLength={200}
              className={`${input} font-mono`}
            />
            <CopyButton text={terms.passphrase} label="the passphrase" />
          </span>
        </label>
      )}
      {terms.challenge === "none" && (
        <label className="flex gap-2.5 rounded-lg bg-wait-soft px-3.5 py-2.5 text-wait">
          <input
            type="checkbox"
            className="mt-1.5 shrink-0 self-start"
            checked={terms.understands}
            onChange={({ target }) => change({ ...terms, understands: target.checked })}
          />
          <span>I accept that a scanner can use the link up, and that whoever gets it first reads the values.</span>
        </label>
      )}
      <label className="block max-w-60">
        The link works for
        <select value={terms.hours} onChange={({ target }) => change({ ...terms, hours: Number(target.value) })} className={input}>
          {LIFETIMES.map(([hours, title]) => (
            <option key={hours} value={hours}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {canRemove && (
        <label className="flex gap-2.5">
          <input
            type="checkbox"
            className="mt-1.5 shrink-0 self-start"
            checked={terms.removes}
            onChange={({ target }) => change({ ...terms, removes: target.checked })}
          />
          <span>
            If nobody opens it in time, remove the secret from the application
            <span className="block text-[14px] text-ink-2">A secret that nobody has is one less to look after.</span>
          </span>
        </label>
      )}
    </WhenReady>
  );
}
