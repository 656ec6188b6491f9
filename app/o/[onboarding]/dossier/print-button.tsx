"use client";

import { Button } from "@/components/ui/ui";

export const PrintButton = () => (
  <Button look="quiet" onClick={() => window.print()}>
    Print, or save as PDF
  </Button>
);
