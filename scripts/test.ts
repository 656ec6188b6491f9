// Everything. The last line is `N passed, N failed`.
import { check, costs, drills, e2e, handoffDrills, report } from "./suites.ts";

process.exit(report([...(await check()), ...(await e2e([])), ...(await costs()), ...(await drills()), ...(await handoffDrills())]));
