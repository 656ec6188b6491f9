// The portal on real configuration (docs/operator.md): builds what has changed, migrates the database, serves.
import { config } from "../lib/config.ts";
import { build } from "./production.ts";
import { migrate, startPortal } from "./servers.ts";

try {
  config();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
await build();
migrate({});
const portal = await startPortal({ PORT: String(config().PORT) }, false);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void portal.stop().then(() => process.exit(0)));
portal.process.once("exit", (code) => process.exit(code ?? 1));
