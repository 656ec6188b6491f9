// For a database that was restored from a backup, before it serves: links that were opened since the backup was made would
// open a second time. Ends every pending handoff; their admins issue new credentials.
import { revokeAll } from "../lib/handoff/handoff.ts";

const ended = await revokeAll("The database was restored from a backup", new Date());
console.log(`${ended} pending ${ended === 1 ? "handoff is" : "handoffs are"} ended. The portal may be started.`);
// The embedded database would keep the process alive.
process.exit(0);
