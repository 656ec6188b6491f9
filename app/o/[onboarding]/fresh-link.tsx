"use client";

import { Act } from "@/components/ui/act";
import { askForFreshLink } from "./actions";

/** For whoever holds an expired link: a fresh one goes to the invited address, wherever this is pressed. */
export function FreshLink({ id }: { id: string }) {
  return (
    <div>
      <Act action={askForFreshLink} fields={{ onboarding: id }} busy="Mailing…">
        Mail a fresh link to the invited address
      </Act>
      <p className="mt-2 text-[13px] text-ink-2">It goes to the address that was invited first, and to nobody else.</p>
    </div>
  );
}
