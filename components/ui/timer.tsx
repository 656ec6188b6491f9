"use client";

import { useEffect, useState } from "react";

const said = (seconds: number) => (seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`);

/** Seconds that pass while somebody looks: since an instant, or until one. Starts from the server's clock. */
export function Countdown({ kind, at, now }: { kind: "since" | "until"; at: string; now: string }) {
  const [elapsedMs, setElapsed] = useState(0);
  useEffect(() => {
    const began = Date.now();
    const timer = setInterval(() => setElapsed(Date.now() - began), 1000);
    return () => clearInterval(timer);
  }, []);
  const differenceMs = (new Date(now).getTime() + elapsedMs - new Date(at).getTime()) * (kind === "since" ? 1 : -1);
  return (
    <time dateTime={at} title={at} className="whitespace-nowrap tabular-nums" aria-hidden={kind === "until"}>
      {said(Math.max(0, Math.round(differenceMs / 1000)))}
    </time>
  );
}
