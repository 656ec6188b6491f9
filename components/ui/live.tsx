"use client";

import { useRouter } from "next/navigation";
import { useEffect, useRef } from "react";

/**
 * Shows the page anew whenever the server says that something changed; falls back to asking every few seconds. `since` is
 * the version that the page shows first, so that nothing goes unseen that moves before the server is listened to.
 */
export function Live({ url, since }: { url: string; since: string }) {
  const router = useRouter();
  const shown = useRef(since);
  useEffect(() => {
    let fallback: ReturnType<typeof setInterval> | undefined;
    const source = new EventSource(`${url}?since=${encodeURIComponent(shown.current)}`);
    source.addEventListener("change", () => router.refresh());
    source.onerror = () => {
      fallback ??= setInterval(() => router.refresh(), 4000);
    };
    source.onopen = () => {
      clearInterval(fallback);
      fallback = undefined;
    };
    return () => {
      source.close();
      clearInterval(fallback);
    };
  }, [url, router]);
  return null;
}
