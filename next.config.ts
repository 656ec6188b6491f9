import type { NextConfig } from "next";

export default {
  // scripts/production.ts puts our server into the folder that this makes.
  output: "standalone",
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
  // `npm test` checks types by itself, over the tests too.
  typescript: { ignoreBuildErrors: true },
} satisfies NextConfig;
