// The drills alone: killed and cut off at every Graph call, and a short soak; the last line counts them.
import { drills, report } from "./suites.ts";

process.exit(report(await drills()));
