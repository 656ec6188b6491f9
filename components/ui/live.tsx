"use client";

import { useRouter } from "next/navigation";
import { useEffect } from "react";

/** Shows the page anew whenever the server says that something changed; falls back to asking every few seconds. */
export function Live({ url }: { url: string }) {
  const router = useRouter();
  useEffect(() => {
    let fallback: ReturnType<typeof setInterval> | undefined;
    const source = new EventSource(url);
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
