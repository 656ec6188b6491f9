"use client";

import { useActionState } from "react";
import { Button } from "@/components/ui/ui";
import { renew } from "../actions";
import { Invited } from "../invited";

export function RenewForm({ id, adminEmail }: { id: string; adminEmail: string }) {
  const [result, submit, isPending] = useActionState(renew, null);
  return (
    <form action={submit} className="space-y-3">
      <input type="hidden" name="onboarding" value={id} />
      <input type="hidden" name="adminEmail" value={adminEmail} />
      <Button type="submit" look="quiet" disabled={isPending}>
        {isPending ? "Sending…" : "Send a fresh link"}
      </Button>
      <Invited result={result} />
    </form>
  );
}
