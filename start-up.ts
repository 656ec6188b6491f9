/** What the server does once when it starts; see instrumentation.ts. */
import * as catalogue from "./lib/catalogue/catalogue.ts";
import { config } from "./lib/config.ts";
import * as handoff from "./lib/handoff/handoff.ts";

try {
  config();
  catalogue.listProducts();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

const SWEEP_MS = 60_000;
const sweep = () =>
  handoff
    .sweep(new Date())
    .catch((error: unknown) => console.error("Sweeping expired handoffs failed:", error instanceof Error ? error.message : error));
setInterval(() => void sweep(), SWEEP_MS).unref();
