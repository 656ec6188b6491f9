// How soon a page stands on a mid-range phone: Chromium with a processor four times slower and a slow 4G, as Lighthouse's
// mobile profile throttles them in the browser (lighthouse-core, constants: mobileSlow4G). Each page is opened with an empty cache.
import { type Browser, chromium } from "@playwright/test";
import { findBrowser } from "./browser.ts";
import { type Drill, PRODUCTS } from "./drills.ts";
import { start, type Visitor } from "./visitor.ts";

const PHONE = { viewport: { width: 412, height: 823 }, deviceScaleFactor: 1.75, isMobile: true, hasTouch: true };
const SLOW_4G = { offline: false, latency: 562.5, downloadThroughput: (1474.56 * 1024) / 8, uploadThroughput: (675 * 1024) / 8 };
const CPU_SLOWDOWN = 4;
const QUIET_MS = 2000;

/** `lcpMs`: largest contentful paint. `blockedMs`: what tasks took beyond 50 ms each. `kb`: everything that was transferred. */
export type Speed = { page: string; lcpMs: number; blockedMs: number; kb: number };

async function speedOf(browser: Browser, visitor: Visitor, page: string, url: string): Promise<Speed> {
  const context = await browser.newContext(PHONE);
  try {
    await context.addCookies(visitor.cookies().map((cookie) => ({ ...cookie, url: visitor.baseUrl })));
    const tab = await context.newPage();
    const devtools = await context.newCDPSession(tab);
    await devtools.send("Network.enable");
    await devtools.send("Network.emulateNetworkConditions", SLOW_4G);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: CPU_SLOWDOWN });
    let bytes = 0;
    devtools.on("Network.loadingFinished", ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await tab.addInitScript(() => {
      const seen = { lcp: 0, blocked: 0, last: 0 };
      Object.assign(globalThis, { pageSpeed: seen });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) seen.lcp = entry.startTime;
      }).observe({ type: "largest-contentful-paint", buffered: true });
      new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries()) {
          seen.blocked += Math.max(0, duration - 50);
          seen.last = startTime + duration;
        }
      }).observe({ type: "longtask", buffered: true });
    });
    await tab.goto(`${visitor.baseUrl}${url}`, { waitUntil: "load" });
    // Until nothing long has run for a while; a page that follows events is never without a connection.
    await tab.waitForFunction(
      (quiet) => {
        const { last } = (globalThis as unknown as { pageSpeed: { last: number } }).pageSpeed;
        return performance.now() - Math.max(last, performance.timing.loadEventEnd - performance.timeOrigin) > quiet;
      },
      QUIET_MS,
      { polling: 200 },
    );
    const seen = await tab.evaluate(() => (globalThis as unknown as { pageSpeed: { lcp: number; blocked: number } }).pageSpeed);
    return { page, lcpMs: Math.round(seen.lcp), blockedMs: Math.round(seen.blocked), kb: Math.round(bytes / 1024) };
  } finally {
    await context.close();
  }
}

const middle = (speeds: Speed[]): Speed => speeds.toSorted((a, b) => a.lcpMs - b.lcpMs)[Math.floor(speeds.length / 2)]!;

/** The pages on which people wait, each opened three times. */
export async function pageSpeeds(drill: Drill): Promise<Speed[]> {
  const path = findBrowser();
  const browser = await chromium.launch({ ...(path ? { executablePath: path } : {}), args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const at = await drill.approved(PRODUCTS[0]!, "speed");
    const support = await drill.signedInSupport();
    const speeds: Speed[] = [];
    const look = async (page: string, visitor: Visitor, url: string) => {
      const rounds: Speed[] = [];
      while (rounds.length < 3) rounds.push(await speedOf(browser, visitor, page, url));
      speeds.push(middle(rounds));
    };
    await look("landing", drill.stranger(), `/o/${at.id}`);
    await look("checklist", at.admin, `/o/${at.id}/features`);
    await look("plan", at.admin, `/o/${at.id}/plan`);
    await start(at.admin, at.id);
    await drill.ended(at);
    await look("run", at.admin, `/o/${at.id}/run`);
    await look("board", support, "/desk");
    await look("detail", support, `/desk/${at.id}`);
    return speeds;
  } finally {
    await browser.close();
  }
}
