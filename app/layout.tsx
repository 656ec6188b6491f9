import type { Metadata } from "next";
import { headers } from "next/headers";
import type { ReactNode } from "react";
import { OPEN_LINKS } from "@/components/onboarding/open-link";
import { COPY_BUTTONS } from "@/components/ui/copy-button";
import { PATIENT_READS } from "@/components/ui/patient-reads";
import { NONCE } from "@/lib/http";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "Vestibule", template: "%s · Vestibule" },
  description: "Connect a product with your Microsoft 365 tenant",
};

// Every page shows a person's own state, read at the moment of asking.
export const dynamic = "force-dynamic";

// Trusted Types: the only text that may become a script's address is that of a part of this build.
const DEFAULT_POLICY = `window.trustedTypes?.createPolicy("default", { createScriptURL: (text) => {
  const { origin, pathname } = new URL(text, location.href);
  return origin === location.origin && pathname.startsWith("/_next/static/") ? text : null;
} });`;

export default async function RootLayout({ children }: { children: ReactNode }) {
  const nonce = (await headers()).get(NONCE) ?? undefined;
  return (
    <html lang="en">
      <head>
        <script nonce={nonce}>{[DEFAULT_POLICY, COPY_BUTTONS, OPEN_LINKS, PATIENT_READS].join("\n")}</script>
      </head>
      <body>{children}</body>
    </html>
  );
}
