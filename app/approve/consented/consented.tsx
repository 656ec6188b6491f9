"use client";

import { useEffect, useRef, useState } from "react";
import { Notice } from "@/components/ui/ui";
import { returned } from "./actions";

/** Hands Microsoft's answer over, once, and takes it out of the address. */
export function Consented({ state, error }: { state: string; error: string | null }) {
  const [answer, setAnswer] = useState<Awaited<ReturnType<typeof returned>> | null>(null);
  const hasStarted = useRef(false);
  useEffect(() => {
    if (hasStarted.current) return;
    hasStarted.current = true;
    history.replaceState(null, "", location.pathname);
    void returned(state, error).then(setAnswer);
  });
  if (!answer) return <Notice live tone="info" title="Taking Microsoft’s answer" />;
  return (
    <Notice live tone={answer.isFine ? "done" : "wait"} title={answer.title}>
      {answer.text}
    </Notice>
  );
}
