"use client";

import { CopyButton } from "@/components/ui/copy-button";
import { Notice } from "@/components/ui/ui";
import type { InviteResult } from "./actions";

const MAIL = {
  mailed: ["done", (to: string) => `The invitation is on its way to ${to}`],
  waiting: ["wait", () => "The mail server cannot be reached. It is asked again for two hours; you can give the link yourself meanwhile"],
  refused: ["fail", (to: string) => `There is no mailbox ${to}: correct the address, or give the link yourself`],
} as const;

/** The fresh link, which is not shown again, and what became of the mail. */
export function Invited({ result }: { result: InviteResult }) {
  if (result?.refused) return <Notice live tone="fail" title={result.refused} />;
  if (!result?.invited) return null;
  const { link, mail, mailedTo, id } = result.invited;
  const [tone, title] = MAIL[mail];
  return (
    <Notice live tone={tone} title={title(mailedTo)}>
      <div className="flex items-center gap-2">
        <code className="min-w-0 break-all rounded-md bg-surface px-2.5 py-1.5" data-testid="invitation-link">
          {link}
        </code>
        <CopyButton text={link} label="the invitation link" />
      </div>
      <p>
        The link is shown only now. It finds the onboarding, nothing more: only an admin of the right tenant gets in.{" "}
        <a href={`/desk/${id}`}>Open the onboarding</a>
      </p>
    </Notice>
  );
}
