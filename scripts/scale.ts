// What happens past the machines at hand, as a seeded discrete-event simulation of the queueing part of docs/scale.md: people
// who load pages, runs that wait for Graph, portals with one core each, one PostgreSQL, and Graph's quotas as token buckets. The
// unit costs are measured ones (docs/performance.md, scripts/budgets.json). `npm run scale` prints the table.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Budgets } from "./budgets.ts";

const { values: wanted } = parseArgs({
  options: { seed: { type: "string", default: "7" }, hours: { type: "string", default: "1" }, json: { type: "boolean", default: false } },
});

/** Milliseconds of work, measured on 2 cores. */
const COST = {
  /** A dynamic page, processor time of a portal, with drawing and packing. */
  pageMs: 10.8,
  /** What a portal does for each round trip to Graph: sealing, records, parsing. */
  tripMs: 5,
  /** A statement in PostgreSQL, with its share of the commit. */
  statementMs: 0.6,
  /** Asking for a version, or telling of a change. */
  watchMs: 0.25,
};
const ROUTE = {
  pages: 26,
  statementsPerPage: 4,
  trips: 5,
  statementsPerTrip: 3,
  commits: 25,
  thinkMs: 20_000,
  graphMedianMs: 180,
  graphSigma: 0.7,
};
/** Graph's quotas of the directory, per application over all tenants (docs: throttling-limits, identity and access). */
const QUOTA = { requests: { per: 10_000, size: 130_000 }, units: { per: 20_000, size: 150_000 }, writes: { per: 300_000, size: 70_000 } };
const budgets = JSON.parse(readFileSync("scripts/budgets.json", "utf8")) as Budgets;
const calls = Object.values(budgets.graph).map((each) => each.calls);
/** Calls of a run, the mean of the five products; a third of them write, and each costs about two units. */
const CALLS = calls.reduce((sum, each) => sum + each, 0) / calls.length;

const VENDORS = 1000;
/** Questions a second of an open page whose process hears of changes, and of one whose does not (lib/changes.ts). */
const ASKS_TOLD = 0.2;
const ASKS_ALONE = 2;
const STEP_MS = 50;

/** Mulberry32: small, seeded, and good enough for arrival times. */
function random(seed: number) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** First come, first served, with so many at a time. */
class Station {
  busyMs = 0;
  readonly #free: number[];
  constructor(servers: number) {
    this.#free = Array<number>(servers).fill(0);
  }
  /** When a piece of work that comes at `at` is done. */
  serve(at: number, workMs: number): number {
    let first = 0;
    for (let index = 1; index < this.#free.length; index++) if (this.#free[index]! < this.#free[first]!) first = index;
    const done = Math.max(at, this.#free[first]!) + workMs;
    this.#free[first] = done;
    this.busyMs += workMs;
    return done;
  }
  share = (spanMs: number) => this.busyMs / (spanMs * this.#free.length);
}
/** A quota that fills up evenly; what it cannot give at once waits. */
class Quota {
  taken = 0;
  #level: number;
  #at = 0;
  constructor(readonly limit: { per: number; size: number }) {
    this.#level = limit.size;
  }
  take(at: number, amount: number): number {
    this.#level = Math.min(this.limit.size, this.#level + ((at - this.#at) / this.limit.per) * this.limit.size);
    this.#at = Math.max(this.#at, at);
    this.taken += amount;
    this.#level -= amount;
    return this.#level >= 0 ? at : at + (-this.#level / this.limit.size) * this.limit.per;
  }
  share = (spanMs: number) => this.taken / ((spanMs / this.limit.per) * this.limit.size);
}

/** Events in order of time. */
class Agenda {
  readonly #heap: { at: number; act: (at: number) => void }[] = [];
  add(at: number, act: (at: number) => void) {
    const heap = this.#heap;
    let index = heap.push({ at, act }) - 1;
    while (index > 0 && heap[(index - 1) >> 1]!.at > at) {
      const parent = (index - 1) >> 1;
      [heap[index], heap[parent]] = [heap[parent]!, heap[index]!];
      index = parent;
    }
  }
  next() {
    const heap = this.#heap;
    const [top] = heap;
    const last = heap.pop();
    if (!top || !last || heap.length === 0) return top;
    heap[0] = last;
    for (let index = 0; ; ) {
      const left = 2 * index + 1;
      if (left >= heap.length) break;
      const child = left + 1 < heap.length && heap[left + 1]!.at < heap[left]!.at ? left + 1 : left;
      if (heap[child]!.at >= heap[index]!.at) break;
      [heap[index], heap[child]] = [heap[child]!, heap[index]!];
      index = child;
    }
    return top;
  }
}

/** `alone`: a back end without LISTEN/NOTIFY, where each open page asks twice a second. */
type Setup = { perHour: number; portals: number; boards: number; alone?: boolean };
type Outcome = Setup & Record<"pageP95Ms" | "runP95S" | "portal" | "database" | "units" | "writes" | "open", number>;

function simulate({ perHour, portals, boards, alone = false }: Setup, seed: number, hours: number): Outcome {
  const next = random(seed);
  const exponential = (mean: number) => -Math.log(1 - next()) * mean;
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const graphMs = () => ROUTE.graphMedianMs * Math.exp(ROUTE.graphSigma * normal());
  const span = hours * 3_600_000;
  const agenda = new Agenda();
  const portal = new Station(portals);
  // Four cores of one server: more of them share locks and the log.
  const database = new Station(4);
  const quotas = { requests: new Quota(QUOTA.requests), units: new Quota(QUOTA.units), writes: new Quota(QUOTA.writes) };
  const pages: number[] = [];
  const runs: number[] = [];
  let open = 0;
  let mostOpen = 0;

  /** Boards of one vendor share an answer within a process; a page of an onboarding asks for itself. */
  const asksPerSecond = (pagesOpen: number) => {
    const readers = Math.min(boards, VENDORS * portals);
    if (alone) return (readers + pagesOpen) * ASKS_ALONE;
    // Who changed something tells the page of that onboarding and the boards of its vendor.
    const changes = (perHour / 3600) * ROUTE.commits;
    return (readers + pagesOpen) * ASKS_TOLD + changes * (1 + 1 + readers / VENDORS);
  };
  const page = (at: number, then: (at: number) => void) => {
    const asked = database.serve(at, ROUTE.statementsPerPage * COST.statementMs);
    const done = portal.serve(asked, COST.pageMs);
    pages.push(done - at);
    agenda.add(done, then);
  };
  const run = (at: number, then: (at: number) => void) => {
    const trip = (left: number, now: number) => {
      if (left === 0) {
        runs.push(now - at);
        return then(now);
      }
      const written = database.serve(portal.serve(now, COST.tripMs), ROUTE.statementsPerTrip * COST.statementMs);
      const share = CALLS / ROUTE.trips;
      const let1 = quotas.requests.take(written, 1);
      const let2 = quotas.units.take(let1, share * 2);
      const allowed = quotas.writes.take(let2, share / 3);
      agenda.add(allowed + graphMs(), (later) => trip(left - 1, later));
    };
    trip(ROUTE.trips, at);
  };
  const onboarding = (at: number) => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    const visit = (left: number, now: number) => {
      if (left === 0) {
        open -= 1;
        return;
      }
      const go = (later: number) => agenda.add(later + exponential(ROUTE.thinkMs), (when) => visit(left - 1, when));
      // The approved plan is carried out two thirds of the way along.
      if (left === Math.floor(ROUTE.pages / 3)) page(now, (later) => run(later, go));
      else page(now, go);
    };
    visit(ROUTE.pages, at);
  };
  for (let at = exponential(3_600_000 / perHour); at < span; at += exponential(3_600_000 / perHour)) agenda.add(at, onboarding);
  for (let at = 0; at < span; at += STEP_MS) {
    agenda.add(at, (now) => {
      const asks = asksPerSecond(open) * (STEP_MS / 1000);
      for (let core = 0; core < 4; core++) database.serve(now, (asks * COST.watchMs) / 4);
      for (let each = 0; each < portals; each++) portal.serve(now, (asks * COST.watchMs) / 5 / portals);
    });
  }
  for (let event = agenda.next(); event && event.at < span * 1.05; event = agenda.next()) event.act(event.at);
  const p95 = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? 0;
  const percent = (share: number) => Math.round(share * 1000) / 10;
  return {
    ...{ perHour, portals, boards, alone, pageP95Ms: Math.round(p95(pages)), runP95S: Math.round(p95(runs) / 100) / 10 },
    ...{ portal: percent(portal.share(span)), database: percent(database.share(span)), open: mostOpen },
    ...{ units: percent(quotas.units.share(span)), writes: percent(quotas.writes.share(span)) },
  };
}

const SETUPS: Setup[] = [
  { perHour: 100, portals: 1, boards: 10 },
  { perHour: 1000, portals: 1, boards: 100 },
  { perHour: 1000, portals: 2, boards: 1000 },
  { perHour: 5000, portals: 2, boards: 1000 },
  { perHour: 5000, portals: 4, boards: 1000 },
  { perHour: 10_000, portals: 8, boards: 1000 },
  { perHour: 20_000, portals: 16, boards: 1000 },
  { perHour: 30_000, portals: 24, boards: 1000 },
  { perHour: 30_000, portals: 24, boards: 1000, alone: true },
  { perHour: 100_000, portals: 40, boards: 1000 },
];
const outcomes = SETUPS.map((setup) => simulate(setup, Number(wanted.seed), Number(wanted.hours)));
if (wanted.json) console.log(JSON.stringify(outcomes));
else {
  console.log(
    "| onboardings an hour | portals (a core each) | open boards | page p95 | run p95 | portals busy | PostgreSQL busy | Graph units | Graph writes | open at once |",
  );
  console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const { perHour, portals, boards, alone, pageP95Ms, runP95S, portal, database, units, writes, open } of outcomes)
    console.log(
      `| ${perHour}${alone ? ", alone" : ""} | ${portals} | ${boards} | ${pageP95Ms} ms | ${runP95S} s | ${portal} % | ${database} % | ${units} % | ${writes} % | ${open} |`,
    );
}
