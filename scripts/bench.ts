// The figures of docs/performance.md, each with its target. `--json` prints one object, `--only <part>` runs one part.
import { availableParallelism, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { seal } from "../lib/secret.ts";
import { BUDGETS } from "./budgets.ts";
import { withDesk } from "./desk-stage.ts";
import { type Drill, PRODUCTS } from "./drills.ts";
import { withHandoffs } from "./handoff-drills.ts";
import { pageSpeeds } from "./page-speed.ts";
import { withDrill } from "./suites.ts";

type Figure = { name: string; value: number; unit: string; target: number; better: "lower" | "higher"; ok: boolean };
const { values: wanted } = parseArgs({
  options: { json: { type: "boolean", default: false }, only: { type: "string" }, size: { type: "string", default: "500" } },
});
const say = (line: string) => {
  if (!wanted.json) console.log(line);
};
const figure = (name: string, value: number, unit: string, target: number, better: Figure["better"]): Figure => ({
  name,
  value,
  unit,
  target,
  better,
  ok: better === "lower" ? value <= target : value >= target,
});
const rounded = (name: string, value: number, unit: string, target: number, better: Figure["better"]) =>
  figure(`handoff.${name}`, Math.round(value * 10) / 10, unit, target, better);
/** The middle one of an odd number of measurements: a busy neighbour spoils one of them, not the figure. */
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const share = (part: number, whole: number) => Math.round((part / whole) * 10_000) / 100;

const PARTS: Record<string, (drill: Drill) => Promise<Figure[]>> = {
  /** What a run of each product with all that it offers costs, from approving to the read-back that proves it. */
  async provision(drill) {
    // A server that has been up for a while; the first runs compile it.
    for (let warm = 0; warm < 3; warm++) for (const product of PRODUCTS) await drill.cost(0, product);
    const figures: Figure[] = [];
    for (const product of PRODUCTS) {
      const name = `provision.${product.name}`;
      for (const latencyMs of [0, 50, 100, 250]) {
        const costs = [await drill.cost(latencyMs, product)];
        while (costs.length < 5) costs.push(await drill.cost(latencyMs, product));
        const { requests, calls, path } = costs[0]!;
        const wallMs = median(costs.map((cost) => cost.wallMs));
        if (latencyMs === 0) {
          say(`\n${product.name}: ${requests} requests to Graph carry ${calls} calls`);
          for (const line of path.slice(0, 12)) say(`  ${line}`);
          figures.push(
            figure(`${name}.calls`, calls, "calls", BUDGETS.graph[product.name]!.calls, "lower"),
            figure(`${name}.toFirstMs`, Math.round(median(costs.map(({ toFirstMs }) => toFirstMs))), "ms", 25, "lower"),
            figure(`${name}.betweenMs`, Math.round(median(costs.map(({ betweenMs }) => betweenMs)) * 10) / 10, "ms", 5, "lower"),
            figure(`${name}.wallMs.0`, wallMs, "ms", 200, "lower"),
          );
          continue;
        }
        // Long enough that what goes side by side is seen to.
        const sequential = Math.max(...costs.map((cost) => cost.sequential));
        if (latencyMs === 250)
          figures.push(figure(`${name}.sequential`, sequential, "round trips", BUDGETS.graph[product.name]!.sequential, "lower"));
        const ratio = Math.round((wallMs / (5 * latencyMs)) * 100) / 100;
        figures.push(figure(`${name}.criticalPathRatio.${latencyMs}`, ratio, "×", 1.15, "lower"));
      }
    }
    return figures;
  },
  /** Killed, or cut off, at every Graph call of every kind of registration. */
  async crash(drill) {
    const killed = await drill.killedEverywhere(say);
    const lost = await drill.answersLostEverywhere(say);
    for (const line of [...killed.bad, ...lost.bad]) say(`  ✘ ${line}`);
    return [
      figure("crash.killed.points", killed.cases, "points", 1, "higher"),
      figure("crash.killed.recovered", share(killed.cases - killed.bad.length, killed.cases), "%", 100, "higher"),
      figure("crash.answerLost.points", lost.cases, "points", 1, "higher"),
      figure("crash.answerLost.recovered", share(lost.cases - lost.bad.length, lost.cases), "%", 100, "higher"),
      figure("crash.auditFaults", (await drill.auditFaults()).length, "faults", 0, "lower"),
    ];
  },
  /** Many onboardings while a share of the Graph calls goes wrong, the same share at the same calls for the same seed. */
  async soak(drill) {
    const size = Number(wanted.size);
    const { cases, bad, disturbed, retried } = await drill.soak(size, { seed: 20_261_122, rate: 0.28 }, say);
    for (const line of bad) say(`  ✘ ${line}`);
    return [
      figure("soak.onboardings", cases, "onboardings", size, "higher"),
      figure("soak.disturbedCalls", share(disturbed, 1), "%", 20, "higher"),
      figure("soak.finished", share(cases - bad.length, cases), "%", 100, "higher"),
      figure("soak.retriedOnce", share(retried, cases), "%", 100, "lower"),
      figure("soak.auditFaults", (await drill.auditFaults()).length, "faults", 0, "lower"),
    ];
  },
};

/** A crowd at one link, and how fast handoffs are made and revealed: two portals and PostgreSQL on this machine. */
async function handoff(): Promise<Figure[]> {
  return withHandoffs(async (stage) => {
    const control = await stage.control(10, 1000);
    say(`  a naive build is wrong in ${control.wrong} of ${control.rounds} rounds, up to ${control.most} read the values`);
    const race = await stage.race(50, 1000);
    for (const line of race.bad) say(`  ✘ ${line}`);
    const { differences, medianGapMs } = await stage.strangers(1000);
    // Servers that have been up for a while; the first requests compile them.
    const { links: warm } = await stage.create(2600);
    await stage.load(warm, 16);
    const created = [];
    const crowds = [];
    for (let round = 0; round < 3; round++) {
      created.push(await stage.create(2600, { processes: 2, atATime: 8 }));
      crowds.push(await stage.load(created.at(-1)!.links, 16));
    }
    const { links: few } = await stage.create(400);
    const alone = await stage.load(few, 1);
    const errors = [...crowds, alone].reduce((sum, each) => sum + each.errors, 0);
    const nonces = new Set<string>();
    const key = Buffer.alloc(32, 7);
    const SEALS = 1_000_000;
    for (let made = 0; made < SEALS; made++) nonces.add(seal(key, "", "").toString("latin1", 0, 12));
    return [
      rounded("nonces.repeats", SEALS - nonces.size, "of a million", 0, "lower"),
      rounded("race.rounds", race.cases, "rounds", 50, "higher"),
      rounded("raceWinnersMax", race.mostWinners, "winners", 1, "lower"),
      rounded("race.exactlyOne", share(race.cases - race.bad.length, race.cases), "%", 100, "higher"),
      rounded("race.slowestRound", race.slowestSeconds, "s", 3, "lower"),
      rounded("race.controlWrong", control.wrong, "rounds", 1, "higher"),
      rounded("strangers.differences", differences.length, "differences", 0, "lower"),
      rounded("strangers.medianGap", medianGapMs, "ms", 1, "lower"),
      rounded("createPerSec", median(created.map((each) => each.perSecond)), "/s", 324, "higher"),
      rounded("revealPerSec", median(crowds.map((each) => each.perSecond)), "/s", 341, "higher"),
      rounded("revealP95Ms", median(crowds.map((each) => each.p95)), "ms", 65, "lower"),
      rounded("revealP99Ms", median(crowds.map((each) => each.p99)), "ms", 75, "lower"),
      rounded("revealErrors", errors, "errors", 0, "lower"),
      rounded("revealAloneP50Ms", alone.p50, "ms", 5, "lower"),
    ];
  });
}

/** What a second process on the second core brings, with PostgreSQL and the crowd on the same two cores. */
async function wide(): Promise<Figure[]> {
  return withHandoffs(async (stage) => {
    const both = stage.ports;
    const { links: warm } = await stage.create(2600);
    await stage.load(warm, 16);
    const perSecond = async (ports: readonly number[]) => {
      const rounds = [];
      while (rounds.length < 3) rounds.push((await stage.load((await stage.create(1500, { processes: 2 })).links, 16, ports)).perSecond);
      return median(rounds);
    };
    const one = await perSecond([both[0]]);
    const two = await perSecond(both);
    return [
      figure("wide.revealsPerSec.1", Math.round(one), "/s", 200, "higher"),
      figure("wide.revealsPerSec.2", Math.round(two), "/s", 341, "higher"),
      figure("wide.ratio", Math.round((two / one) * 100) / 100, "×", 1.1, "higher"),
    ];
  });
}

/** From nothing to the first page, and what an idle process holds. */
async function start(): Promise<Figure[]> {
  return withDrill(async (drill) => {
    const firstPages = [];
    let memoryMb = 0;
    for (let round = 0; round < 3; round++) {
      const { firstPageMs, rssMb } = await drill.restarted(10_000);
      firstPages.push(firstPageMs);
      memoryMb = rssMb;
    }
    return [
      figure("start.firstPageMs", Math.round(median(firstPages)), "ms", 3000, "lower"),
      figure("start.idleRssMb", Math.round(memoryMb), "MB", 250, "lower"),
    ];
  });
}

/** The desk of a large vendor: 100,000 onboardings with 3,000,000 records. */
async function desk(): Promise<Figure[]> {
  const VIEWS: Record<string, string[]> = {
    list: ["/desk", "/desk?sort=waiting", "/desk?sort=customer", "/desk?sort=created", "/desk?sort=expires"],
    filter: [
      ...["/desk?status=attention", "/desk?status=expired", "/desk?product=securends&status=live", "/desk?waiting=vendor&sort=waiting"],
      ...["/desk?stuck=3&sort=waiting", "/desk?expiring=30&sort=expires", "/desk?status=invited&product=cirrus-insight&sort=customer"],
    ],
    search: ["/desk?q=contoso", "/desk?q=customer4711", "/desk?q=fabrikam+bank12", "/desk?q=nobody", "/desk?q=cirrus&status=live"],
    funnel: ["/desk/funnel", "/desk/funnel?product=securends&days=90"],
  };
  return withDesk(async (stage) => {
    const median1 = (path: string) => stage.p50([path], 60, 1);
    await stage.fill(10_000);
    // Portals that have run for a while: V8 translates what is used often.
    await stage.p95(Object.values(VIEWS).flat(), 3000, 8);
    const small = await median1("/desk");
    say("  filling 100,000 onboardings with 30 records each");
    await stage.fill(100_000, 30);
    const [known] = await stage.query(
      `SELECT "detail"->>'requestId' AS id FROM "AuditEvent" WHERE "detail"->>'requestId' IS NOT NULL LIMIT 1`,
    );
    VIEWS.search!.push(`/desk?q=${String(known!.id)}`);
    const figures: Figure[] = [];
    for (const [name, paths] of Object.entries(VIEWS)) {
      for (const path of paths) say(`  ${path}: ${(await median1(path)).toFixed(1)} ms alone`);
      const rounds = [];
      while (rounds.length < 3) rounds.push(Math.round(await stage.p95(paths, 400, 8)));
      figures.push(figure(`desk.${name}.p95Ms.100000`, median(rounds), "ms", 100, "lower"));
    }
    const { lines, grownMb } = await stage.download("/desk/export");
    figures.push(figure("desk.csv.rows", lines - 1, "rows", 100_000, "higher"));
    figures.push(figure("desk.csv.rssGrowthMb", Math.round(grownMb), "MB", 100, "lower"));
    for (const streams of [1, 500])
      figures.push(figure(`desk.live.slowestMs.${streams}`, Math.round(await stage.live(streams, 10)), "ms", 1000, "lower"));
    say("  filling 1,000,000 onboardings");
    await stage.fill(1_000_000);
    await stage.p95(["/desk"], 50, 8);
    figures.push(figure("desk.firstPage.growth", Math.round(((await median1("/desk")) / small) * 100) / 100, "×", 1.5, "lower"));
    return figures;
  });
}

/** How soon pages stand on a mid-range phone. */
const pages = async (): Promise<Figure[]> =>
  (await withDrill(pageSpeeds)).flatMap(({ page, remarks, ...speed }) => {
    for (const remark of remarks) say(`  ✘ ${page}: ${remark}`);
    return [
      figure(`pages.${page}.performance`, speed.performance, "points", 95, "higher"),
      figure(`pages.${page}.accessibility`, speed.accessibility, "points", 100, "higher"),
      figure(`pages.${page}.bestPractices`, speed.bestPractices, "points", 95, "higher"),
      figure(`pages.${page}.lcpMs`, speed.lcpMs, "ms", 1500, "lower"),
      figure(`pages.${page}.blockedMs`, speed.blockedMs, "ms", 200, "lower"),
      figure(`pages.${page}.serverMs`, speed.serverMs, "ms", 100, "lower"),
      figure(`pages.${page}.transferredKb`, speed.transferredKb, "kB", 250, "lower"),
      figure(`pages.${page}.parsedKb`, speed.parsedKb, "kB", 1000, "lower"),
    ];
  });

const withStage: Record<string, () => Promise<Figure[]>> = {
  ...Object.fromEntries(Object.entries(PARTS).map(([name, part]) => [name, () => withDrill(part)])),
  handoff,
  desk,
  wide,
  start,
  pages,
};
const parts = wanted.only ? wanted.only.split(",") : Object.keys(withStage);
const unknown = parts.find((part) => !withStage[part]);
if (unknown) {
  console.error(`There is no part "${unknown}". Parts: ${Object.keys(withStage).join(", ")}`);
  process.exit(2);
}
const figures: Figure[] = [];
let isWhole = true;
for (const part of parts) {
  say(`\n— ${part}`);
  try {
    figures.push(...(await withStage[part]!()));
  } catch (error) {
    isWhole = false;
    console.error(`✘ ${part} could not be measured:`, error);
  }
}
const machine = {
  cpus: availableParallelism(),
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
};
if (wanted.json) console.log(JSON.stringify({ machine, figures }));
else
  for (const { name, value, unit, target, better, ok } of figures)
    console.log(`${ok ? "✓" : "✘"} ${name}: ${value} ${unit} (target ${better === "lower" ? "≤" : "≥"} ${target})`);
process.exit(isWhole && figures.every(({ ok }) => ok) ? 0 : 1);
