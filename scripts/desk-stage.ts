// A desk with as many onboardings as a large vendor has, made in PostgreSQL at once, and support people who read it over HTTP at two portals.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { PRODUCTS } from "./drills.ts";
import { startPostgres } from "./postgres.ts";
import { build } from "./production.ts";
import { freePort, newKeyRing, rssMb, type Stack, startPortal, startStack } from "./servers.ts";
import { invite, Visitor } from "./visitor.ts";

/** Customers of every status, evenly, over two years; `eventsEach` records each, without the chain that a bench does not read. */
const SEED = `
INSERT INTO "Onboarding" ("id", "vendorId", "productId", "customerName", "expectedDomain", "adminEmail", "contactEmail", "offered", "inviteDigest",
  "invitedBy", "createdAt", "expiresAt", "status", "waitingFor", "waitingSince", "lastEvent", "lastEventAt", "state", "headSeq", "headHash", "words")
SELECT id, 'cirrus', (ARRAY['cirrus-connect', 'cirrus-insight', 'securends', 'luware-lucs'])[1 + n % 4], name, domain, 'admin@' || domain, 'maria@cirrus.example',
  ARRAY['outlook-calendar'], 'digest-' || id, 'Sam', made, made + interval '14 days',
  CASE WHEN over THEN 'expired' ELSE (ARRAY['invited', 'opened', 'choosing', 'planned', 'attention', 'ready_for_handoff', 'handed_off', 'live', 'live', 'cancelled'])[1 + n % 10] END,
  CASE WHEN over THEN 'vendor' ELSE (ARRAY['admin', 'admin', 'admin', 'admin', 'admin', 'admin', 'contact', 'nobody', 'nobody', 'nobody'])[1 + n % 10] END,
  made, 'admin.signed-in', made + interval '1 day',
  jsonb_build_object('createdAt', made, 'expiresAt', made + interval '14 days', 'steps', '[]'::jsonb, 'registrations', '{}'::jsonb, 'made', '{}'::jsonb, 'manual', '{}'::jsonb),
  $2, 'x', ARRAY[first, second, 'ltd', 'customer' || n, 'example', 'admin', 'maria', 'cirrus'] || string_to_array(id::text, '-')
FROM (
  SELECT n, n % 10 < 2 AND n * interval '2 years' / ($1::int + 1) >= interval '14 days' AS over, md5('onboarding' || n)::uuid AS id, now() - (n * interval '2 years' / ($1::int + 1)) AS made,
    first, second, initcap(first) || ' ' || initcap(second) || ' Ltd' AS name, 'customer' || n || '.example' AS domain
  FROM generate_series($3::int, $1::int) AS n,
    LATERAL (SELECT (ARRAY['contoso', 'fabrikam', 'northwind', 'tailspin', 'wingtip', 'litware', 'proseware', 'adatum', 'trey', 'woodgrove'])[1 + n % 10] AS first,
                    (ARRAY['health', 'bank', 'retail', 'energy', 'logistics', 'media', 'foods'])[1 + n % 7] || (n % 997) AS second) names
) made`;
const JOURNEYS = `
INSERT INTO "Journey" SELECT "id", "vendorId", "productId", "createdAt", "createdAt" + interval '2 hours',
  CASE WHEN "status" NOT IN ('invited', 'opened') THEN "createdAt" + interval '5 hours' END, NULL, NULL, NULL, NULL,
  CASE WHEN "status" = 'live' THEN "createdAt" + interval '3 days' END
FROM "Onboarding" ON CONFLICT DO NOTHING`;
const EVENTS = `
INSERT INTO "AuditEvent" ("onboardingId", "seq", "at", "type", "actor", "detail", "prevHash", "hash")
SELECT o."id", s, o."createdAt" + s * interval '1 minute', CASE WHEN s % 2 = 0 THEN 'graph.called' ELSE 'step.started' END, '{"kind":"portal"}'::jsonb,
  CASE WHEN s % 2 = 0 THEN jsonb_build_object('step', 'server.application', 'method', 'PATCH', 'path', '/applications/x', 'status', 200, 'attempt', 1,
    'requestId', md5(o."id"::text || s)::uuid, 'clientRequestId', md5(s || o."id"::text)::uuid) ELSE '{"step":"server.application","attempt":1}'::jsonb END, 'p', 'h'
FROM "Onboarding" o, generate_series(1, $1::int) AS s`;

type Ask = (paths: readonly string[], times: number, atATime: number) => Promise<number>;
export type DeskStage = {
  /** Makes it this many onboardings. */
  fill: (count: number, eventsEach?: number) => Promise<void>;
  query: (sql: string) => Promise<Record<string, unknown>[]>;
  /** Asks for pages, so many at a time; how long the middle one took, and how long the slowest twentieth took at least, in ms. */
  p50: Ask;
  p95: Ask;
  /** Reads an answer to its end; gives its lines and by how many MB the portal grew. */
  download: (path: string) => Promise<{ lines: number; grownMb: number }>;
  /** Opens so many boards' streams at one portal and invites somebody so often at the other: how long it took until the last stream heard, in ms. */
  live: (streams: number, changes: number) => Promise<number>;
  support: Visitor;
  stack: Stack;
};

export async function withDesk<T>(work: (stage: DeskStage) => Promise<T>): Promise<T> {
  await build();
  const folder = mkdtempSync(path.join(tmpdir(), "vestibule-"));
  chmodSync(folder, 0o755);
  const postgres = await startPostgres(path.join(folder, "postgres"));
  const databaseUrl = await postgres.createDatabase("desk");
  const ports = { portal: await freePort(), sandbox: await freePort(), mail: await freePort() };
  const stack = await startStack(ports, {
    dataDir: path.join(folder, "data"),
    databaseUrl,
    keys: newKeyRing(),
    portalSecret: "desk-secret",
  });
  // One portal for each core, as a deployment has them.
  const secondPort = await freePort();
  const second = await startPortal({ ...stack.portalEnv, PORT: String(secondPort) });
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { users } = (await (await fetch(`${stack.sandboxUrl}/_sandbox/tenants/cirrus.example`)).json()) as {
      users: { id: string; userPrincipalName: string }[];
    };
    const support = new Visitor(stack);
    await support.signIn(users.find(({ userPrincipalName }) => userPrincipalName.startsWith("sam@"))!.id, false);
    const desks = [support, support.at(`http://localhost:${secondPort}`)];
    const residentMb = () => rssMb(stack.portal.process.pid!);
    const ask = async (...[paths, times, atATime]: Parameters<Ask>) => {
      const took: number[] = [];
      const left = Array.from({ length: times }, (_, index) => paths[index % paths.length]!);
      const read = async (desk: Visitor) => {
        for (let next = left.pop(); next; next = left.pop()) {
          const started = performance.now();
          const status = await desk.read(next);
          if (status !== 200) throw new Error(`${next}: ${status}`);
          took.push(performance.now() - started);
        }
      };
      await Promise.all(Array.from({ length: atATime }, (_, person) => read(desks[person % desks.length]!)));
      return took.sort((a, b) => a - b);
    };
    const at = (took: number[], share: number) => took[Math.floor(took.length * share)]!;
    return await work({
      support,
      stack,
      query: async (sql) => (await client.query(sql)).rows as Record<string, unknown>[],
      fill: async (count, eventsEach = 0) => {
        const [row] = (await client.query(`SELECT count(*)::int AS n FROM "Onboarding"`)).rows as { n: number }[];
        await client.query(SEED, [count, eventsEach, row!.n + 1]);
        await client.query(JOURNEYS);
        if (eventsEach > 0) await client.query(EVENTS, [eventsEach]);
        await client.query("VACUUM ANALYZE");
        // What was just written reaches the disk before anything is measured.
        await client.query("CHECKPOINT");
      },
      p50: async (...wanted) => at(await ask(...wanted), 0.5),
      p95: async (...wanted) => at(await ask(...wanted), 0.95),
      live: async (count, changes) => {
        const ended = new AbortController();
        let open = 0;
        const heard: number[] = [];
        const listen = async () => {
          const answer = await support.fetch("/desk/events", { signal: ended.signal });
          open += 1;
          try {
            for await (const chunk of answer.body!)
              for (const _ of Buffer.from(chunk as Uint8Array)
                .toString()
                .matchAll(/event: change/g))
                heard.push(performance.now());
          } catch {
            // Ended below.
          }
        };
        const all = Array.from({ length: count }, listen);
        const until = async (isSo: () => boolean, what: string) => {
          const deadline = performance.now() + 30_000;
          while (!isSo()) {
            if (performance.now() > deadline) throw new Error(`${what}: ${open} open, ${heard.length} heard`);
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        };
        await until(() => open === all.length && heard.length >= all.length, "streams");
        const took: number[] = [];
        for (let change = 0; change < changes; change++) {
          // The mail of the invitation before is a change of its own.
          await until(() => performance.now() - Math.max(...heard) > 500, "quiet");
          heard.length = 0;
          // At the other portal: word of it has to cross.
          const changedAt = performance.now();
          await invite(desks[1]!, `live-${count}-${change}.example`, PRODUCTS[0]!.wish);
          await until(() => heard.length >= count, "a change");
          took.push(Math.max(...heard) - changedAt);
        }
        ended.abort();
        await Promise.all(all);
        return took.sort((a, b) => a - b).at(-1)!;
      },
      download: async (url) => {
        const before = residentMb();
        const answer = await support.fetch(url);
        let lines = 0;
        let most = before;
        let chunks = 0;
        for await (const chunk of answer.body!) {
          for (const byte of chunk as Uint8Array) if (byte === 10) lines += 1;
          if (chunks++ % 20 === 0) most = Math.max(most, residentMb());
        }
        return { lines, grownMb: most - before };
      },
    });
  } finally {
    await client.end();
    await second.stop();
    await stack.stop();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
