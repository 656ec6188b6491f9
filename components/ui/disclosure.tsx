"use client";

import { type ReactNode, useState } from "react";

/** What opens and closes by its summary. Whether it begins open is decided once: what somebody opened stays open when the page changes. */
export function Disclosure({
  summary,
  className,
  isOpen = false,
  children,
}: {
  summary: ReactNode;
  className: string;
  isOpen?: boolean;
  children: ReactNode;
}) {
  const [atFirst] = useState(isOpen);
  return (
    <details open={atFirst}>
      <summary className={className}>{summary}</summary>
      {children}
    </details>
  );
}
