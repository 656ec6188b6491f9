// The journeys in a browser, against the production build on a real PostgreSQL. Arguments go to Playwright.
import { e2e, report } from "./suites.ts";

process.exit(report(await e2e(process.argv.slice(2))));
