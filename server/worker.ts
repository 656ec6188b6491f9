/** A process that does errands and serves nothing, beside portals that are started with ERRANDS=elsewhere. */
import * as catalogue from "../lib/catalogue/catalogue.ts";
import { config } from "../lib/config.ts";
import { log } from "../lib/log.ts";
import { settledRestore } from "../lib/operator/restored.ts";
import { startTracing } from "../lib/trace.ts";
import { startErrands } from "./errands.ts";

try {
  const { DATABASE_URL } = config();
  if (!DATABASE_URL)
    throw new Error("A worker needs DATABASE_URL: the embedded database belongs to one process, which does its errands itself.");
  catalogue.listProducts();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
process.on("unhandledRejection", (error) => log().failed("Unforeseen", error));
const stopTracing = await startTracing(config().OTEL_EXPORTER_OTLP_ENDPOINT);
await settledRestore();
try {
  await startErrands();
} catch (error) {
  // Whoever supervises it starts it again.
  log().failed("The worker could not start", error);
  process.exit(1);
}
console.log("Doing errands");
// What is under way is given back by the queue and done by another process, or by the next start.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stopTracing().finally(() => process.exit(0)));
