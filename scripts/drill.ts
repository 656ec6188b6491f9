// The drills alone: killed and cut off at every Graph call, a short soak, and handoffs under a crowd; the last line counts them.
import { drills, handoffDrills, report } from "./suites.ts";

process.exit(report([...(await drills()), ...(await handoffDrills())]));
