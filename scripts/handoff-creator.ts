// Makes handoffs through the portal's own module, as many at a time as asked, and prints one line of JSON for each that is
// ready: the load of `npm run bench -- --only handoff`, and what the handoff drills reveal. Its environment is the portal's.
import { randomBytes, randomUUID } from "node:crypto";
import { db } from "../lib/db.ts";
import * as handoff from "../lib/handoff/handoff.ts";
import { anOnboarding } from "./test-database.ts";

const [count = "1", atATime = "1", terms = "{}", secret = randomUUID()] = process.argv.slice(2);
const now = new Date();
const admin = { kind: "portal" } as const;
const given = { challenge: "none", recipient: "", signInTenantId: "", hours: 72, removes: false, ...JSON.parse(terms) } as handoff.Terms;

/** What a run does with values that Graph gave it: a handoff, and the values sealed into it. */
async function sealed(onboardingId: string) {
  const holdKey = randomBytes(32);
  const payload: handoff.Payload = {
    displayName: "Cirrus Server",
    applicationId: randomUUID(),
    secretValue: secret,
    secretEndsAt: now.toISOString(),
    tenantName: "Contoso",
    tenantId: randomUUID(),
  };
  const id = await db().$transaction(async (tx) => {
    const created = await handoff.create(tx, admin, { onboardingId, holdKey, expiresAt: new Date(now.getTime() + 3_600_000) }, now);
    await handoff.add(tx, created, holdKey, "server", payload);
    return created;
  });
  return { onboardingId, id, holdKey };
}

/** Does `work` with every item, as many at a time as asked. */
async function each<T, R>(items: T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = [...items];
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) results.push(await work(item));
  };
  await Promise.all(Array.from({ length: Number(atATime) }, worker));
  return results;
}

const onboardings = await each(
  Array.from({ length: Number(count) }, () => 0),
  () => anOnboarding(db(), now, "Contoso", "cirrus-connect"),
);
const started = performance.now();
const made = await each(onboardings, sealed);
const seconds = (performance.now() - started) / 1000;
const links = await each(made, async ({ onboardingId, id, holdKey }) => {
  const taken = await handoff.takeLink(id, holdKey, given, now);
  if (!taken.ok) throw new Error(taken.refusal.message);
  return { onboardingId, link: taken.value.link };
});
console.log(JSON.stringify({ seconds, made: links }));
await db().$disconnect();
