// Style, types, and the unit and integration tests; the last line counts them.
import { check, report } from "./suites.ts";

process.exit(report(await check()));
