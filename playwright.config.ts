import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results/e2e",
  timeout: 120_000,
  expect: { timeout: 15_000 },
  // A journey that needs its second attempt is named in the report; whoever reads it looks into it.
  retries: 1,
  reporter: process.env.VESTIBULE_REPORT ? [["list"], ["json", { outputFile: process.env.VESTIBULE_REPORT }]] : "list",
  use: {
    trace: "off",
    actionTimeout: 30_000,
    launchOptions: {
      ...(process.env.CHROMIUM_PATH ? { executablePath: process.env.CHROMIUM_PATH } : {}),
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
    },
  },
});
