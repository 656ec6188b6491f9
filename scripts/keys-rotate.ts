// After a new key was put first in VESTIBULE_KEYS, or a new version made in Key Vault: wraps anew what is still pending,
// and says which keys nothing needs any more. Portals with the new setting may be running meanwhile.
import { config } from "../lib/config.ts";
import { db } from "../lib/db.ts";
import { rewrap } from "../lib/handoff/handoff.ts";

const [current, ...older] = config().VESTIBULE_KEYS;
const changed = await rewrap();
// Sessions are sealed with the ring too; they last eight hours at most, so they are left to end by themselves.
const sessions = await db().session.findMany({ where: { expiresAt: { gt: new Date() } }, select: { sealed: true } });
const needed = new Set(sessions.map(({ sealed }) => Buffer.from(sealed).toString("latin1").split(":")[0]));
console.log(
  `${changed} pending ${changed === 1 ? "value is" : "values are"} wrapped anew with ${config().KEY_VAULT_KEY ?? `key "${current!.id}"`}.`,
);
for (const { id } of older)
  console.log(
    needed.has(id)
      ? `Key "${id}" still opens sessions: take it out of VESTIBULE_KEYS in eight hours, or now, and their people sign in again.`
      : `Nothing needs key "${id}" any more: take it out of VESTIBULE_KEYS.`,
  );
// The embedded database would keep the process alive.
process.exit(0);
