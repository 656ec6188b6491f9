"use client";

import { ReadyButton } from "@/components/ui/ready";

export const PrintButton = () => (
  <ReadyButton look="quiet" onClick={() => window.print()}>
    Print, or save as PDF
  </ReadyButton>
);
