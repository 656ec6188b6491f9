import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { PrismaPg } from "@prisma/adapter-pg";
import { Prisma, PrismaClient } from "../prisma/client/client.ts";
import { config } from "./config.ts";

export { Prisma };

/** Opening a connection and preparing its statements costs more than keeping it. */
const IDLE_MS = 5 * 60_000;
const names = new Map<string, string>();
/** A statement of the same text has the same name, so that PostgreSQL parses and plans it once for each connection. */
function nameOf(sql: string): string {
  const known = names.get(sql);
  if (known) return known;
  const name = createHash("sha256").update(sql).digest("base64url").slice(0, 40);
  if (names.size > 2000) names.clear();
  names.set(sql, name);
  return name;
}

/** Prisma's driver for a PostgreSQL server, or for the embedded PGlite folder when no URL is given. */
export function databaseAdapter({ url, folder }: { url?: string | undefined; folder: string }) {
  if (url)
    return new PrismaPg(
      { connectionString: url, max: 10, idleTimeoutMillis: IDLE_MS },
      { statementNameGenerator: ({ sql }) => nameOf(sql) },
    );
  const { PrismaPGlite } = load("pglite-prisma-adapter") as typeof import("pglite-prisma-adapter");
  return new PrismaPGlite(embedded(folder));
}

/** The embedded database takes 60 MB before it is opened: with a server it is not even read. */
const load = createRequire(path.resolve("package.json"));

// Next bundles each route by itself; the embedded database must be opened once for the process.
const processWide = globalThis as {
  vestibuleDb?: PrismaClient;
  vestibuleEmbedded?: PGlite;
  vestibuleAftermaths?: WeakMap<Transaction, (() => void)[]>;
};

/** The embedded database of this process, for the one thing that does not go through Prisma: the queue of jobs. */
export function embedded(folder: string): PGlite {
  mkdirSync(folder, { recursive: true });
  if (!processWide.vestibuleEmbedded) {
    const { PGlite } = load("@electric-sql/pglite") as typeof import("@electric-sql/pglite");
    processWide.vestibuleEmbedded = new PGlite(path.join(folder, "database"));
  }
  return processWide.vestibuleEmbedded;
}

/** The database of this process. Inside a transaction use its `tx`: the embedded database has one connection. */
export function db(): PrismaClient {
  processWide.vestibuleDb ??= withAftermath(
    new PrismaClient({
      adapter: databaseAdapter({ url: config().DATABASE_URL, folder: config().DATA_DIR }),
      transactionOptions: { maxWait: 15_000, timeout: 15_000 },
    }),
  );
  return processWide.vestibuleDb;
}

export type Transaction = Parameters<Parameters<PrismaClient["$transaction"]>[0]>[0];

const aftermaths = () => {
  processWide.vestibuleAftermaths ??= new WeakMap();
  return processWide.vestibuleAftermaths;
};
/** Has `work` done when the transaction is committed, and not at all when it is rolled back. */
export function afterCommit(tx: Transaction, work: () => void): void {
  const all = aftermaths();
  all.set(tx, [...(all.get(tx) ?? []), work]);
}
function withAftermath(client: PrismaClient): PrismaClient {
  const begin = client.$transaction.bind(client);
  const $transaction = async (work: (tx: Transaction) => Promise<unknown>, options?: Parameters<typeof begin>[1]) => {
    let own: Transaction | undefined;
    const result = await begin((tx) => {
      own = tx;
      return work(tx);
    }, options);
    if (own) for (const each of aftermaths().get(own) ?? []) each();
    return result;
  };
  return new Proxy(client, { get: (target, key) => (key === "$transaction" ? $transaction : Reflect.get(target, key)) });
}

/** Whether PostgreSQL takes this as an id: anything else in a query's place would be an error there. */
export const isUuid = (id: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
