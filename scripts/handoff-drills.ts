// Handoffs under a crowd: two portals on one PostgreSQL, a thousand people at one link, power cuts, a search for what must
// not be found anywhere, and the load of the benches. Everything is on loopback.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { deriveKey, unseal } from "../lib/secret.ts";
import type { Verdict } from "./drills.ts";
import { type Postgres, startPostgres } from "./postgres.ts";
import { build } from "./production.ts";
import { answering, freePort, newKeyRing, type Running, type Stack, startPortal, startProgram, startStack } from "./servers.ts";

type Terms = { challenge?: string; recipient?: string; passphrase?: string };
export type Link = { id: string; onboardingId: string; key: Buffer; proof: string };
type Answer = { status: number; headers: IncomingHttpHeaders; text: string; ms: number };

/** What a code, a key or a secret can look like in a file. */
const disguises = (name: string, value: Buffer): [string, Buffer][] => [
  [name, value],
  [`${name}, base64`, Buffer.from(value.toString("base64").replace(/=+$/, ""))],
  [`${name}, base64url`, Buffer.from(value.toString("base64url"))],
  [`${name}, hex`, Buffer.from(value.toString("hex"))],
  [`${name}, HEX`, Buffer.from(value.toString("hex").toUpperCase())],
  [`${name}, URL`, Buffer.from(encodeURIComponent(value.toString("latin1")))],
  [`${name}, UTF-16LE`, Buffer.from(value.toString("latin1"), "utf16le")],
  [`${name}, UTF-16BE`, Buffer.from(value.toString("latin1"), "utf16le").swap16()],
];

export class HandoffStage {
  readonly stack: Stack;
  readonly postgres: Postgres;
  readonly #databaseUrl: string;
  #second: Running;
  readonly #secondPort: number;
  // As many connections as there are people; they stay open, since opening them is not what is measured.
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 500 });

  constructor(stack: Stack, postgres: Postgres, databaseUrl: string, second: Running, secondPort: number) {
    this.stack = stack;
    this.postgres = postgres;
    this.#databaseUrl = databaseUrl;
    this.#second = second;
    this.#secondPort = secondPort;
  }

  get ports(): [number, number] {
    return [Number(new URL(this.stack.baseUrl).port), this.#secondPort];
  }
  logs = () => `${this.stack.portal.output()}${this.#second.output()}`;

  async query<T extends object>(sql: string, values: unknown[] = []): Promise<T[]> {
    const client = new pg.Client(this.#databaseUrl);
    await client.connect();
    try {
      return (await client.query(sql, values)).rows as T[];
    } finally {
      await client.end();
    }
  }

  /** Handoffs, made by `processes` at a time with so many in flight each; and how many a second that were. */
  async create(count: number, { processes = 1, atATime = 8, terms = {} as Terms, secret = randomUUID() as string } = {}) {
    const made = await Promise.all(
      Array.from({ length: processes }, async () => {
        const share = Math.ceil(count / processes);
        const text = await new Promise<string>((resolve, reject) => {
          const args = ["--import", "tsx", "scripts/handoff-creator.ts", String(share), String(atATime), JSON.stringify(terms), secret];
          const child = spawn(process.execPath, args, {
            env: { ...process.env, ...this.stack.portalEnv },
            stdio: ["ignore", "pipe", "inherit"],
          });
          let output = "";
          child.stdout.on("data", (chunk: Buffer) => {
            output += chunk.toString();
          });
          child.once("error", reject);
          child.once("exit", () => resolve(output));
        });
        return JSON.parse(text) as { seconds: number; made: { onboardingId: string; link: string }[] };
      }),
    );
    const links = made.flatMap((part) =>
      part.made.map(({ onboardingId, link }): Link => {
        const { pathname, hash } = new URL(link);
        const id = pathname.split("/")[2]!;
        const key = Buffer.from(hash.slice(1), "base64url");
        return { id, onboardingId, key, proof: deriveKey(key, Buffer.from(id), "handoff/v1/proof").toString("base64url") };
      }),
    );
    return { links, perSecond: made.reduce((sum, part) => sum + part.made.length / part.seconds, 0) };
  }

  /** One request to a portal, as the page makes it. */
  ask(port: number, id: string, act: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.raw(port, "POST", `/api/h/${id}/${act}`, JSON.stringify(body), {
      "content-type": "application/json",
      origin: this.stack.baseUrl,
      ...headers,
    });
  }
  raw(port: number, method: string, url: string, body = "", headers: Record<string, string> = {}): Promise<Answer> {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const asked = request({ agent: this.#agent, host: "127.0.0.1", port, path: url, method, headers }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          text += chunk;
        });
        answer.once("error", reject);
        answer.once("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, ms: performance.now() - started }),
        );
      });
      asked.once("error", reject);
      asked.end(body);
    });
  }
  reveal = (link: Link, port = this.ports[0], answer: Record<string, string> = {}) =>
    this.ask(port, link.id, "reveal", { proof: link.proof, ...answer });

  secretIn({ key, id }: Link, { text }: Answer): string {
    const [part] = JSON.parse(text) as { boundTo: string; inner: string }[];
    const encryption = deriveKey(key, Buffer.from(id), "handoff/v1/enc");
    return (JSON.parse(unseal(encryption, Buffer.from(part!.inner, "base64url"), part!.boundTo).toString()) as { secretValue: string })
      .secretValue;
  }

  /** A crowd at one link, half of it at each server. */
  async #crowd(link: Link, people: number, ports: readonly [number, number]) {
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: people }, (_, index) => this.reveal(link, ports[index % 2]!)));
    const of = (...statuses: number[]) => answers.filter(({ status }) => statuses.includes(status)).length;
    return { winners: of(200), refused: of(404, 410), seconds: (performance.now() - started) / 1000 };
  }

  /** Many rounds of a crowd at one link: exactly one of them reads the values, the others are told that it is over. */
  async race(rounds: number, people: number): Promise<Verdict & { slowestSeconds: number; mostWinners: number }> {
    const { links } = await this.create(rounds);
    const bad: string[] = [];
    let slowestSeconds = 0;
    let mostWinners = 0;
    for (const [round, link] of links.entries()) {
      const { winners, refused, seconds } = await this.#crowd(link, people, this.ports);
      slowestSeconds = Math.max(slowestSeconds, seconds);
      mostWinners = Math.max(mostWinners, winners);
      if (winners !== 1 || refused !== people - 1)
        bad.push(`round ${round}: ${winners} read the values, ${refused} of ${people - 1} were refused`);
    }
    return { cases: rounds, bad, slowestSeconds, mostWinners };
  }

  /** The same crowd at a naive build. Counts the rounds in which more than one read the values. */
  async control(rounds: number, people: number): Promise<{ rounds: number; wrong: number; most: number }> {
    const ports = [await freePort(), await freePort()] as const;
    const servers = ports.map((port) => startProgram("scripts/handoff-control.ts", { ...this.stack.portalEnv, PORT: String(port) }));
    try {
      for (const [index, server] of servers.entries()) await answering(`http://127.0.0.1:${ports[index]}/`, server);
      const { links } = await this.create(rounds);
      let wrong = 0;
      let most = 0;
      for (const link of links) {
        const { winners } = await this.#crowd(link, people, ports);
        if (winners > 1) wrong += 1;
        most = Math.max(most, winners);
      }
      return { rounds, wrong, most };
    } finally {
      for (const server of servers) await server.stop();
    }
  }

  /** What the database says of a handoff; one that was revealed has no ciphertext and exactly one record of it. */
  async #isWhole({ id, onboardingId }: Link): Promise<{ state: string; isWhole: boolean }> {
    const [row] = await this.query<{ state: string; ciphers: number; records: number }>(
      `SELECT h."state", (SELECT count(*)::int FROM "HandoffCipher" c WHERE c."handoffId" = h."id") AS ciphers,
              (SELECT count(*)::int FROM "AuditEvent" e WHERE e."onboardingId" = $2 AND e."type" = 'handoff.revealed') AS records
       FROM "Handoff" h WHERE h."id" = $1`,
      [id, onboardingId],
    );
    const { state, ciphers, records } = row!;
    return { state, isWhole: state === "revealed" ? ciphers === 0 && records === 1 : ciphers === 1 && records === 0 };
  }

  /** While people reveal, `cut` happens. Afterwards each link was or is opened exactly once, and the record agrees. */
  async #cutOff(links: Link[], cut: () => Promise<void>, port: number): Promise<string[]> {
    const bad: string[] = [];
    const first = links.map((link) => this.reveal(link, port).catch(() => null));
    // As soon as one has its answer the others are somewhere on the way.
    await Promise.race(first);
    await cut();
    const read = (await Promise.all(first)).map((answer) => answer?.status === 200);
    for (const [index, link] of links.entries()) {
      const before = await this.#isWhole(link);
      const again = await this.reveal(link, this.ports[0]);
      const after = await this.#isWhole(link);
      const opened = Number(read[index]) + Number(again.status === 200);
      if (opened > 1) bad.push(`${link.id} was read twice`);
      if (opened === 0 && before.state === "pending") bad.push(`${link.id} is pending and does not open: ${again.status}`);
      if (!before.isWhole || !after.isWhole || after.state !== "revealed")
        bad.push(`${link.id} is ${after.state}, and its record does not agree`);
    }
    return bad;
  }
  async killed(rounds: number, people = 24): Promise<Verdict> {
    const bad: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const { links } = await this.create(people);
      const cut = async () => {
        this.#second.process.kill("SIGKILL");
        await this.#second.stop();
        this.#second = await startPortal({ ...this.stack.portalEnv, PORT: String(this.#secondPort) });
      };
      bad.push(...(await this.#cutOff(links, cut, this.#secondPort)));
    }
    return { cases: rounds * people, bad };
  }
  async powerCut(people = 24): Promise<Verdict> {
    const { links } = await this.create(people);
    // The pools of both portals open new connections by themselves; a request that meets an old one is told to try again.
    const cut = async () => {
      await this.postgres.crash();
      for (const port of this.ports)
        while ((await this.ask(port, randomUUID(), "status", { proof: "" })).status === 503)
          await new Promise((resolve) => setTimeout(resolve, 100));
    };
    return { cases: people, bad: await this.#cutOff(links, cut, this.ports[0]) };
  }

  /** A scanner that fetches the link in every way that mail gateways and chats do: nothing is opened, nothing is written. */
  async scanned(): Promise<Verdict> {
    const { links } = await this.create(1, { terms: { challenge: "code", recipient: "maria@cirrus.example" } });
    const [link] = links as [Link];
    // Of this onboarding: mails of the drills before may still be written down in others.
    const visits = () =>
      this.query(`SELECT count(*) FROM "AuditEvent" a JOIN "Handoff" h ON h."onboardingId" = a."onboardingId" WHERE h."id" = '${link.id}'`);
    const before = await visits();
    const bad: string[] = [];
    const pages = new Set<string>();
    for (const agent of SCANNERS)
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        const { status, text } = await this.raw(this.ports[0], method, `/h/${link.id}`, "", { "user-agent": agent });
        if (method === "GET") pages.add(text);
        if (status >= 500) bad.push(`${method} as ${agent}: ${status}`);
      }
    if (pages.size !== 1) bad.push("the page differs from visitor to visitor");
    if (JSON.stringify(await visits()) !== JSON.stringify(before)) bad.push("a visit was written down");
    if ((await this.#isWhole(link)).state !== "pending") bad.push("the link was opened");
    return { cases: SCANNERS.length * 3, bad };
  }

  /** One secret through the whole flow, with a server that logs every statement; then every byte on disk is looked at. */
  async canary(mailbox: () => Promise<string>, passwordOf: (address: string) => Promise<string>): Promise<Verdict> {
    const secret = `cAn4ry~${randomUUID()}`;
    const recipient = "canary@cirrus.example";
    const { links } = await this.create(2, { secret, terms: { challenge: "code", recipient } });
    const [link, unopened] = links as [Link, Link];
    const [port] = this.ports;
    await this.ask(port, link.id, "status", { proof: link.proof });
    await this.ask(port, link.id, "code", { proof: link.proof });
    const code = await passwordOf(recipient);
    await this.reveal(link, port, { code: "WRNG-WRNG" });
    const revealed = await this.reveal(link, port, { code });
    const bad: string[] = [];
    if (this.secretIn(link, revealed) !== secret) bad.push("the canary did not arrive");
    const error = `AADSTS7000215: Invalid client secret provided. ${secret}`;
    await this.ask(port, link.id, "said", { proof: link.proof, word: "failing", error });
    // The notices that follow are written by the queue; they are part of what is searched.
    await this.#settled();
    await this.query("CHECKPOINT");
    const forbidden = [
      ...disguises("the secret", Buffer.from(secret)),
      ...links.flatMap(({ key, proof }) => [...disguises("a link's key", key), ...disguises("a proof", Buffer.from(proof, "base64url"))]),
      ...disguises("a code", Buffer.from(code)),
      ...disguises("a code, in one word", Buffer.from(code.replace("-", ""))),
    ];
    const inMail = disguises("the secret", Buffer.from(secret)).concat(disguises("a proof", Buffer.from(link.proof, "base64url")));
    const look = (place: string, content: Buffer, needles: [string, Buffer][]) => {
      for (const [name, needle] of needles) if (content.includes(needle)) bad.push(`${name} is in ${place}`);
    };
    // What must be there is looked for too: a search that finds nothing at all proves nothing.
    const control = Buffer.from(link.id.replaceAll("-", ""), "hex");
    let isControlFound = false;
    for (const folder of [this.postgres.folder, this.stack.portalEnv.DATA_DIR!])
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())) {
        const file = path.join(entry.parentPath, entry.name);
        const content = readFileSync(file);
        isControlFound ||= content.includes(control);
        look(path.relative(folder, file), content, forbidden);
      }
    if (!isControlFound) bad.push("not even the handoff's id is in a file: the search proves nothing");
    // What PostgreSQL compresses is readable here only.
    const dump = await this.#dumped();
    if (!dump.includes(link.id)) bad.push("the dump does not hold the handoff: the search proves nothing");
    look("a dump of every table", dump, forbidden);
    const logged = this.postgres.log();
    if (!logged.includes("HandoffCipher")) bad.push("PostgreSQL logged no statement: the search proves nothing");
    look("PostgreSQL's log of every statement", Buffer.from(logged), forbidden);
    look("the portals' logs", Buffer.from(this.logs()), forbidden);
    look("the mailbox", Buffer.from(await mailbox()), inMail);
    if ((await this.#isWhole(unopened)).state !== "pending") bad.push("the other link is not pending");
    return { cases: 5, bad };
  }
  /** Every row of every table, as text and with its bytes as they are. */
  async #dumped(): Promise<Buffer> {
    const tables = await this.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('public', 'pgboss')`,
    );
    const rows = (await Promise.all(tables.map(({ name }) => this.query(`SELECT * FROM ${name}`)))).flat();
    const values = rows.flatMap((row) => Object.values(row));
    return Buffer.concat(values.map((value) => (Buffer.isBuffer(value) ? value : Buffer.from(`\n${JSON.stringify(value)}`))));
  }
  async #settled() {
    for (;;) {
      const [row] = await this.query<{ open: number }>(
        `SELECT count(*)::int AS open FROM pgboss.job WHERE "name" IN ('notice', 'mail') AND "state" IN ('created', 'retry', 'active')`,
      );
      if (row?.open === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Unknown, wrong and malformed: what differs between their answers, and by how much their medians do. */
  async strangers(pairs: number): Promise<{ differences: string[]; medianGapMs: number }> {
    const { links } = await this.create(1);
    const wrong = Buffer.alloc(32, 1).toString("base64url");
    const kinds: [string, unknown][] = [
      [randomUUID(), { proof: wrong }],
      [links[0]!.id, { proof: wrong }],
      ["not-an-id", { proof: 7 }],
    ];
    const seen = kinds.map(() => new Set<string>());
    const times: number[][] = kinds.map(() => []);
    for (let pair = 0; pair < pairs; pair++)
      for (const [index, [id, body]] of kinds.entries()) {
        const { status, headers, text, ms } = await this.ask(this.ports[0], id, "status", body);
        const { date: _, "retry-after": __, ...rest } = headers;
        seen[index]!.add(JSON.stringify([status, text.replace(/"retryAt":"[^"]+"/, ""), rest]));
        times[index]!.push(ms);
      }
    const [first, ...others] = seen.map((each) => [...each].sort().join("\n"));
    const medians = times.map((each) => each.toSorted((a, b) => a - b)[Math.floor(each.length / 2)]!);
    return { differences: others.filter((each) => each !== first), medianGapMs: Math.max(...medians) - Math.min(...medians) };
  }

  /** Reveals so many links, so many at a time, half at each portal. */
  async load(
    links: Link[],
    atATime: number,
    ports: readonly number[] = this.ports,
  ): Promise<{ perSecond: number; p50: number; p95: number; p99: number; errors: number }> {
    const times: number[] = [];
    let errors = 0;
    const left = [...links];
    const started = performance.now();
    await Promise.all(
      Array.from({ length: atATime }, async (_, worker) => {
        for (let link = left.pop(); link; link = left.pop()) {
          const { status, ms } = await this.reveal(link, ports[worker % ports.length]);
          if (status !== 200) errors += 1;
          times.push(ms);
        }
      }),
    );
    const seconds = (performance.now() - started) / 1000;
    times.sort((a, b) => a - b);
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
    return { perSecond: links.length / seconds, p50: at(0.5), p95: at(0.95), p99: at(0.99), errors };
  }

  async stop() {
    this.#agent.destroy();
    await this.#second.stop();
  }
}

/** Mail gateways, chats and search engines that fetch links. */
const SCANNERS = [
  ...[
    "Mozilla/5.0 (compatible; Microsoft Defender for Office 365 Safe Links)",
    "BarracudaCentral",
    "Mimecast-URL-Protect",
    "Proofpoint-URL-Defense",
  ],
  ...["Mozilla/5.0 (compatible; FireEye)", "Cisco-IronPort", "Sophos-Email-Scanner", "TrendMicro-WRS", "Symantec-ClickTime", "ZScaler"],
  ...[
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slack-ImgProxy",
    "SkypeUriPreview",
    "Mozilla/5.0 Teams/1.6 SkypeSpaces",
  ],
  ...[
    "WhatsApp/2.23.20.0",
    "TelegramBot (like TwitterBot)",
    "Twitterbot/1.0",
    "facebookexternalhit/1.1",
    "LinkedInBot/1.0",
    "Discordbot/2.0",
  ],
  ...["Googlebot/2.1", "bingbot/2.0", "YandexBot/3.0", "Baiduspider/2.0", "DuckDuckBot/1.1", "Applebot/0.1", "AhrefsBot/7.0"],
  ...["GoogleImageProxy", "YahooMailProxy", "Outlook-iOS/2.0", "Apple-Mail-Privacy", "curl/8.0", "Wget/1.21", "python-requests/2.31"],
];

/** Two portals on a PostgreSQL of their own, which logs every statement when asked. */
export async function withHandoffs<T>(work: (stage: HandoffStage) => Promise<T>, { logsAll = false } = {}): Promise<T> {
  await build();
  const folder = mkdtempSync(path.join(tmpdir(), "vestibule-"));
  chmodSync(folder, 0o755);
  const postgres = await startPostgres(path.join(folder, "postgres"), logsAll ? ["-c", "log_statement=all"] : []);
  const databaseUrl = await postgres.createDatabase("handoffs");
  const ports = { portal: await freePort(), sandbox: await freePort(), mail: await freePort() };
  const stack = await startStack(ports, {
    dataDir: path.join(folder, "data"),
    databaseUrl,
    keys: newKeyRing(),
    portalSecret: "drill-secret",
  });
  const secondPort = await freePort();
  const second = await startPortal({ ...stack.portalEnv, PORT: String(secondPort) });
  const stage = new HandoffStage(stack, postgres, databaseUrl, second, secondPort);
  try {
    return await work(stage);
  } finally {
    await stage.stop();
    await stack.stop();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
