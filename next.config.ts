import type { NextConfig } from "next";

export default {
  reactStrictMode: true,
  poweredByHeader: false,
  // server/main.ts does it, at half the cost.
  compress: false,
  serverExternalPackages: [
    "@electric-sql/pglite",
    "pglite-prisma-adapter",
    "nodemailer",
    "@react-email/components",
    "@react-email/render",
    "pg",
    "pg-boss",
    "pino",
    "@azure/identity",
    "@azure/keyvault-keys",
  ],
  outputFileTracingIncludes: { "/*": ["lib/catalogue/vendors/*.yaml"] },
  // `npm test` checks types by itself, over the tests too.
  typescript: { ignoreBuildErrors: true },
} satisfies NextConfig;
