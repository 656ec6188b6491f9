// Everything. The last line is `N passed, N failed`.
import { check, drills, e2e, handoffDrills, report } from "./suites.ts";

process.exit(report([...(await check()), ...(await e2e([])), ...(await drills()), ...(await handoffDrills())]));
