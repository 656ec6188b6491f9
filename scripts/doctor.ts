// Whether this installation is fit to serve: `npm run doctor [-- --sign-in] [-- --json]`. Exit code 1 when something has to be mended.
import { config } from "../lib/config.ts";
import { examine } from "../lib/operator/doctor.ts";
import { signInToGraph } from "./graph-sign-in.ts";

try {
  config();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
const { BASE_URL, DATABASE_URL } = config();
const isServing = await fetch(BASE_URL).then(
  () => true,
  () => false,
);
const graph = process.argv.includes("--sign-in") ? await signInToGraph(["Application.Read.All"]) : null;
const findings = await examine(graph, DATABASE_URL !== undefined || !isServing);
const MARK = { ok: "✔", warn: "!", fail: "✘", skipped: "–" };
if (process.argv.includes("--json")) console.log(JSON.stringify(findings, null, 2));
else for (const { title, state, detail, fix } of findings) console.log(`${MARK[state]} ${title}: ${detail}${fix ? `\n    ${fix}` : ""}`);
const failed = findings.filter(({ state }) => state === "fail").length;
if (!process.argv.includes("--json")) console.log(failed > 0 ? `\n${failed} to mend.` : "\nFit to serve.");
// The embedded database would keep the process alive.
process.exit(failed > 0 ? 1 : 0);
