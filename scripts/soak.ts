// Half an hour of everything at once, outside `npm test`: two portals behind a balancer without stickiness, a worker and a
// PostgreSQL; vendors' systems create onboardings, admins carry them out while Graph answers wrongly, contacts reveal, support
// reads the board. Every minute one process is killed. Everything is on loopback. `-- --minutes 5` makes it shorter.
import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { type Case, KINDS, type Kind, newDrill } from "./drills.ts";
import { startPostgres } from "./postgres.ts";
import { build } from "./production.ts";
import { freePort, newKeyRing, type Running, rssMb, startPortal, startStack, startWorker } from "./servers.ts";
import { approvePlan, handOver, Visitor } from "./visitor.ts";

const { values: wanted } = parseArgs({ options: { minutes: { type: "string", default: "30" }, people: { type: "string", default: "5" } } });
const MINUTES = Number(wanted.minutes);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends each request to the next portal; one that does not take it hands it to the other. Knows nothing of sessions. */
async function balancer(port: number, targets: readonly number[]): Promise<Server> {
  let turn = 0;
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const send = (left: number) => {
        const target = targets[turn++ % targets.length]!;
        const options = { host: "127.0.0.1", port: target, method: incoming.method, path: incoming.url, headers: incoming.headers };
        const onward = request({ ...options, agent: false }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
          answer.once("error", () => outgoing.destroy());
        });
        onward.once("error", (error: NodeJS.ErrnoException) => {
          if (error.code === "ECONNREFUSED" && left > 0) return send(left - 1);
          if (!outgoing.headersSent) outgoing.writeHead(502);
          outgoing.end();
        });
        outgoing.once("close", () => onward.destroy());
        onward.end(Buffer.concat(chunks));
      };
      send(targets.length - 1);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, resolve));
  return server;
}

/** Presses the button again until it works, as people and programs do. */
async function again<T>(what: string, work: () => Promise<T>, patienceMs = 120_000): Promise<T> {
  for (const until = Date.now() + patienceMs; ; await pause(700))
    try {
      return await work();
    } catch (error) {
      if (Date.now() > until) throw new Error(`${what}: ${(error as Error).message}`);
    }
}

const folder = mkdtempSync(path.join(tmpdir(), "vestibule-"));
chmodSync(folder, 0o755);
await build();
const postgres = await startPostgres(path.join(folder, "postgres"));
const databaseUrl = await postgres.createDatabase("soak");
const front = await freePort();
const [first, second] = [await freePort(), await freePort()];
const stack = await startStack(
  { portal: front, sandbox: await freePort(), mail: await freePort() },
  {
    dataDir: path.join(folder, "data"),
    databaseUrl,
    keys: newKeyRing(),
    portalSecret: "soak-secret",
    env: { PORT: String(first), ERRANDS: "elsewhere", WEBHOOK_PRIVATE_HOSTS: "127.0.0.1" },
  },
);
type Name = "portal A" | "portal B" | "worker";
const starters: Record<Name, () => Promise<Running>> = {
  "portal A": () => startPortal({ ...stack.portalEnv, PORT: String(first) }),
  "portal B": () => startPortal({ ...stack.portalEnv, PORT: String(second) }),
  worker: async () => startWorker(stack.portalEnv),
};
const processes = {
  "portal A": stack.portal,
  "portal B": await starters["portal B"](),
  worker: await starters.worker(),
};
/** A supervisor starts whatever died. */
async function kill(name: Name) {
  processes[name].process.kill("SIGKILL");
  await processes[name].stop();
  processes[name] = await starters[name]();
}
const balanced = await balancer(front, [first, second]);
const drill = newDrill(stack, databaseUrl);
const place = { baseUrl: stack.baseUrl, sandboxUrl: stack.sandboxUrl };

const received: { id: string; onboarding: string; status: string }[] = [];
const receiver = createServer((incoming, outgoing) => {
  let body = "";
  incoming.on("data", (chunk: Buffer) => {
    body += chunk.toString();
  });
  incoming.on("end", () => {
    const { data } = JSON.parse(body) as { data: { onboarding: string; status: string } };
    received.push({ id: String(incoming.headers["webhook-id"]), ...data });
    outgoing.writeHead(204).end();
  });
});
await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", () => resolve()));

const { users } = await drill.tenant("cirrus.example");
const someone = (name: string) => users.find(({ userPrincipalName }) => userPrincipalName.startsWith(`${name}@`))!.id;
const manager = new Visitor(place);
await manager.signIn(someone("mona"), false);
const support = new Visitor(place);
await support.signIn(someone("sam"), false);
const INTEGRATIONS = "app/desk/integrations/actions.ts";
const make = async (name: string, fields: readonly (readonly [string, string])[]) =>
  (await manager.action("/desk/integrations", INTEGRATIONS, name, [["vendor", "cirrus"], ...fields], true)).text;
const keyText = await make("createKey", [
  ["name", "Soak"],
  ["days", "30"],
  ["scope", "read"],
  ["scope", "write"],
]);
const apiKey = /vst_[\w-]+/.exec(keyText)![0];
await make("createWebhook", [["url", `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`]]);

// ---- Who is at work ------------------------------------------------------------------------------------------------

const end = Date.now() + MINUTES * 60_000;
const isOver = () => Date.now() > end;
const kinds = KINDS.filter(({ before, adopts, wish }) => !before && !adopts && wish.productId === "cirrus-connect");
const faults: string[] = [];
const finished: Case[] = [];
const references: string[] = [];
let requests = 0;
let handedOverAgain = 0;

/** A vendor's system creates an onboarding, and asks again under the same key when it got no answer. */
async function created(domain: string, kind: Kind, reference: string): Promise<{ id: string; token: string }> {
  const body = {
    productId: kind.wish.productId,
    ...{ customerName: domain, expectedDomain: domain, adminEmail: `admin@${domain}`, contacts: ["maria@cirrus.example"] },
    ...{ offered: kind.wish.offered, days: 14, reference },
  };
  return again("creating", async () => {
    const answer = await fetch(`${stack.baseUrl}/api/v1/onboardings`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json", "idempotency-key": reference },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.status !== 201) throw new Error(`${answer.status} ${text.slice(0, 200)}`);
    const { onboarding, link } = JSON.parse(text) as { onboarding: { id: string }; link: string };
    return { id: onboarding.id, token: link.split("#")[1]! };
  });
}

/** One customer, from the invitation to a credential that works. */
async function onboard(kind: Kind): Promise<void> {
  const reference = randomUUID();
  const domain = `${reference.slice(0, 8)}.example`;
  references.push(reference);
  const { users: own } = await drill.sandbox<{ users: { id: string; userPrincipalName: string }[] }>("tenants", { domain });
  const invitation = await created(domain, kind, reference);
  const admin = new Visitor(place);
  const wish = { ...kind.wish, fields: [...(kind.wish.fields ?? []), ...(kind.naming?.(own[0]!.userPrincipalName) ?? [])] };
  await again("signing in", () => admin.signIn(own[0]!.id, true));
  await again("approving", () => approvePlan(admin, invitation, wish));
  const at: Case = { domain, admin, id: invitation.id, kind };
  for (let attempt = 0; ; attempt++) {
    const progress = await again("running", () => drill.resume(at), 240_000);
    if (progress.run?.outcome === "done") {
      const handoff = progress.handoff?.state;
      const given = handoff === "sealed" ? await handOver(admin, place, at.id).catch(() => null) : null;
      if (given) break;
      // The answer with the link, or with the values, was lost with the process that gave it: a new one is issued.
      handedOverAgain += 1;
      await again("issuing anew", async () => {
        const { status, text } = await admin.action(
          `/o/${at.id}/run`,
          "app/o/[onboarding]/actions.ts",
          "reissue",
          [["onboarding", at.id]],
          true,
        );
        if (status >= 400) throw new Error(`${status} ${text.slice(0, 200)}`);
      });
    } else if (!progress.run?.failure?.action) faults.push(`${domain}: a run ended without saying what to do`);
    if (attempt > 12) throw new Error(`not done after ${attempt} attempts: ${JSON.stringify(progress.run)}`);
  }
  finished.push(at);
}
async function customers(worker: number) {
  for (let count = worker; !isOver(); count += 1)
    await onboard(kinds[count % kinds.length]!).catch((error: Error) => faults.push(`an onboarding: ${error.message}`));
}
const PAGES = ["/desk", "/desk?status=live", "/desk?q=example", "/desk/funnel", "/desk?sort=waiting"];
async function board() {
  for (let turn = 0; !isOver(); turn++, requests++) {
    await support.fetch(PAGES[turn % PAGES.length]!).then(
      async (answer) => {
        await answer.text();
        if (answer.status >= 500 && answer.status !== 502 && answer.status !== 503)
          faults.push(`${PAGES[turn % PAGES.length]}: ${answer.status}`);
      },
      () => undefined,
    );
    await pause(150);
  }
}
async function program() {
  for (; !isOver(); requests++) {
    await fetch(`${stack.baseUrl}/api/v1/onboardings?limit=20`, { headers: { authorization: `Bearer ${apiKey}` } }).then(
      async (answer) => {
        await answer.text();
        if (answer.status >= 500 && answer.status !== 502 && answer.status !== 503) faults.push(`the API: ${answer.status}`);
      },
      () => undefined,
    );
    await pause(400);
  }
}

// ---- What is measured ----------------------------------------------------------------------------------------------

const memory: { minute: number; mb: number }[] = [];
let kills = 0;
async function killer() {
  // Portal A is killed once and then lives on, so that its memory can be watched.
  for (let minute = 1; minute < MINUTES; minute++) {
    await pause(60_000);
    const name: Name = minute === 1 ? "portal A" : minute % 2 === 0 ? "portal B" : "worker";
    await kill(name);
    kills += 1;
    const mb = Math.round(rssMb(processes["portal A"].process.pid!));
    memory.push({ minute, mb });
    console.log(`  minute ${minute}: ${name} was killed; ${finished.length} onboardings done, ${faults.length} faults, portal A ${mb} MB`);
  }
}

await drill.lag(0, 300);
await drill.sandbox("chaos", { seed: 11, rate: 0.15 });
console.log(`\n— soak: ${MINUTES} minutes, two portals, a worker, PostgreSQL`);
await Promise.all([...Array.from({ length: Number(wanted.people) }, (_, worker) => customers(worker)), board(), program(), killer()]);
await fetch(`${stack.sandboxUrl}/_sandbox/faults`, { method: "DELETE" });
console.log(`  ${finished.length} onboardings are done; everything is looked at`);

// ---- What must be true now -----------------------------------------------------------------------------------------

for (const at of finished) faults.push(...(await drill.tenantFaults(at)).map((fault) => `${at.domain}: ${fault}`));
const stored = await drill.query<{ reference: string; id: string }>(`SELECT "reference", "id" FROM "Onboarding"`);
const count = new Map<string, number>();
for (const { reference } of stored) count.set(reference, (count.get(reference) ?? 0) + 1);
const lost = references.filter((reference) => !count.has(reference)).length;
const duplicated =
  [...count.values()].filter((times) => times > 1).length + stored.filter(({ reference }) => !references.includes(reference)).length;
/** Webhooks and mails are told again until they arrive. */
const lacking = async () => {
  const told = new Set(received.filter(({ status }) => status === "live").map(({ onboarding }) => onboarding));
  const mails = (await (await fetch(`${stack.sandboxUrl}/_mailbox/api`)).json()) as { to: string[] }[];
  const mailed = new Set(mails.flatMap(({ to }) => to));
  return {
    webhooks: finished.filter(({ id }) => !told.has(id)).length,
    invitations: finished.filter(({ domain }) => !mailed.has(`admin@${domain}`)).length,
  };
};
let missing = await lacking();
for (const until = Date.now() + 240_000; (missing.webhooks > 0 || missing.invitations > 0) && Date.now() < until; missing = await lacking())
  await pause(2000);
const chain = await drill.auditFaults();

// The first minutes fill caches and translate what is used; growth is from the first third on.
const middle = (samples: typeof memory) => samples.map(({ mb }) => mb).toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0;
const settled = memory.filter(({ minute }) => minute > MINUTES / 3);
const early = middle(settled.slice(0, Math.max(1, Math.floor(settled.length / 4))));
const late = middle(settled.slice(-Math.max(1, Math.floor(settled.length / 4))));
const growth = early ? Math.round((late / early - 1) * 1000) / 10 : 0;
const checks: [name: string, value: number, target: number, unit: string][] = [
  ["soak.lost", lost, 0, "onboardings"],
  ["soak.duplicated", duplicated, 0, "onboardings"],
  ["soak.faults", faults.length, 0, "faults"],
  ["soak.auditFaults", chain.length, 0, "faults"],
  ["soak.webhooksMissing", missing.webhooks, 0, "onboardings"],
  ["soak.invitationsMissing", missing.invitations, 0, "onboardings"],
  ["soak.rssGrowth", growth, 10, "%"],
];
for (const fault of [...faults, ...chain].slice(0, 40)) console.log(`  ✘ ${fault}`);
console.log(
  `\n${finished.length} onboardings, ${requests} reads, ${kills} kills, ${handedOverAgain} links issued anew; portal A ${early} MB, then ${late} MB`,
);
for (const [name, value, target, unit] of checks)
  console.log(`${value <= target ? "✓" : "✘"} ${name}: ${value} ${unit} (target ≤ ${target})`);

balanced.closeAllConnections();
balanced.close();
receiver.close();
await Promise.all([processes["portal A"].stop(), processes["portal B"].stop(), processes.worker.stop(), stack.sandbox.stop()]);
await drill.close();
await postgres.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(checks.every(([, value, target]) => value <= target) ? 0 : 1);
