// Exact numbers that may shrink and not grow: round trips to Graph of each product, statements and bytes of each page. `npm
// test` compares them; a change that costs more has to write the new number here, where whoever reads the change sees it.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { type Drill, PRODUCTS, type Verdict } from "./drills.ts";
import type { Postgres } from "./postgres.ts";
import { start, type Visitor } from "./visitor.ts";

/** `scripts` and `styles` are gzipped bytes, to the next thousand; `statements` are those of a signed-in reader. */
type Page = { scripts: number; styles: number; statements: number };
export type Budgets = { graph: Record<string, { calls: number; sequential: number }>; pages: Record<string, Page> };
const FILE = "scripts/budgets.json";
export const BUDGETS = JSON.parse(readFileSync(FILE, "utf8")) as Budgets;

const thousand = (bytes: number) => Math.ceil(bytes / 1000) * 1000;
/** What a page makes a browser fetch before it can be used: the files of ours that it names, packed. */
async function weightOf(visitor: Visitor, url: string): Promise<Pick<Page, "scripts" | "styles">> {
  const answer = await visitor.fetch(url);
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${answer.headers.get("location") ?? ""}`);
  const html = await answer.text();
  // What only browsers without modules fetch does not count.
  const own = html.replaceAll(/<script[^>]*noModule[^>]*>/gi, "");
  const sum = (tag: RegExp) =>
    [...new Set([...own.matchAll(tag)].map(([, file]) => file!))]
      .map((file) => gzipSync(readFileSync(path.join(".next", file.replace("/_next/", "")))).length)
      .reduce((all, bytes) => all + bytes, 0);
  return {
    scripts: thousand(sum(/<script[^>]* src="(\/_next\/static\/[^"?]+)/g)),
    styles: thousand(sum(/<link[^>]* href="(\/_next\/static\/[^"?]+\.css)/g)),
  };
}

/** How many statements reach the database while `work` goes on; the server logs all of them. */
async function statementsOf(postgres: Postgres, drill: Drill, work: () => Promise<unknown>): Promise<number> {
  const mark = async () => {
    const text = randomUUID();
    await drill.query(`SELECT '${text}'`);
    while (!postgres.log().includes(text)) await new Promise((resolve) => setTimeout(resolve, 20));
    return text;
  };
  const before = await mark();
  await work();
  const after = await mark();
  const log = postgres.log();
  const part = log.slice(log.indexOf(before), log.indexOf(after));
  return (
    [...part.matchAll(/LOG: {2}(?:statement|execute [^:]*):\s*(\w+)/g)].filter(([, word]) => !["BEGIN", "COMMIT"].includes(word!)).length -
    1
  );
}

/** What the build and a run cost now; the portal's errands are done by nobody meanwhile. */
export async function measured(drill: Drill, postgres: Postgres): Promise<Budgets> {
  const graph: Budgets["graph"] = {};
  for (const product of PRODUCTS) {
    // Long enough that what runs side by side is seen to.
    const { calls, sequential } = await drill.cost(250, product);
    graph[product.name] = { calls, sequential };
  }
  const at = await drill.approved(PRODUCTS[0]!, "page");
  const support = await drill.signedInSupport();
  const stranger = drill.stranger();
  const pages: Budgets["pages"] = {};
  const weigh = async (name: string, visitor: Visitor, url: string) => {
    const weight = await weightOf(visitor, url);
    // The first reading fills what a process remembers for a while.
    await visitor.fetch(url).then((answer) => answer.text());
    pages[name] = { ...weight, statements: await statementsOf(postgres, drill, async () => (await visitor.fetch(url)).text()) };
  };
  await weigh("home", stranger, "/");
  await weigh("link", stranger, `/o/${at.id}`);
  await weigh("landing", drill.stranger(at.admin), `/o/${at.id}`);
  await weigh("sign-in", stranger, "/sign-in");
  await weigh("API reference", stranger, "/api-reference");
  await weigh("checklist", at.admin, `/o/${at.id}/features`);
  await weigh("plan", at.admin, `/o/${at.id}/plan`);
  await start(at.admin, at.id);
  await drill.ended(at);
  await weigh("run", at.admin, `/o/${at.id}/run`);
  await weigh("record", at.admin, `/o/${at.id}/audit`);
  await weigh("board", support, "/desk");
  await weigh("funnel", support, "/desk/funnel");
  await weigh("new onboarding", support, "/desk/new");
  await weigh("detail", support, `/desk/${at.id}`);
  return { graph, pages };
}

const flat = ({ graph, pages }: Budgets): Record<string, number> =>
  Object.fromEntries(
    Object.entries({ ...graph, ...pages }).flatMap(([name, numbers]) =>
      Object.entries(numbers).map(([what, value]) => [`${name} ${what}`, value] as const),
    ),
  );

/** What grew, and what is not in the file. */
export function overBudget(now: Budgets): Verdict {
  const allowed = flat(BUDGETS);
  const bad = Object.entries(flat(now)).flatMap(([name, value]) => {
    const budget = allowed[name];
    if (budget === undefined) return [`${name}: ${value}, and ${FILE} does not say how much it may be`];
    return value > budget ? [`${name}: ${value} instead of ${budget}; if that is worth it, write it into ${FILE}`] : [];
  });
  return { cases: Object.keys(flat(now)).length, bad };
}
