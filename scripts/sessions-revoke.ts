// Signs people out, everywhere and at once: everybody (`--all`), or everybody of one tenant (`--tenant <id>`).
import { parseArgs } from "node:util";
import { revokeSessions } from "../lib/auth/auth.ts";
import { isUuid } from "../lib/db.ts";

const { values } = parseArgs({ options: { all: { type: "boolean" }, tenant: { type: "string" } }, strict: false });
const tenant = typeof values.tenant === "string" ? values.tenant.toLowerCase() : undefined;
if (values.all === Boolean(tenant) || (tenant && !isUuid(tenant))) {
  console.error("Say whose sessions end: --all, or --tenant with the tenant's ID.");
  process.exit(2);
}
const ended = await revokeSessions(tenant);
console.log(`${ended} ${ended === 1 ? "session is" : "sessions are"} over.`);
// The embedded database would keep the process alive.
process.exit(0);
