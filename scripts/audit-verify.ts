// Proves the audit trail of the configured database; exit code 1 and the first broken record otherwise.

import { verify } from "../lib/audit/audit.ts";
import { databaseAdapter } from "../lib/db.ts";
import { PrismaClient } from "../prisma/client/client.ts";

const client = new PrismaClient({
  adapter: databaseAdapter({ url: process.env.DATABASE_URL || undefined, folder: process.env.DATA_DIR || ".data" }),
});
const verdict = await verify(client);
console.log(
  verdict.ok
    ? `The audit trail is whole: ${verdict.records} records of ${verdict.onboardings} onboardings.`
    : `The audit trail is BROKEN: onboarding ${verdict.onboardingId}, record ${verdict.seq}: ${verdict.reason}.`,
);
process.exit(verdict.ok ? 0 : 1);
