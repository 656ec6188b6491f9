import { fromPglite, PgBoss } from "pg-boss";
import { config } from "./config.ts";
import { embedded } from "./db.ts";

/** Errands that may wait and be tried again. None of them ever carries a link, a code or a secret: a queue is a table. */
export type Errands = {
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

export async function enqueue<Name extends keyof Errands>(name: Name, errand: Errands[Name]): Promise<void> {
  await (await queue()).send(name, errand as object | null);
}

/** Does errands of this kind in this process, one at a time; one that throws is tried again later. */
export async function work<Name extends keyof Errands>(name: Name, act: (errand: Errands[Name]) => Promise<unknown>): Promise<void> {
  await (await queue()).work(name, { pollingIntervalSeconds: 2 }, async ([job]) => {
    if (job) await act(job.data as Errands[Name]);
  });
}

/** Has an errand done again and again, by one of however many processes there are. `cron` is in UTC. */
export async function schedule(name: "sweep" | "remind", cron: string): Promise<void> {
  await (await queue()).schedule(name, cron);
}
