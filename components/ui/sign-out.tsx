"use client";

import type { ReactNode } from "react";
import { Button } from "./ui";

export function SignOut({ children, to = "/" }: { children: ReactNode; to?: string }) {
  return (
    <Button
      look="quiet"
      onClick={async () => {
        await fetch("/api/session", { method: "DELETE" });
        location.assign(to);
      }}
    >
      {children}
    </Button>
  );
}
