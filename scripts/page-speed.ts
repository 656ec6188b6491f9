// How soon a page stands on a mid-range phone, and how well it is made: Lighthouse with its mobile profile (Moto G Power, a
// processor four times slower, slow 4G), on pages that a signed-in person opens with an empty cache.
import { chromium } from "@playwright/test";
import lighthouse, { type Flags } from "lighthouse";
import { findBrowser } from "./browser.ts";
import { type Drill, PRODUCTS } from "./drills.ts";
import { freePort } from "./servers.ts";
import { start, type Visitor } from "./visitor.ts";

/** `lcpMs`: largest contentful paint; `blockedMs`: total blocking time. Scores are of 100. */
export type Speed = {
  page: string;
  lcpMs: number;
  blockedMs: number;
  serverMs: number;
  transferredKb: number;
  parsedKb: number;
  performance: number;
  accessibility: number;
  bestPractices: number;
  /** What cost points. */
  remarks: string[];
};

const ROUNDS = 3;
const kb = (bytes: number) => Math.round(bytes / 1024);

async function speedOf(port: number, visitor: Visitor, page: string, path: string): Promise<Speed> {
  const cookie = visitor
    .cookies()
    .map(({ name, value }) => `${name}=${value}`)
    .join("; ");
  const flags: Flags = {
    port,
    logLevel: "error",
    onlyCategories: ["performance", "accessibility", "best-practices"],
    ...(cookie ? { extraHeaders: { Cookie: cookie } } : {}),
  };
  const result = await lighthouse(`${visitor.baseUrl}${path}`, flags);
  if (!result || result.lhr.runtimeError) throw new Error(`Lighthouse cannot read ${page}: ${result?.lhr.runtimeError?.message}`);
  const { audits, categories } = result.lhr;
  const number = (audit: string) => Math.round(audits[audit]?.numericValue ?? Number.NaN);
  const points = (category: string) => Math.round((categories[category]?.score ?? 0) * 100);
  const details = audits["network-requests"]?.details;
  const requests = details?.type === "table" ? details.items : [];
  const sum = (of: string) => requests.reduce((total, request) => total + Number(request[of] ?? 0), 0);
  const remarks = ["accessibility", "best-practices"].flatMap((category) =>
    categories[category]!.auditRefs.flatMap(({ id, weight }) => {
      const { score, title } = audits[id]!;
      return weight > 0 && score !== null && score < 1 ? [`${category}: ${title}`] : [];
    }),
  );
  return {
    page,
    lcpMs: number("largest-contentful-paint"),
    blockedMs: number("total-blocking-time"),
    serverMs: number("server-response-time"),
    transferredKb: kb(sum("transferSize")),
    parsedKb: kb(sum("resourceSize")),
    performance: points("performance"),
    accessibility: points("accessibility"),
    bestPractices: points("best-practices"),
    remarks,
  };
}

/** The round in the middle, so that a busy moment of the machine is not the figure. */
const middle = (speeds: Speed[]): Speed => speeds.toSorted((a, b) => a.lcpMs - b.lcpMs)[Math.floor(speeds.length / 2)]!;

/** The pages on which people wait, each opened three times. */
export async function pageSpeeds(drill: Drill): Promise<Speed[]> {
  const path = findBrowser();
  const port = await freePort();
  const browser = await chromium.launch({
    ...(path ? { executablePath: path } : {}),
    args: ["--no-sandbox", "--disable-gpu", `--remote-debugging-port=${port}`],
  });
  try {
    const at = await drill.approved(PRODUCTS[0]!, "speed");
    const support = await drill.signedInSupport();
    const speeds: Speed[] = [];
    const look = async (page: string, visitor: Visitor, url: string) => {
      const rounds: Speed[] = [];
      while (rounds.length < ROUNDS) rounds.push(await speedOf(port, visitor, page, url));
      speeds.push(middle(rounds));
    };
    await look("link", drill.stranger(), `/o/${at.id}`);
    await look("landing", drill.stranger(at.admin), `/o/${at.id}`);
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
