// A process that does errands for portals that are started with ERRANDS=elsewhere (docs/operator.md).
import { startWorker } from "./servers.ts";

const worker = startWorker({}, false);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void worker.stop().then(() => process.exit(0)));
worker.process.once("exit", (code) => process.exit(code ?? 1));
