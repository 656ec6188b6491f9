import type { NextConfig } from "next";

const headers = [
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "Referrer-Policy", value: "no-referrer" },
  { key: "X-Robots-Tag", value: "noindex" },
  { key: "Cross-Origin-Opener-Policy", value: "same-origin" },
  { key: "Permissions-Policy", value: "camera=(), microphone=(), geolocation=(), payment=()" },
  { key: "Strict-Transport-Security", value: "max-age=31536000; includeSubDomains" },
];

export default {
  reactStrictMode: true,
  poweredByHeader: false,
  serverExternalPackages: [
    "@electric-sql/pglite",
    "pglite-prisma-adapter",
    "nodemailer",
    "@react-email/components",
    "@react-email/render",
    "pg",
    "pg-boss",
    "@azure/identity",
    "@azure/keyvault-keys",
  ],
  outputFileTracingIncludes: { "/*": ["lib/catalogue/vendors/*.yaml"] },
  // `npm test` checks types by itself, over the tests too.
  typescript: { ignoreBuildErrors: true },
  headers: async () => [
    { source: "/:path*", headers },
    // The page that opens a handoff sets its own, stricter policy.
    {
      source: "/((?!h/).*)",
      headers: [{ key: "Content-Security-Policy", value: "frame-ancestors 'none'; base-uri 'none'; object-src 'none'" }],
    },
  ],
} satisfies NextConfig;
