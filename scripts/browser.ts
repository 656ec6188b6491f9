import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const onPath = (name: string) => {
  const { status, stdout } = spawnSync("which", [name], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
};
const installed = () => ["chromium", "google-chrome", "chromium-browser"].map(onPath).find(Boolean) ?? null;

/**
 * A Chromium to test with: the one that CHROMIUM_PATH names, else an installed one, else Debian's, else Playwright's.
 * @throws when none can be had, with what to do
 */
export function findBrowser(): string {
  const named = process.env.CHROMIUM_PATH;
  if (named && existsSync(named)) return named;
  const found = installed();
  if (found) return found;
  if (process.getuid?.() === 0 && onPath("apt-get")) {
    console.log("Installing Chromium (once)");
    spawnSync("apt-get", ["update", "-qq"], { stdio: "ignore" });
    spawnSync("apt-get", ["install", "-y", "-qq", "chromium"], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    const fresh = installed();
    if (fresh) return fresh;
  }
  const { status } = spawnSync("playwright", ["install", "chromium"], { stdio: "inherit" });
  if (status === 0) return "";
  throw new Error("No browser for the tests: install Chromium or name one with CHROMIUM_PATH");
}
