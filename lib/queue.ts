import { fromPglite, fromPrisma, type JobResult, PgBoss } from "pg-boss";
import { config } from "./config.ts";
import { embedded, type Transaction } from "./db.ts";
import { log } from "./log.ts";
import { traced } from "./trace.ts";

/** Errands that may wait and be tried again. None of them ever carries a link, a code or a secret: a queue is a table. */
export type Errands = {
  notice: { onboardingId: string; what: string; detail: string };
  mail: {
    onboardingId: string;
    mail: {
      to: string;
      subject: string;
      lines: string[];
      ics?: string;
      language?: "en" | "de";
      brand: { readonly name: string; readonly accent?: string | undefined; readonly support?: string | undefined };
    };
  };
  /** An invitation whose mail was not taken: each attempt makes a link of its own. */
  invite: { onboardingId: string };
  /** `group`: the webhook. */
  webhook: { deliveryId: string; group: string };
  sweep: null;
  remind: null;
  nudge: null;
  tidy: null;
};
/** What may fail for a while: tried again with growing pauses, for two hours (mail) or a day (webhooks), then given up. */
const RETRIED = {
  mail: { retryLimit: 10, retryDelay: 8, retryBackoff: true },
  notice: { retryLimit: 10, retryDelay: 8, retryBackoff: true },
  invite: { retryLimit: 10, retryDelay: 8, retryBackoff: true },
  webhook: { retryLimit: 14, retryDelay: 5, retryBackoff: true, retryDelayMax: 4 * 3600 },
} as const;
type Retried = keyof typeof RETRIED;
/** Done by the clock, by one process at a time. `cron` is in UTC. */
const BY_THE_CLOCK = {
  sweep: "* * * * *",
  remind: "7 * * * *",
  nudge: "23 * * * *",
  tidy: "41 * * * *",
  checkpoint: "13 * * * *",
} as const;
export type ByTheClock = keyof typeof BY_THE_CLOCK;
/** Where what was given up goes, so that somebody is told. */
const lost = (name: Retried) => `${name}-lost` as const;

const processWide = globalThis as { vestibuleQueue?: Promise<PgBoss> };

async function open(): Promise<PgBoss> {
  const { DATABASE_URL, DATA_DIR, DATABASE_BACKEND, ERRANDS } = config();
  const boss = DATABASE_URL
    ? new PgBoss({
        connectionString: DATABASE_URL,
        backend: DATABASE_BACKEND,
        ...{ max: 2, application_name: "vestibule-queue", useListenNotify: ["postgres", "citus"].includes(DATABASE_BACKEND) },
        // Who does no errands keeps no clock either: one that is busy serving would keep it badly.
        ...(ERRANDS === "here" ? {} : { supervise: false, schedule: false }),
      })
    : new PgBoss({ db: fromPglite(embedded(DATA_DIR)), backend: "pglite", useListenNotify: true });
  boss.on("error", (error) => log().failed("The queue", error));
  await boss.start();
  for (const [name, retry] of Object.entries(RETRIED)) {
    await boss.createQueue(lost(name as Retried), { retryLimit: 3 });
    await boss.createQueue(name, { ...retry, notify: true, deadLetter: lost(name as Retried) });
    // Queues of an earlier edition are there already, with what was said of them then.
    await boss.updateQueue(name, { ...retry, notify: true, deadLetter: lost(name as Retried) });
  }
  for (const name of Object.keys(BY_THE_CLOCK)) await boss.createQueue(name, { policy: "singleton" });
  return boss;
}

const queue = () => {
  processWide.vestibuleQueue ??= open().catch((error: unknown) => {
    delete processWide.vestibuleQueue;
    throw error;
  });
  return processWide.vestibuleQueue;
};

const GATHERED_MS = 100;
const gathered = new Map<keyof Errands, object[]>();
/** Puts an errand in the queue; those of the same tenth of a second go in together. Throws when the database does not take it. */
export async function enqueue<Name extends keyof Errands>(name: Name, errand: NonNullable<Errands[Name]>): Promise<void> {
  const waiting = gathered.get(name);
  if (waiting) return void waiting.push({ data: errand });
  const jobs = [{ data: errand }];
  gathered.set(name, jobs);
  await new Promise((resolve) => setTimeout(resolve, GATHERED_MS));
  gathered.delete(name);
  await (await queue()).insert(name, jobs);
}

/** Puts errands in the queue with what else the transaction does: either both are there or neither. */
export async function enqueueWith<Name extends keyof Errands>(
  tx: Transaction,
  name: Name,
  errands: NonNullable<Errands[Name]>[],
): Promise<void> {
  if (errands.length === 0) return;
  await (await queue()).insert(
    name,
    errands.map((data) => ({ data, ...("group" in data ? { group: { id: data.group } } : {}) })),
    { db: fromPrisma(tx) },
  );
}

type Pace = {
  pollingIntervalSeconds: number;
  /** While the database says by itself when there is something (LISTEN/NOTIFY): what was put off is found at this pace. */
  notifyPollingIntervalSeconds?: number;
  batchSize: number;
  /** While there is more than was taken, the next is taken at once. */
  burstWhenBatchFull?: boolean;
  localConcurrency?: number;
  localGroupConcurrency?: number;
};
const BY_CLOCK: Pace = { pollingIntervalSeconds: 10, batchSize: 1 };
const SOON: Pace = { pollingIntervalSeconds: 2, notifyPollingIntervalSeconds: 8, batchSize: 4, burstWhenBatchFull: true };
const GIVEN_UP: Pace = { pollingIntervalSeconds: 20, batchSize: 4 };
/** A receiver that hangs holds up a part of what is sent at once, and no other receiver. */
const OUTWARD: Pace = { ...SOON, localConcurrency: 4, localGroupConcurrency: 2 };

async function take<Data>(name: string, pace: Pace, act: (data: Data) => Promise<unknown>): Promise<void> {
  const options = { ...pace, perJobResults: true } as const;
  await (await queue()).work<Data, unknown, typeof options>(name, options, async (jobs) =>
    Promise.all(
      jobs.map(
        ({ id, data }): Promise<JobResult> =>
          traced("errand", { kind: name }, () => act(data)).then(
            () => ({ id, status: "completed" }) as const,
            (error: unknown) => ({ id, status: "failed", output: { message: error instanceof Error ? error.message : "failed" } }) as const,
          ),
      ),
    ),
  );
}

/** Does errands of this kind in this process; one that throws is tried again later, by itself. `giveUp` hears of those that were tried for the last time. */
export async function work<Name extends Retried>(
  name: Name,
  act: (errand: NonNullable<Errands[Name]>) => Promise<unknown>,
  giveUp?: (errand: NonNullable<Errands[Name]>) => Promise<unknown>,
): Promise<void> {
  await take(name, name === "webhook" ? OUTWARD : SOON, act);
  if (giveUp) await take(lost(name), GIVEN_UP, giveUp);
}

/** Has an errand done again and again, by one of however many processes there are. */
export async function schedule(name: ByTheClock, act: () => Promise<unknown>): Promise<void> {
  await take(name, BY_CLOCK, act);
  await (await queue()).schedule(name, BY_THE_CLOCK[name]);
}
