import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const onPath = (name: string) => {
  const { status, stdout } = spawnSync("which", [name], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
};
const installed = (...names: string[]) => names.map(onPath).find(Boolean) ?? null;
/** Chromium without the parts that draw windows: the journeys take a third less time in it. */
const LIGHT = "chromium-headless-shell";
const FULL = ["chromium", "google-chrome", "chromium-browser"];

/** Debian's, where we may install; null when it cannot be had. */
function install(name: string): string | null {
  if (process.getuid?.() !== 0 || !onPath("apt-get")) return null;
  console.log(`Installing ${name} (once)`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-qq"], { stdio: "ignore", timeout: 120_000 });
  spawnSync("apt-get", ["install", "-y", "-qq", name], { stdio: "ignore", env, timeout: 300_000 });
  return installed(name);
}

/**
 * A Chromium to test with: the one that CHROMIUM_PATH names, else an installed one or Debian's, else Playwright's.
 * @throws when none can be had, with what to do
 */
export function findBrowser(): string {
  const named = process.env.CHROMIUM_PATH;
  if (named && existsSync(named)) return named;
  const found = installed(LIGHT) ?? install(LIGHT) ?? installed(...FULL) ?? install("chromium");
  if (found) return found;
  const { status } = spawnSync("playwright", ["install", "chromium"], { stdio: "inherit" });
  if (status === 0) return "";
  throw new Error("No browser for the tests: install Chromium or name one with CHROMIUM_PATH");
}
