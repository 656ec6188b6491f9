// Proves the audit trail of the configured database; exit code 1 and the first broken record otherwise.
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { verify } from "../lib/audit/audit.ts";
import { publicKeys } from "../lib/audit/checkpoint.ts";
import { databaseAdapter } from "../lib/db.ts";
import { PrismaClient } from "../prisma/client/client.ts";

/** The portal's own, where its settings are known here; else whoever signed is not judged. */
function trustedKeys(): string[] | undefined {
  try {
    return publicKeys();
  } catch {
    console.log("The portal's settings are not known here: that checkpoints were signed by its own key is not checked.");
    return undefined;
  }
}
const url = process.env.DATABASE_URL || undefined;
const folder = process.env.DATA_DIR || ".data";
if (!url && !existsSync(path.join(folder, "database"))) {
  console.log(`There is no database in ${folder} yet, and DATABASE_URL names none: nothing to prove.`);
  process.exit(0);
}
// The embedded database belongs to the portal's process while it runs; a copy can be opened beside it.
const copy = mkdtempSync(path.join(tmpdir(), "vestibule-verify-"));
if (!url) {
  cpSync(path.join(folder, "database"), path.join(copy, "database"), { recursive: true });
  rmSync(path.join(copy, "database", "postmaster.pid"), { force: true });
}
const verdict = await verify(new PrismaClient({ adapter: databaseAdapter({ url, folder: copy }) }), trustedKeys());
rmSync(copy, { recursive: true, force: true });
console.log(
  verdict.ok
    ? `The audit trail is whole: ${verdict.records} records of ${verdict.onboardings} onboardings, ${verdict.checkpoints} signed checkpoints.`
    : `The audit trail is BROKEN: ${[
        "checkpoint" in verdict ? `checkpoint ${verdict.checkpoint}` : "",
        verdict.onboardingId ? `onboarding ${verdict.onboardingId}, record ${verdict.seq}` : "",
      ]
        .filter(Boolean)
        .join(", ")}: ${verdict.reason}.`,
);
process.exit(verdict.ok ? 0 : 1);
