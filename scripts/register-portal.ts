// Makes the portal's own registration in its tenant, or repairs it: `npm run register-portal [-- --new-secret] [-- --dry-run]`.
// Whoever signs in has to be allowed to make applications. Run twice, the second time changes nothing.
import { config } from "../lib/config.ts";
import { addSecret, create, differences, read, repair, scopeIdsOf } from "../lib/operator/registration.ts";
import { signInToGraph } from "./graph-sign-in.ts";

// Before the registration exists, its id and secret cannot be known.
process.env.AZURE_CLIENT_ID ||= "00000000-0000-0000-0000-000000000000";
process.env.AZURE_CLIENT_SECRET ||= "none yet";
const isDry = process.argv.includes("--dry-run");
try {
  config();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
const { AZURE_CLIENT_ID, BASE_URL } = config();
const graph = await signInToGraph(["Application.ReadWrite.All"]);
const existing = await read(graph, AZURE_CLIENT_ID);
if (!existing && isDry) {
  console.log(`There is no application ${AZURE_CLIENT_ID} in this tenant: one would be made.`);
  process.exit(0);
}
const application =
  existing ?? (await create(graph, "Vestibule", `vestibule-portal-${new URL(BASE_URL).host.replaceAll(/[^a-z0-9]/gi, "-")}`));
console.log(`${existing ? "Found" : "Made"} ${application.displayName}, application ID ${application.appId}.`);
const found = differences(application, BASE_URL, await scopeIdsOf(graph));
for (const what of isDry ? found.filter(({ change }) => change).map((each) => each.what) : await repair(graph, application, found))
  console.log(`  ${isDry ? "would mend" : "mended"}: ${what}`);
for (const { what, fix } of found.filter(({ change }) => !change)) console.log(`  left to you: ${what}. ${fix}`);
if (found.length === 0) console.log("  Everything is as it has to be.");
if (!isDry && (!existing || process.argv.includes("--new-secret"))) {
  const { value, endsAt } = await addSecret(graph, application, new Date());
  console.log(`\nPut these into the portal's settings. The secret is shown only now; it ends on ${endsAt.slice(0, 10)}.\n`);
  console.log(`AZURE_CLIENT_ID=${application.appId}\nAZURE_CLIENT_SECRET=${value}`);
}
process.exit(0);
