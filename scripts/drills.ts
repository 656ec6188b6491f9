// Emergency drills on the whole portal, over HTTP: killed at every Graph call, answers lost at every Graph call, and many
// onboardings under random faults. Each onboarding has a tenant of its own in the sandbox.
import pg from "pg";
import { newCertificate } from "../e2e/certificate.ts";
import * as audit from "../lib/audit/audit.ts";
import type { Progress } from "../lib/audit/status.ts";
import { databaseAdapter } from "../lib/db.ts";
import { PrismaClient } from "../prisma/client/client.ts";
import { type Running, rssMb, type Stack, startPortal } from "./servers.ts";
import { approvePlan, approveShown, handOver, invite, rolesWith, start, Visitor, type Wish } from "./visitor.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const FEATURES = ["active-directory", "outlook-calendar", "outlook-mail", "user-presence"];
const cirrus = (features: readonly string[], layout: Wish["layout"] = "single"): Wish => ({
  productId: "cirrus-connect",
  features,
  layout,
  offered: FEATURES,
});

const INSIGHT = ["calendar-scheduling", "calendar-sync", "email-sync"];
const LUCS = ["ac", "teams-aa", "cic", "gal-reader", "fe", "web-configurator", "cr", "ci"];

/** What the tenant has to hold for each registration in the end. */
type Expected = { roles: string[]; scopes: string[]; passwords: number; certificates?: number; consentType?: "Principal" };
const APPLICATION = ["Calendars.Read", "Group.Read.All", "Presence.ReadWrite.All", "User.Read.All"];
const MAIL = ["Mail.ReadWrite.Shared", "Mail.Send.Shared", "offline_access", "openid", "profile"];
export type Kind = {
  name: string;
  wish: Wish;
  before?: Wish;
  /** A registration that people made by hand before, and which registration of the plan it stands for. */
  adopts?: { registration: string; made: object };
  /** Fields of the checklist that name somebody of the tenant. */
  naming?: (account: string) => Wish["fields"];
  expected: Record<string, Expected>;
};
const { pem } = await newCertificate();
/** Every kind of registration that there is. */
export const KINDS: Kind[] = [
  {
    name: "one registration for everything",
    wish: cirrus(FEATURES),
    expected: { "Cirrus Server": { roles: APPLICATION, scopes: MAIL, passwords: 1 } },
  },
  {
    name: "delegated permissions only, no secret",
    wish: cirrus(["outlook-mail"]),
    expected: { "Cirrus Server": { roles: [], scopes: MAIL, passwords: 0 } },
  },
  {
    name: "application permissions only",
    wish: cirrus(["outlook-calendar"]),
    expected: { "Cirrus Server": { roles: ["Calendars.Read"], scopes: [], passwords: 1 } },
  },
  {
    name: "one registration for each feature",
    wish: cirrus(["outlook-calendar", "outlook-mail"], "per-feature"),
    expected: {
      "Cirrus Server – Outlook Calendar": { roles: ["Calendars.Read"], scopes: [], passwords: 1 },
      "Cirrus Server – Outlook mail": { roles: [], scopes: MAIL, passwords: 0 },
    },
  },
  {
    name: "a feature added to a registration that is there",
    before: cirrus(["outlook-calendar"]),
    wish: cirrus(FEATURES),
    expected: { "Cirrus Server": { roles: APPLICATION, scopes: MAIL, passwords: 2 } },
  },
  {
    name: "delegated permissions for one account",
    wish: cirrus(["outlook-mail"]),
    naming: (account) => [
      ["consent", "account"],
      ["variable.service-account", account],
    ],
    expected: { "Cirrus Server": { roles: [], scopes: MAIL, passwords: 0, consentType: "Principal" } },
  },
  {
    name: "a certificate in place of a secret",
    wish: {
      productId: "bright-pattern-emi",
      features: ["messenger"],
      offered: ["messenger"],
      fields: [
        ["variable.tenant-host", "acme.brightpattern.com"],
        ["credential", "certificate"],
        ["certificate", pem],
      ],
    },
    expected: {
      "Bright Pattern EMI Server": {
        roles: ["ChannelMessage.Read.All", "Chat.ReadWrite.All", "Presence.ReadWrite.All", "User.Read.All"],
        scopes: [
          ...["ChannelMessage.Send", "Chat.ManageDeletion.All", "Chat.ReadWrite", "ChatMessage.Send", "Directory.Read.All"],
          ...["Group.Read.All", "Presence.Read.All", "Subscription.Read.All", "User.Read.All"],
        ],
        passwords: 0,
        certificates: 1,
      },
    },
  },
  {
    name: "a registration that was there before",
    adopts: {
      registration: "connector",
      made: { displayName: "Old connector", secrets: 1, permissions: { application: ["User.Read.All"] } },
    },
    wish: {
      productId: "securends",
      features: ["office-365"],
      offered: ["office-365"],
      fields: [["variant.office-365", "application-only"]],
    },
    expected: { "Old connector": { roles: ["Directory.Read.All", "User.Read.All"], scopes: [], passwords: 2 } },
  },
];

/** Every product, with as much as it offers: what a run of it costs. */
export const PRODUCTS: Kind[] = [
  { name: "cirrus-connect", wish: cirrus(FEATURES), expected: {} },
  {
    name: "cirrus-insight",
    wish: { productId: "cirrus-insight", features: INSIGHT, offered: INSIGHT, fields: [["answer.mailbox-scope", "all"]] },
    naming: (account) => [["variable.test-account", account]],
    expected: {},
  },
  {
    name: "luware-lucs",
    wish: {
      ...{ productId: "luware-lucs", features: LUCS, offered: LUCS },
      fields: [
        ["answer.shared-calendars", "shared"],
        ["variable.frontend-url", "https://lucs.example/signin"],
      ],
    },
    naming: (account) => [["variable.recording-account", account]],
    expected: {},
  },
  {
    name: "bright-pattern-emi",
    wish: {
      ...{ productId: "bright-pattern-emi", features: ["messenger"], offered: ["messenger"] },
      fields: [["variable.tenant-host", "acme.brightpattern.com"]],
    },
    expected: {},
  },
  {
    name: "securends",
    wish: { productId: "securends", features: ["office-365"], offered: ["office-365"], fields: [["variant.office-365", "vendor-list"]] },
    expected: {},
  },
];

type TenantView = {
  id: string;
  users: { id: string; userPrincipalName: string }[];
  counts: { requests: number; calls: number; disturbed: number };
  applications: {
    displayName: string;
    appId: string;
    passwords: { displayName: string }[];
    keyCredentials: unknown[];
    servicePrincipals: { id: string; roles: string[]; grants: { consentType: string; scopes: string[] }[] }[];
  }[];
};

/** One onboarding under way: who does it, and where. */
export type Case = { domain: string; admin: Visitor; id: string; kind: Kind };

export class Drill {
  readonly #stack: Stack;
  readonly #client: pg.Pool;
  #portal: Running;
  #support: Visitor | undefined;
  #number = 0;
  constructor(stack: Stack, client: pg.Pool) {
    this.#stack = stack;
    this.#client = client;
    this.#portal = stack.portal;
  }

  get #place() {
    return { baseUrl: this.#stack.baseUrl, sandboxUrl: this.#stack.sandboxUrl };
  }
  async sandbox<T>(path: string, body?: unknown): Promise<T> {
    const answer = await fetch(
      `${this.#stack.sandboxUrl}/_sandbox/${path}`,
      body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) },
    );
    return (await answer.json()) as T;
  }
  tenant = (domain: string) => this.sandbox<TenantView>(`tenants/${domain}`);
  lag = (minMs: number, maxMs: number) => this.sandbox("lag", { minMs, maxMs });
  latency = (graphMs: number, stsMs: number) => this.sandbox("latency", { graphMs, stsMs });
  requests = (domain: string) =>
    this.sandbox<{ by: "user" | "application"; path: string; method: string; members: number; startedAt: number; endedAt: number }[]>(
      `requests?tenant=${domain}`,
    );

  async signedInSupport(): Promise<Visitor> {
    if (this.#support) return this.#support;
    const { users } = await this.tenant("cirrus.example");
    const support = new Visitor(this.#place);
    await support.signIn(users.find(({ userPrincipalName }) => userPrincipalName.startsWith("sam@"))!.id, false);
    this.#support = support;
    return support;
  }

  /** Somebody who is not signed in; with the link's cookie of an admin who opened it, when one is given. */
  stranger = (admin?: Visitor) =>
    new Visitor(
      this.#place,
      admin?.cookies().filter(({ name }) => name === "invitation"),
    );

  /** A tenant whose admin has approved a plan and not started it. */
  async approved(kind: Kind, name: string, onShown?: (domain: string) => Promise<void>): Promise<Case> {
    const domain = `${name}-${++this.#number}.example`;
    const { users } = await this.sandbox<{ users: { id: string; userPrincipalName: string }[] }>("tenants", { domain });
    const fields = [...(kind.wish.fields ?? []), ...(kind.naming?.(users[0]!.userPrincipalName) ?? [])];
    if (kind.adopts) {
      const { result } = await this.sandbox<{ result: string }>(`tenants/${domain}/applications`, kind.adopts.made);
      fields.push([`adopt.${kind.adopts.registration}`, result]);
    }
    const wish = { ...kind.wish, fields };
    const admin = new Visitor(this.#place);
    await admin.signIn(users[0]!.id, true);
    const support = await this.signedInSupport();
    if (kind.before) {
      const earlier = await invite(support, domain, kind.before);
      await approvePlan(admin, earlier, kind.before);
      const first = { domain, admin, id: earlier.id, kind };
      await start(admin, earlier.id);
      await this.ended(first);
    }
    const invitation = await invite(support, domain, wish);
    await approvePlan(admin, invitation, wish, onShown && (() => onShown(domain)));
    return { domain, admin, id: invitation.id, kind };
  }

  async progress(id: string): Promise<Progress> {
    const { rows } = await this.#client.query(`SELECT "state" FROM "Onboarding" WHERE "id" = $1`, [id]);
    return rows[0].state as Progress;
  }
  /** Waits until the run has ended. */
  async ended({ id }: Case, timeoutMs = 180_000): Promise<Progress> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const progress = await this.progress(id);
      if (progress.run?.finishedAt) return progress;
      if (Date.now() > until) throw new Error(`The run of ${id} did not end: ${JSON.stringify(progress.steps)}`);
      await pause(100);
    }
  }
  /** Goes on with a run as soon as nobody else is at it. */
  async resume(at: Case): Promise<Progress> {
    const before = (await this.progress(at.id)).run?.id;
    for (const until = Date.now() + 60_000; ; ) {
      const { text } = await start(at.admin, at.id);
      // The tenant looked different for a moment: the page shows the difference, and the admin approves again.
      if (text.includes("onboarding.no-plan")) await approveShown(at.admin, at.id).catch(() => undefined);
      const now = await this.progress(at.id);
      if (now.run && (now.run.id !== before || now.run.outcome === "done")) return this.ended(at);
      if (Date.now() > until) throw new Error(`The run of ${at.id} cannot be resumed: ${text.slice(0, 300)}`);
      await pause(500);
    }
  }

  /** What is wrong with the tenant in the end; nothing when all is as planned. */
  async tenantFaults({ domain, id, kind }: Case): Promise<string[]> {
    const { faults, check } = findings();
    const progress = await this.progress(id);
    check(progress.run?.outcome, "done", "outcome");
    if (progress.run?.outcome !== "done") faults.push(JSON.stringify(progress.run?.failure));
    const { applications } = await this.tenant(domain);
    check(applications.map(({ displayName }) => displayName).toSorted(), Object.keys(kind.expected).toSorted(), "applications");
    for (const application of applications) {
      const expected = kind.expected[application.displayName];
      const [principal, ...others] = application.servicePrincipals;
      check(others.length, 0, "further service principals");
      check(principal?.roles, expected?.roles, "application permissions");
      check(principal?.grants.flatMap(({ scopes }) => scopes) ?? [], expected?.scopes, "delegated permissions");
      check(application.passwords.length, expected?.passwords, "credentials");
      check(application.keyCredentials.length, expected?.certificates ?? 0, "certificates");
      const [grant] = principal?.grants ?? [];
      if (grant) check(grant.consentType, expected?.consentType ?? "AllPrincipals", "for whom it is granted");
    }
    return faults;
  }
  /** The same, and whether the handoff opens once and its credential works. */
  async faultsOf(at: Case): Promise<string[]> {
    const { domain, admin, id, kind } = at;
    const { faults, check } = findings();
    faults.push(...(await this.tenantFaults(at)));
    if (faults.length > 0) return faults;
    const { applications } = await this.tenant(domain);
    const revealed = await handOver(admin, this.#place, id).catch((error: Error) => error.message);
    if (typeof revealed === "string") return [revealed];
    for (const values of revealed.filter(({ secretValue }) => secretValue !== null)) {
      const { displayName } = applications.find(({ appId }) => appId === values.applicationId)!;
      check(await rolesWith(this.#place, values).catch(String), kind.expected[displayName]?.roles, "roles of the revealed credential");
    }
    return faults;
  }

  /** How many requests to Graph a run of this kind makes when nothing goes wrong. */
  async requestsOf(kind: Kind): Promise<number> {
    const at = await this.approved(kind, "dry");
    const { requests: before } = (await this.tenant(at.domain)).counts;
    await start(at.admin, at.id);
    await this.ended(at);
    const faults = await this.faultsOf(at);
    if (faults.length > 0) throw new Error(`${kind.name} without any fault: ${faults.join("; ")}`);
    return (await this.tenant(at.domain)).counts.requests - before;
  }

  /** Something happens at every request to Graph of every kind of registration, each in a tenant of its own. */
  async #everywhere(faults: readonly ((request: number) => object)[], log: (line: string) => void) {
    await this.lag(0, 0);
    const cases: (Case & { point: string })[] = [];
    for (const kind of KINDS) {
      const requests = await this.requestsOf(kind);
      log(`  ${kind.name}: ${requests} requests to Graph`);
      const points = Array.from({ length: requests }, (_, index) => index + 1).flatMap((request) =>
        faults.map((fault) => ({ request, fault })),
      );
      await inTurns(points, 6, async ({ request, fault }) => {
        const at = await this.approved(kind, "point");
        const { requests: before } = (await this.tenant(at.domain)).counts;
        const wanted = fault(before + request);
        await this.sandbox("faults", { tenant: at.domain, path: ".", times: 1, ...wanted });
        cases.push({ ...at, point: `${kind.name}, request ${request}, ${JSON.stringify(wanted)}` });
      });
    }
    return cases;
  }

  /** The portal is killed while every one of these runs waits at another request, before or after its effect. */
  async killedEverywhere(log: (line: string) => void): Promise<Verdict> {
    const cases = await this.#everywhere(
      [(request) => ({ hold: { request, when: "before" } }), (request) => ({ hold: { request, when: "after" } })],
      log,
    );
    for (const { admin, id } of cases) void start(admin, id).catch(() => undefined);
    const held = async () => (await this.sandbox<unknown[]>("held")).length;
    for (const until = Date.now() + 60_000; (await held()) < cases.length; await pause(200))
      if (Date.now() > until) throw new Error(`Only ${await held()} of ${cases.length} runs reached their point`);
    log(`  ${cases.length} runs stand at their points; the portal is killed`);
    this.#portal.process.kill("SIGKILL");
    this.#portal = await startPortal(this.#stack.portalEnv);
    return this.#judge(cases, 8);
  }

  /** The answer to one request is lost after it took effect; at every request of every kind. */
  async answersLostEverywhere(log: (line: string) => void): Promise<Verdict> {
    const cases = await this.#everywhere(
      [
        (request) => ({ hold: { request, when: "never" }, reset: "after" }),
        (request) => ({ hold: { request, when: "never" }, reset: "middle" }),
      ],
      log,
    );
    await inTurns(cases, 12, async ({ admin, id }) => void (await start(admin, id)));
    return this.#judge(cases, 12);
  }

  async #judge(cases: (Case & { point: string })[], width: number): Promise<Verdict> {
    const bad: string[] = [];
    await inTurns(cases, width, async (at) => {
      const faults = await this.resume(at)
        .then(() => this.faultsOf(at))
        .catch((error: Error) => [error.message]);
      if (faults.length > 0) bad.push(`${at.point}: ${faults.join("; ")}`);
    });
    return { cases: cases.length, bad };
  }

  /** Many onboardings while a share of all Graph calls goes wrong; each may be tried again once. */
  async soak(
    size: number,
    chaos: { seed: number; rate: number },
    log: (line: string) => void,
  ): Promise<Verdict & { disturbed: number; retried: number }> {
    await this.lag(0, 400);
    const bad: string[] = [];
    let retried = 0;
    const kinds = KINDS.filter(({ before }) => !before);
    const cases: Case[] = [];
    await inTurns(
      Array.from({ length: size }, (_, index) => index),
      6,
      async (index) => void cases.push(await this.approved(kinds[index % kinds.length]!, "soak")),
    );
    log(`  ${size} onboardings are approved; chaos begins`);
    await this.sandbox("chaos", chaos);
    await inTurns(cases, 16, async (at) => {
      try {
        let progress = await this.resume(at);
        if (progress.run?.outcome !== "done") {
          retried += 1;
          if (!progress.run?.failure?.action) bad.push(`${at.domain}: ended without saying what to do`);
          progress = await this.resume(at);
        }
        if (progress.run?.outcome !== "done") bad.push(`${at.domain}: ${JSON.stringify(progress.run?.failure)}`);
      } catch (error) {
        bad.push(`${at.domain}: ${(error as Error).message}`);
      }
    });
    await fetch(`${this.#stack.sandboxUrl}/_sandbox/faults`, { method: "DELETE" });
    let calls = 0;
    let disturbed = 0;
    await inTurns(cases, 12, async (at) => {
      const { counts } = await this.tenant(at.domain);
      calls += counts.calls;
      disturbed += counts.disturbed;
      const faults = await this.faultsOf(at).catch((error: Error) => [error.message]);
      if (faults.length > 0) bad.push(`${at.domain} (${at.kind.name}): ${faults.join("; ")}`);
    });
    return { cases: size, bad, disturbed: disturbed / calls, retried };
  }

  /** The whole trail, as `npm run audit:verify` proves it. */
  async auditFaults(): Promise<string[]> {
    const client = new PrismaClient({ adapter: databaseAdapter({ url: this.#stack.portalEnv.DATABASE_URL, folder: "" }) });
    const verdict = await audit.verify(client);
    await client.$disconnect();
    return verdict.ok ? [] : [`onboarding ${verdict.onboardingId}, record ${verdict.seq}: ${verdict.reason}`];
  }

  /** What a run costs when nothing goes wrong: its requests from Approve on, the longest chain of them, and its time until the read-back. */
  async cost(latencyMs: number, kind: Kind = PRODUCTS[0]!): Promise<Cost> {
    await this.lag(0, 0);
    let before = 0;
    const at = await this.approved(kind, "cost", async (domain) => {
      await this.latency(latencyMs, 0);
      before = (await this.requests(domain)).length;
    });
    const began = Date.now();
    await start(at.admin, at.id);
    const progress = await this.ended(at);
    await this.latency(0, 0);
    if (progress.run?.outcome !== "done") throw new Error(JSON.stringify(progress.run?.failure));
    // What the new application itself asks for afterwards proves the credential, not the tenant.
    const requests = (await this.requests(at.domain)).slice(before).filter(({ by }) => by === "user");
    const readBack = Math.max(...requests.map(({ endedAt }) => endedAt));
    return {
      requests: requests.length,
      calls: requests.reduce((sum, { members }) => sum + members, 0),
      sequential: longestChain(requests),
      wallMs: readBack - began,
      toFirstMs: Math.min(...requests.map(({ startedAt }) => startedAt)) - began,
      betweenMs: between(requests),
      path: requests.map(({ method, path, members }) => `${method} ${path}${members > 1 ? ` (${members})` : ""}`),
    };
  }

  /** A portal that is stopped and started: until it answers, and what it holds after a while without a visitor. */
  async restarted(idleMs: number): Promise<{ firstPageMs: number; rssMb: number }> {
    await this.#portal.stop();
    const began = performance.now();
    this.#portal = await startPortal(this.#stack.portalEnv);
    const firstPageMs = performance.now() - began;
    await pause(idleMs);
    return { firstPageMs, rssMb: rssMb(this.#portal.process.pid!) };
  }

  query = async <T extends object>(sql: string): Promise<T[]> => (await this.#client.query<T>(sql)).rows;
  close = () => this.#client.end();
  stop = async () => {
    await this.#portal.stop();
    await this.close();
  };
}

function findings() {
  const faults: string[] = [];
  const check = (is: unknown, wanted: unknown, what: string) => {
    if (JSON.stringify(is) !== JSON.stringify(wanted)) faults.push(`${what}: ${JSON.stringify(is)} instead of ${JSON.stringify(wanted)}`);
  };
  return { faults, check };
}

export type Verdict = { cases: number; bad: string[] };
export type Cost = {
  requests: number;
  calls: number;
  sequential: number;
  wallMs: number;
  toFirstMs: number;
  betweenMs: number;
  path: string[];
};

/** The most requests of which each begins after the one before it has ended. */
export function longestChain(requests: readonly { startedAt: number; endedAt: number }[]): number {
  let length = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const { startedAt, endedAt } of requests.toSorted((a, b) => a.endedAt - b.endedAt))
    if (startedAt >= end) {
      length += 1;
      end = endedAt;
    }
  return length;
}

/** How long no request to Graph was under way, for each of the pauses: what the portal does between them. */
function between(requests: readonly { startedAt: number; endedAt: number }[]): number {
  let idle = 0;
  let pauses = 0;
  let end = Number.POSITIVE_INFINITY;
  for (const { startedAt, endedAt } of requests.toSorted((a, b) => a.startedAt - b.startedAt)) {
    if (startedAt > end) {
      idle += startedAt - end;
      pauses += 1;
    }
    end = Number.isFinite(end) ? Math.max(end, endedAt) : endedAt;
  }
  return pauses === 0 ? 0 : idle / pauses;
}

/** So many at a time. */
async function inTurns<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: Math.min(width, queue.length) }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
}

export function newDrill(stack: Stack, databaseUrl: string): Drill {
  return new Drill(stack, new pg.Pool({ connectionString: databaseUrl, max: 4 }));
}
