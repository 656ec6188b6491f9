import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { anOnboarding, useDatabase } from "../scripts/test-database";
import * as audit from "./audit/audit";
import { ANY, changes } from "./changes";
import { db } from "./db";

let database: Awaited<ReturnType<typeof useDatabase>>;
beforeAll(async () => {
  database = await useDatabase("changes");
});
afterAll(async () => {
  await db().$disconnect();
  await database.close();
});

const headOf = async (id: string) => String((await db().onboarding.findUniqueOrThrow({ where: { id } })).headSeq);
const noted = (id: string) =>
  db().$transaction((tx) => audit.record(tx, id, { kind: "portal" }, new Date(), { type: "invitation.revoked", detail: {} }));

/** Somebody's open page: how often it has looked, and what it was told. */
function page(about: string, version: (since: number) => Promise<string>, { query = "", headers = {}, isLet = async () => true } = {}) {
  let looks = 0;
  const watched = {
    topics: [about],
    isLet,
    version: (since: number) => {
      looks += 1;
      return version(since);
    },
  };
  const reader = changes(new Request(`http://localhost/events${query}`, { headers }), watched)
    .body!.pipeThrough(new TextDecoderStream())
    .getReader();
  const told: string[] = [];
  const reading = (async () => {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      told.push(...[...piece.value.matchAll(/data: (\S+)/g)].map(([, data]) => data!));
  })();
  return { looks: () => looks, told, reading, close: () => reader.cancel() };
}
/** The connection on which this process hears of what other processes did; null while there is none. */
const listener = async () => {
  const [row] = await database.query(
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'vestibule-changes' AND datname = current_database() AND state = 'idle' AND query LIKE 'LISTEN%'`,
  );
  return (row?.pid as number | undefined) ?? null;
};

test.each([
  ["a page that was rendered before the last change", "?since=1", {}],
  ["a browser that comes back after it", "?since=2", { "last-event-id": "1" }],
])("%s is told of it at once", async (_, query, headers) => {
  const open = page(ANY, async () => "2", { query, headers });
  await vi.waitFor(() => expect(open.told).toEqual(["2"]));
  await open.close();
});

test("a page that follows an onboarding is told as soon as a change is committed, and does not ask meanwhile", async () => {
  const [id, other] = [await anOnboarding(db(), new Date()), await anOnboarding(db(), new Date())];
  const open = page(id, () => headOf(id), { query: "?since=1" });
  await vi.waitFor(async () => expect(await listener()).not.toBeNull());
  // Everything that was said before has been heard when this arrives.
  await noted(id);
  await vi.waitFor(() => expect(open.told).toEqual(["2"]));
  const before = open.looks();
  await noted(other);
  await expect(
    db().$transaction(async (tx) => {
      await audit.record(tx, id, { kind: "portal" }, new Date(), { type: "invitation.revoked", detail: {} });
      throw new Error("rolled back");
    }),
  ).rejects.toThrow("rolled back");
  const board = page("v", () => headOf(other), { query: "?since=2" });
  const seesAll = page(ANY, () => headOf(other), { query: "?since=1" });
  await vi.waitFor(() => expect(seesAll.told).toEqual(["2"]));
  await noted(other);
  await vi.waitFor(() => expect(seesAll.told).toEqual(["2", "3"]));
  await vi.waitFor(() => expect(board.told, "the board of its vendor").toEqual(["3"]));
  expect(open.looks(), "another's change and one that was rolled back are no reason to look").toBe(before);
  await Promise.all([open.close(), board.close(), seesAll.close()]);
});

test("word from another process is heard", async () => {
  const id = await anOnboarding(db(), new Date());
  let version = "1";
  const open = page(id, async () => version, { query: "?since=1" });
  await vi.waitFor(async () => expect(await listener()).not.toBeNull());
  version = "2";
  await database.query(`SELECT pg_notify('vestibule_moved', '${randomUUID()},${id}')`);
  await vi.waitFor(() => expect(open.told).toEqual(["2"]));
  await open.close();
});

test("when the connection that hears is cut, pages look by themselves, and it is opened again", async () => {
  const id = await anOnboarding(db(), new Date());
  let version = "1";
  const open = page(id, async () => version, { query: "?since=1" });
  const first = await vi.waitFor(async () => {
    const pid = await listener();
    expect(pid).not.toBeNull();
    return pid!;
  });
  await database.query(`SELECT pg_terminate_backend(${first})`);
  version = "2";
  // Nobody says so.
  await vi.waitFor(() => expect(open.told).toEqual(["2"]), { timeout: 10_000 });
  await vi.waitFor(async () => expect([null, first]).not.toContain(await listener()), { timeout: 10_000 });
  await noted(id);
  await vi.waitFor(() => expect(open.looks()).toBeGreaterThan(1));
  await open.close();
});

test("a stream of events ends soon after its reader was signed out", async () => {
  let isSignedIn = true;
  const open = page(ANY, async () => "1", { query: "?since=1", isLet: async () => isSignedIn });
  isSignedIn = false;
  const ended = vi.fn();
  void open.reading.then(ended);
  await vi.waitFor(() => expect(ended).toHaveBeenCalled(), { timeout: 15_000 });
});
