// Everything on this machine: the portal on its embedded database, and a sandbox that plays Microsoft.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "./production.ts";
import { freePort, newKeyRing, startStack } from "./servers.ts";

const dataDir = process.env.DATA_DIR || ".data";
await build();

const sandboxPort = await freePort(Number(process.env.SANDBOX_PORT || 4400));
const ports = { portal: await freePort(Number(process.env.PORT || 3000)), sandbox: sandboxPort, mail: await freePort(sandboxPort + 1) };
mkdirSync(dataDir, { recursive: true });
const keyFile = path.join(dataDir, "keys");
if (!existsSync(keyFile)) writeFileSync(keyFile, newKeyRing(), { mode: 0o600 });
const stack = await startStack(ports, {
  dataDir,
  keys: readFileSync(keyFile, "utf8"),
  portalSecret: "demo-portal-secret",
  isQuiet: false,
  ...(process.env.DATABASE_URL ? { databaseUrl: process.env.DATABASE_URL } : {}),
}).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

console.log(`
Vestibule is ready. Nothing here touches a real tenant: a sandbox plays Microsoft.

  1. Support      ${stack.baseUrl}/desk
                  sign in as Sam Support, create an onboarding for contoso.com
  2. Mailbox      ${stack.sandboxUrl}/_mailbox
                  open the invitation that arrived
  3. Admin        sign in as Adele Vance (Global Administrator of contoso.com),
                  or as Chris Green to see what a Cloud Application Administrator may not do
  4. Contact      open the one-time link from the mailbox
  5. Approver     as Chris, ask priya@contoso.com (Privileged Role Administrator) for approval

  Switchboard     ${stack.sandboxUrl}/_sandbox
                  policies, Conditional Access, roles, lag and faults of the sandbox
  Accounts        ${stack.sandboxUrl}/    (no passwords: the sign-in page lists them)
  Stop            Ctrl+C. Data stays in ${dataDir}; the sandbox forgets its tenants.
`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stack.stop().then(() => process.exit(0)));
for (const { process: child } of [stack.portal, stack.sandbox]) child.once("exit", () => void stack.stop().then(() => process.exit(1)));
