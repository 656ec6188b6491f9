"use client";

import { Button } from "@/components/ui/ui";

export default function ErrorPage({ error }: { error: Error & { digest?: string } }) {
  return (
    <main className="mx-auto max-w-[640px] px-4 py-14">
      <h1>The portal failed to answer</h1>
      <p className="mt-2 text-ink-2">
        Nothing is lost: what was done in your tenant is recorded and is not done twice. Try again; if it stays, send support this reference
        {error.digest ? "" : " and the time"}.
      </p>
      {error.digest && (
        <p className="mt-3">
          <code className="select-all">{error.digest}</code>
        </p>
      )}
      <p className="mt-6">
        <Button onClick={() => location.reload()}>Try again</Button>
      </p>
    </main>
  );
}
