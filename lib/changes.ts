/**
 * How an open page learns that something changed, whichever process changed it. A process that wrote to an onboarding says so
 * through the database (LISTEN/NOTIFY); whoever follows that onboarding then looks. Word that arrives is only a reason to
 * look: where it does not arrive (a pooler in between, a back end that has none, a connection that was lost), pages look
 * twice a second, as they do anyway every few seconds.
 */
import pg from "pg";
import { config } from "./config.ts";
import { afterCommit, db, type Transaction } from "./db.ts";
import { log } from "./log.ts";

const CHANNEL = "vestibule_moved";
/** A change is rarely alone: what moves within this time is told at once. */
const GATHER_MS = 20;
/** A notification carries less than 8,000 bytes (PostgreSQL, NOTIFY). */
const TOPICS_AT_ONCE = 100;
const PING_MS = 10_000;
const PONG_MS = 2000;

type Follower = () => void;
class Switchboard {
  readonly #followers = new Map<string, Set<Follower>>();
  readonly #moved = new Set<string>();
  /** What this process asks itself; no other takes it for an onboarding. */
  readonly #ping = `?${crypto.randomUUID()}`;
  #sending: ReturnType<typeof setTimeout> | undefined;
  #listening: Promise<void> | undefined;
  #answeredAt = 0;
  /** When the last word arrived, in ms since 1970. */
  heardAt = 0;

  /** Whether word of changes reaches this process at present. */
  get isTold(): boolean {
    return !config().DATABASE_URL || Date.now() - this.#answeredAt < PING_MS + PONG_MS;
  }

  #tells = () => ["postgres", "citus"].includes(config().DATABASE_BACKEND);

  say(topics: readonly string[]): void {
    for (const topic of topics) this.#moved.add(topic);
    this.#sending ??= setTimeout(() => {
      this.#sending = undefined;
      const all = [...this.#moved];
      this.#moved.clear();
      if (!config().DATABASE_URL) return this.#hear(all);
      for (let from = 0; from < all.length; from += TOPICS_AT_ONCE) this.#notify(all.slice(from, from + TOPICS_AT_ONCE).join(","));
    }, GATHER_MS);
  }

  /** Not in the transaction that it tells of: those with a notification commit one after the other. */
  #notify(text: string): void {
    if (!this.#tells()) return;
    // Whoever does not hear of it looks by itself.
    db().$executeRaw`SELECT pg_notify(${CHANNEL}, ${text})`.catch(() => undefined);
  }

  #hear(topics: readonly string[]): void {
    this.heardAt = Date.now();
    for (const follower of new Set(topics.flatMap((topic) => [...(this.#followers.get(topic) ?? [])]))) follower();
  }

  follow(topics: readonly string[], follower: Follower): () => void {
    for (const topic of topics) this.#followers.set(topic, (this.#followers.get(topic) ?? new Set()).add(follower));
    this.#keepListening();
    return () => {
      for (const topic of topics) {
        const all = this.#followers.get(topic);
        all?.delete(follower);
        if (all?.size === 0) this.#followers.delete(topic);
      }
    };
  }

  #keepListening(): void {
    if (config().DATABASE_URL && this.#tells() && this.#followers.size > 0) this.#listening ??= this.#listen();
  }

  /** One connection of its own. It asks itself something now and then, since a connection that hears nothing looks like a quiet one. */
  async #listen(): Promise<void> {
    const client = new pg.Client({ connectionString: config().DATABASE_URL, keepAlive: true, application_name: "vestibule-changes" });
    let ping: ReturnType<typeof setInterval> | undefined;
    const over = () => {
      clearInterval(ping);
      this.#answeredAt = 0;
      this.#listening = undefined;
      client.end().catch(() => undefined);
      // From now on they look by themselves.
      for (const follower of [...this.#followers.values()].flatMap((all) => [...all])) follower();
      setTimeout(() => this.#keepListening(), PONG_MS).unref();
    };
    client.on("error", over);
    client.on("notification", ({ payload = "" }) => {
      if (payload === this.#ping) this.#answeredAt = Date.now();
      else if (!payload.startsWith("?")) this.#hear(payload.split(","));
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.#notify(this.#ping);
      ping = setInterval(() => this.#notify(this.#ping), PING_MS).unref();
    } catch (error) {
      log().failed("Open pages look for changes by themselves: the database cannot be listened to", error);
      over();
    }
  }
}

// Next bundles each route by itself; the process has one.
const processWide = globalThis as { vestibuleSwitchboard?: Switchboard };
const switchboard = () => {
  processWide.vestibuleSwitchboard ??= new Switchboard();
  return processWide.vestibuleSwitchboard;
};

/** What the staff of all vendors follows. */
export const ANY = "any";

/**
 * To be called by whoever changes an onboarding: tells those who follow it, and with `vendorId` its vendor's boards, when `tx`
 * is committed, or at once where there is none.
 */
export function moved(id: string, vendorId?: string, tx?: Transaction): void {
  const topics = vendorId ? [id, vendorId, ANY] : [id];
  if (tx) afterCommit(tx, () => switchboard().say(topics));
  else switchboard().say(topics);
}

const ALONE_MS = 500;
const TOLD_MS = 5000;
/** However much moves, a page looks no more often. */
const APART_MS = 250;
const STREAM_MS = 10 * 60_000;
const ASK_AGAIN_MS = 5000;

type Watched = {
  /** Ids of onboardings or of vendors, or `ANY`. */
  topics: readonly string[];
  /** What a page shows; an answer that was asked for before `since` (ms since 1970) may be too old. */
  version: (since: number) => Promise<string>;
  /** Whether the reader may still read. */
  isLet: () => Promise<boolean>;
};

/**
 * Server-sent events: one `change` whenever `version` gives something else than the page shows, which it names as `since`
 * in the address; after a reconnection the browser names what it heard last. Ends by itself, and when `isLet` does not hold
 * any more; browsers come back, and are asked who they are.
 */
export function changes(request: Request, { topics, version, isLet }: Watched): Response {
  const text = new TextEncoder();
  let leave: () => void = () => undefined;
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      const until = Date.now() + STREAM_MS;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let asked = Date.now();
      let lookedAt = 0;
      let isLooking = false;
      let isOver = false;
      const unfollow = switchboard().follow(topics, () => lookIn(Math.max(0, lookedAt + APART_MS - Date.now())));
      leave = () => {
        isOver = true;
        unfollow();
        clearTimeout(timer);
      };
      const stop = () => {
        leave();
        try {
          controller.close();
        } catch {
          // The browser went away first.
        }
      };
      request.signal.addEventListener("abort", stop);
      let last = request.headers.get("last-event-id") ?? new URL(request.url).searchParams.get("since");
      controller.enqueue(text.encode("retry: 1000\n\n"));
      const look = async () => {
        isLooking = true;
        lookedAt = Date.now();
        if (lookedAt - asked >= ASK_AGAIN_MS) {
          asked = lookedAt;
          if (!(await isLet())) return stop();
        }
        const { heardAt } = switchboard();
        const now = await version(heardAt);
        // The browser may have gone while the answer was on its way.
        if (isOver || request.signal.aborted || Date.now() > until) return stop();
        if (now !== last) controller.enqueue(text.encode(`event: change\nid: ${now}\ndata: ${now}\n\n`));
        last = now;
        isLooking = false;
        // What moved meanwhile may have been read or not.
        lookIn(switchboard().heardAt !== heardAt ? APART_MS : switchboard().isTold ? TOLD_MS : ALONE_MS);
      };
      const lookIn = (ms: number) => {
        if (isOver || isLooking) return;
        clearTimeout(timer);
        // A database that is away for a moment ends the stream; the browser comes back by itself.
        timer = setTimeout(() => void look().catch(stop), ms);
      };
      await look();
    },
    cancel: () => leave(),
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream", "x-accel-buffering": "no", "cache-control": "no-store" } });
}
