// Everything. The last line is `N passed, N failed`.
import { check, e2e, report } from "./suites.ts";

process.exit(report([...(await check()), ...(await e2e([]))]));
