import { fromPglite, type JobResult, PgBoss } from "pg-boss";
import { config } from "./config.ts";
import { embedded } from "./db.ts";

/** Errands that may wait and be tried again. None of them ever carries a link, a code or a secret: a queue is a table. */
export type Errands = {
  notice: { onboardingId: string; what: string; detail: string };
  mail: { to: string; subject: string; lines: string[]; ics?: string };
  sweep: null;
  remind: null;
};

const processWide = globalThis as { vestibuleQueue?: Promise<PgBoss> };

async function open(): Promise<PgBoss> {
  const { DATABASE_URL, DATA_DIR } = config();
  const boss = DATABASE_URL
    ? new PgBoss({ connectionString: DATABASE_URL, max: 2, application_name: "vestibule-queue" })
    : new PgBoss({ db: fromPglite(embedded(DATA_DIR)), backend: "pglite" });
  boss.on("error", (error) => console.error("The queue:", error instanceof Error ? error.message : error));
  await boss.start();
  await boss.createQueue("mail", { retryLimit: 8, retryDelay: 30, retryBackoff: true });
  await boss.createQueue("notice", { retryLimit: 8, retryDelay: 30, retryBackoff: true });
  await boss.createQueue("sweep", { policy: "singleton" });
  await boss.createQueue("remind", { policy: "singleton" });
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

const AT_A_TIME = 2;
/** Does errands of this kind in this process; one that throws is tried again later, by itself. */
export async function work<Name extends keyof Errands>(name: Name, act: (errand: Errands[Name]) => Promise<unknown>): Promise<void> {
  const options = {
    pollingIntervalSeconds: name === "mail" || name === "notice" ? 1 : 10,
    batchSize: AT_A_TIME,
    perJobResults: true,
  } as const;
  await (await queue()).work<Errands[Name], unknown, typeof options>(name, options, async (jobs) => {
    const done: JobResult[] = [];
    for (const { id, data } of jobs)
      done.push(
        await act(data).then(
          () => ({ id, status: "completed" }) as const,
          (error: unknown) => ({ id, status: "failed", output: { message: error instanceof Error ? error.message : "failed" } }) as const,
        ),
      );
    return done;
  });
}

/** Has an errand done again and again, by one of however many processes there are. `cron` is in UTC. */
export async function schedule(name: "sweep" | "remind", cron: string): Promise<void> {
  await (await queue()).schedule(name, cron);
}
