"use client";

import { useRouter } from "next/navigation";
import { useEffect, useRef } from "react";

const AGAIN_MS = 3000;
/** Something small that the portal always serves. */
const ANYTHING = "/icon.svg";

/**
 * Shows the page anew whenever the server says that something changed. `since` is the version that the page shows first, so
 * that nothing goes unseen that moves before the server is listened to. While the server is away the page stays as it is:
 * asking for it anew then would end in the browser's own error page, from which nothing comes back by itself.
 */
export function Live({ url, since }: { url: string; since: string }) {
  const router = useRouter();
  const shown = useRef(since);
  useEffect(() => {
    let source: EventSource;
    let again: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const askAgain = () => {
      again ??= setTimeout(async () => {
        const isThere = await fetch(ANYTHING, { cache: "no-store" }).then(
          ({ ok }) => ok,
          () => false,
        );
        again = undefined;
        if (isOver || source.readyState === EventSource.OPEN) return;
        if (!isThere) return askAgain();
        router.refresh();
        // A stream that was refused does not come back by itself; one that was cut off does.
        if (source.readyState === EventSource.CLOSED) listen();
        else askAgain();
      }, AGAIN_MS);
    };
    const listen = () => {
      source = new EventSource(`${url}?since=${encodeURIComponent(shown.current)}`);
      source.addEventListener("change", () => router.refresh());
      source.onerror = askAgain;
    };
    listen();
    return () => {
      isOver = true;
      clearTimeout(again);
      source.close();
    };
  }, [url, router]);
  return null;
}
