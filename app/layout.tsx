import type { Metadata } from "next";
import type { ReactNode } from "react";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "Vestibule", template: "%s · Vestibule" },
  description: "Connect a product with your Microsoft 365 tenant",
};

// Every page shows a person's own state, read at the moment of asking.
export const dynamic = "force-dynamic";

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
