import type { ReactNode } from "react";
import { Act } from "@/components/ui/act";
import { buttonClass, Notice, Time } from "@/components/ui/ui";
import type { Challenge, Seen } from "@/lib/audit/events";
import type { HandoffProgress, Progress } from "@/lib/audit/status";
import { causeOf } from "@/lib/vocabulary";
import { reissue, removeHandedOver, withdrawHandoff } from "../actions";
import { RotateForm } from "./rotate-form";

const ASKS: Record<Challenge, string> = {
  code: "It asks for a code that is mailed to them at that moment.",
  passphrase: "It asks for the passphrase that you tell them.",
  "sign-in": "It asks them to sign in.",
  none: "It asks for nothing.",
};

const from = (seen: Seen | undefined) => (seen ? ` from ${seen.network}, with ${seen.browser}` : "");

/** What became of the link, each thing with its time; it says where from, never a link or a code. */
export function Receipts({ handoff }: { handoff: HandoffProgress }) {
  const {
    sentAt,
    how,
    to,
    openedAt,
    openedBy,
    codeSentAt,
    tries = 0,
    revealedAt,
    revealedBy,
    wasCollected,
    savedAt,
    reportedAt,
    worksAt,
    failing,
  } = handoff;
  const lines: (readonly [string | undefined, string])[] = [
    [sentAt, how === "copied" ? `Link taken by you, for ${to}` : how === "machine" ? `Released to ${to}` : `Mail accepted for ${to}`],
    [openedAt, `Page opened${from(openedBy)}`],
    [codeSentAt, `Code mailed to ${to}`],
    [revealedAt, wasCollected ? "Collected by the vendor’s own system; no person saw the secret" : `Revealed${from(revealedBy)}`],
    [savedAt, "The contact has stored the values"],
    [failing?.at, `The contact says that it does not work: ${failing?.said}`],
    [worksAt, "The contact says that it works"],
    [reportedAt, "The contact says that it was not them"],
  ];
  const known = lines.filter((line): line is readonly [string, string] => line[0] !== undefined).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return (
    <ul className="mt-3 space-y-1 border-t border-line pt-3 text-[14px]" aria-label="Receipts">
      {known.map(([at, words]) => (
        <li key={words} className="flex flex-wrap justify-between gap-x-4">
          <span className="min-w-0 break-words">{words}</span>
          <span className="text-ink-2">
            <Time at={at} />
          </span>
        </li>
      ))}
      {tries > 0 && <li className="text-ink-2">{tries} of 10 answers tried</li>}
    </ul>
  );
}

/** What the contact says after the reveal, and what can be done about it. */
export function Said({
  handoff: { to, reportedAt, failing },
  isGone = false,
  onReport,
  onFailing,
}: {
  handoff: HandoffProgress;
  /** The secret that somebody else may have is removed already. */
  isGone?: boolean;
  onReport: ReactNode;
  onFailing?: ReactNode;
}) {
  const cause = failing && causeOf(failing.code);
  return (
    <>
      {reportedAt && (
        <Notice tone={isGone ? "done" : "fail"} title={`${to} says that it was not them who opened the link`}>
          {onReport}
        </Notice>
      )}
      {failing && cause && (
        <Notice tone="wait" title={`${to} says that it does not work yet${failing.code ? `: ${failing.code}` : ""}`}>
          <p className="break-words font-mono text-[13px]">{failing.said}</p>
          <p>{cause.message}</p>
          <p>
            {cause.action} Who can: {cause.who}.
          </p>
          {onFailing}
        </Notice>
      )}
    </>
  );
}

const OVER: Record<"expired" | "revoked" | "locked", [title: string, text: string]> = {
  expired: ["Nobody opened the link in time", "The values in it were deleted. Issue a new credential to hand over again."],
  revoked: ["This link was thrown away", "The values in it were deleted. Issue a new credential to hand over again."],
  locked: [
    "Too many wrong answers: the link is locked",
    "The values in it were deleted and nobody has seen them. Ask the contact whether it was them, then issue a new credential.",
  ],
};

/** The handoff from the admin's side; never a way to see its values. */
export function HandoffCard({
  id,
  handoff,
  registrations,
  isHeld,
  isRemoving,
}: { id: string; isHeld: boolean; isRemoving: boolean } & Pick<Required<Progress>, "handoff" | "registrations">) {
  const renewed = (
    <Act action={reissue} fields={{ onboarding: id }} look="quiet" busy="Issuing…">
      Issue a new credential and link
    </Act>
  );
  const removed = !isRemoving && (
    <Act action={removeHandedOver} fields={{ onboarding: id }} look="danger" busy="Removing…">
      Remove the secret now
    </Act>
  );
  switch (handoff.state) {
    case "sealed":
      return isHeld ? (
        <p className="mb-4 text-ink-2">The values are sealed. Their link shows them once, and is not kept here.</p>
      ) : (
        <>
          <Notice tone="wait" title="The link was sealed for another browser session">
            Links are never stored, so this session cannot give it out. A new credential takes some seconds; the old one is removed from
            your tenant.
          </Notice>
          <div className="mt-4">{renewed}</div>
        </>
      );
    case "sent":
    case "opened":
      return (
        <>
          <p>
            {handoff.how === "machine"
              ? `${handoff.to} can fetch the values, once, sealed to its key.`
              : `${handoff.how === "copied" ? "You took the link for" : "Sent to"} ${handoff.to}. ${ASKS[handoff.challenge ?? "none"]}`}
          </p>
          <p className="text-ink-2">
            {handoff.state === "opened" ? "Opened, not revealed yet." : "Not opened yet."} It works until <Time at={handoff.expiresAt} />
            {handoff.removes ? "; unopened, its secret is then removed" : ""}. Lost? Links are never stored, so a new one means a new
            credential.
          </p>
          <Receipts handoff={handoff} />
          <div className="mt-4 flex flex-wrap items-start gap-3">
            {renewed}
            <Act action={withdrawHandoff} fields={{ onboarding: id }} look="danger" busy="Withdrawing…">
              Withdraw the link
            </Act>
          </div>
        </>
      );
    case "revealed": {
      const hasSecret = Object.values(registrations).some(({ keyId }) => keyId);
      const former = Object.values(registrations).flatMap(({ formerKeys = [] }) => formerKeys);
      return (
        <>
          <div className="space-y-3">
            <Said
              handoff={handoff}
              isGone={!hasSecret}
              onReport={
                <>
                  <p>
                    {isRemoving
                      ? "Somebody else may have the secret. It is being removed: see above."
                      : hasSecret
                        ? "Somebody else may have the secret. Remove it, or issue another one, which removes it too."
                        : "The secret is removed: nobody can sign in with it any more. Issue another one when you know who opened the link."}
                  </p>
                  <div className="flex flex-wrap items-start gap-3">
                    {hasSecret && removed}
                    {renewed}
                  </div>
                </>
              }
              onFailing={
                <div className="flex flex-wrap items-start gap-3">
                  <a href={`/o/${id}/plan`} className={buttonClass({ look: "quiet" })}>
                    Compare with my tenant now
                  </a>
                  {renewed}
                </div>
              }
            />
            {!handoff.reportedAt && !handoff.failing && (
              <p>
                {handoff.worksAt
                  ? "The contact says that it works. Nothing is left to do."
                  : "The values are with the contact. They are asked to say whether it works."}
              </p>
            )}
          </div>
          <Receipts handoff={handoff} />
          {former.length > 0 && (
            <p className="mt-3 text-[14px] text-ink-2">
              The older secret stays valid until the contact says that it works with the new one, <Time at={former[0]!.endsAt} /> at the
              latest. Then it is removed when an administrator opens this page.
            </p>
          )}
          {hasSecret && !handoff.reportedAt && (
            <div className="mt-4 space-y-3">
              {former.length === 0 && <RotateForm id={id} />}
              <details>
                <summary className="text-[14px]">It was not {handoff.to} who opened it?</summary>
                <div className="mt-3 flex flex-wrap items-start gap-3">
                  {removed}
                  {renewed}
                </div>
              </details>
            </div>
          )}
        </>
      );
    }
    case "expired":
    case "revoked":
    case "locked": {
      const [title, text] = OVER[handoff.state];
      return (
        <>
          <Notice tone="wait" title={title}>
            {handoff.mailFailed ?? text}
          </Notice>
          <Receipts handoff={handoff} />
          <div className="mt-4 flex flex-wrap items-start gap-3">
            {renewed}
            {Object.values(registrations).some(({ keyId }) => keyId) && removed}
          </div>
        </>
      );
    }
  }
}
