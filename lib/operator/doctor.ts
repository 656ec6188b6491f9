/** Whether this installation is fit to serve: each check with what was found, and, where something is wrong, what mends it. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { appToken } from "../auth/auth.ts";
import { listProducts } from "../catalogue/catalogue.ts";
import { lint } from "../catalogue/lint.ts";
import { config } from "../config.ts";
import { db } from "../db.ts";
import { GraphError, type Tenant } from "../graph/graph.ts";
import { ringKeysInUse } from "../handoff/handoff.ts";
import * as notify from "../notify/notify.ts";
import { Secret } from "../secret.ts";
import { differences, read, scopeIdsOf } from "./registration.ts";

/** `fix` is there when `state` is not "ok". */
export type Finding = { id: string; title: string; state: "ok" | "warn" | "fail" | "skipped"; detail: string; fix?: string };
type Verdict = Omit<Finding, "id" | "title">;

const ok = (detail: string): Verdict => ({ state: "ok", detail });
const warn = (detail: string, fix: string): Verdict => ({ state: "warn", detail, fix });
const fail = (detail: string, fix: string): Verdict => ({ state: "fail", detail, fix });
/** The last line of what went wrong: the database's own words come after those of the client. */
const said = (error: unknown) => (error instanceof Error ? error.message : String(error)).trim().split("\n").at(-1)!;

async function database(): Promise<Verdict> {
  const startedAt = performance.now();
  const [row] = await db().$queryRaw<{ version: string }[]>`SELECT current_setting('server_version') AS version`;
  const took = Math.round(performance.now() - startedAt);
  if (!config().DATABASE_URL)
    return warn(
      `The embedded database (PostgreSQL ${row!.version}) in ${config().DATA_DIR}, for one process on one machine.`,
      "Set DATABASE_URL to a PostgreSQL before customers depend on it.",
    );
  return took > 100
    ? warn(`PostgreSQL ${row!.version} answers in ${took} ms.`, "Bring the database nearer: each page asks it several times.")
    : ok(`PostgreSQL ${row!.version} answers in ${took} ms.`);
}

async function migrations(): Promise<Verdict> {
  const wanted = readdirSync(path.resolve(/* turbopackIgnore: true */ process.cwd(), "prisma/migrations"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const rows = await db().$queryRaw<{ name: string }[]>`
    SELECT "migration_name" AS name FROM "_prisma_migrations" WHERE "finished_at" IS NOT NULL AND "rolled_back_at" IS NULL`;
  const applied = new Set(rows.map(({ name }) => name));
  const missing = wanted.filter((name) => !applied.has(name));
  const newer = [...applied].filter((name) => !wanted.includes(name));
  if (missing.length > 0) return fail(`Missing: ${missing.join(", ")}.`, "npm run migrate, or restart with npm start, which does it.");
  if (newer.length > 0)
    return warn(
      `The database is of a newer edition: ${newer.join(", ")}.`,
      "Run the edition that made it; older ones may not know what is there.",
    );
  return ok(`All ${wanted.length} are applied.`);
}

async function keys(): Promise<Verdict> {
  const ring = config().VESTIBULE_KEYS.map(({ id }) => id);
  const lost = (await ringKeysInUse()).filter((id) => !ring.includes(id));
  if (lost.length > 0)
    return fail(
      `Pending handoffs need ${lost.map((id) => `"${id}"`).join(", ")}, which VESTIBULE_KEYS does not have.`,
      "Put the key back; without it those values cannot be revealed, and their admins issue new ones.",
    );
  return ok(
    `"${ring[0]}" seals${ring.length > 1 ? `; ${ring.slice(1).join(", ")} still open` : ""}. Nothing needs a key that is not there.`,
  );
}

async function errands(): Promise<Verdict> {
  const fix = "Start a portal process (npm start): every one runs errands. Its log says when the queue cannot be reached.";
  const found = await db().$queryRaw<
    { at: Date | null }[]
  >`SELECT max("completed_on") AS at FROM pgboss.job WHERE "name" = 'sweep' AND "state" = 'completed'`.catch(() => null);
  const last = found?.[0]?.at;
  if (!last) return warn("No errand has run yet: mails in the queue, expiry, reminders.", fix);
  const minutes = Math.round((Date.now() - new Date(last).getTime()) / 60_000);
  return minutes > 5
    ? fail(`The last one ran ${minutes} minutes ago.`, fix)
    : ok(`The last one ran ${minutes === 0 ? "within the last minute" : `${minutes} min ago`}.`);
}

async function mail(): Promise<Verdict> {
  const reason = await notify.whyNotReachable();
  return reason
    ? fail(`The mail server does not answer as it should: ${reason}`, "Check SMTP_URL: host, port, user, password, and smtps:// for TLS.")
    : ok(`It answers. Mails come from ${config().MAIL_FROM}.`);
}

async function baseUrl(): Promise<Verdict> {
  const { BASE_URL } = config();
  const answer = await fetch(`${BASE_URL}/api/v1/openapi.json`, { signal: AbortSignal.timeout(8000) }).catch((error: unknown) =>
    said(error),
  );
  if (typeof answer === "string" || !answer.ok)
    return fail(
      `${BASE_URL} does not answer from here (${typeof answer === "string" ? answer : answer.status}).`,
      "Start the portal, and check DNS, proxy and certificate. If only this machine cannot reach its own public address, that is fine.",
    );
  return BASE_URL.startsWith("https:")
    ? ok(`${BASE_URL} answers.`)
    : warn(`${BASE_URL} answers, without TLS.`, "Only for trying out: customers need https.");
}

const MOST_SKEW_S = 60;
async function clock(): Promise<Verdict> {
  const { AZURE_AUTHORITY_HOST, AZURE_TENANT_ID } = config();
  const answer = await fetch(`${AZURE_AUTHORITY_HOST}/${AZURE_TENANT_ID}/v2.0/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(8000),
  });
  const date = answer.headers.get("date");
  if (!answer.ok)
    return fail(
      `${AZURE_AUTHORITY_HOST} does not know the tenant ${AZURE_TENANT_ID} (${answer.status}).`,
      "Check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST.",
    );
  if (!date) return warn("Microsoft's answer carried no date to compare with.", "Compare the machine's clock by hand.");
  const skew = Math.abs(Date.now() - new Date(date).getTime()) / 1000;
  return skew > MOST_SKEW_S
    ? fail(`The clock is ${Math.round(skew)} s off.`, "Synchronise it (NTP): tokens are refused, or taken too long.")
    : ok(`Within ${Math.max(1, Math.ceil(skew))} s of Microsoft's.`);
}

async function secret(): Promise<Verdict> {
  const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET } = config();
  const token = await appToken({ tenantId: AZURE_TENANT_ID, appId: AZURE_CLIENT_ID, secret: new Secret(AZURE_CLIENT_SECRET) });
  return token.ok
    ? ok("Microsoft takes the portal's own secret.")
    : fail(
        `Microsoft refuses the portal's own secret: ${token.refusal.message}`,
        "Check AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; npm run register-portal -- --new-secret makes another.",
      );
}

function catalogue(): Verdict {
  const products = listProducts();
  const vendors = new Set(products.map(({ vendor }) => vendor.id));
  const strangers = config()
    .VENDOR_TENANTS.filter(({ vendor }) => !vendors.has(vendor))
    .map(({ vendor }) => vendor);
  if (strangers.length > 0)
    return warn(
      `VENDOR_TENANTS names ${strangers.join(", ")}, which no product belongs to.`,
      `Vendors of the catalogue: ${[...vendors].join(", ")}.`,
    );
  const warnings = products.flatMap((product) => lint(product)).length;
  return warnings > 0
    ? warn(
        `${products.length} products, ${warnings} ${warnings === 1 ? "remark" : "remarks"}.`,
        "npm run catalogue:lint shows them with file and line.",
      )
    : ok(`${products.length} products of ${vendors.size} ${vendors.size === 1 ? "vendor" : "vendors"}, nothing to remark.`);
}

/** What asks the database. */
const OF_THE_DATABASE = ["database", "migrations", "keys", "errands"];
const NOT_OURS: Verdict = {
  state: "skipped",
  detail: "The embedded database belongs to the portal's process while it runs.",
  fix: "Look at /desk/doctor, as an operator, or stop the portal first.",
};

const CHECKS: readonly (readonly [id: string, title: string, check: () => Verdict | Promise<Verdict>, fix: string])[] = [
  ["database", "Database", database, "Check DATABASE_URL, and that the server runs and lets this machine in."],
  ["migrations", "Migrations", migrations, "npm run migrate"],
  ["keys", "Keys", keys, "Check VESTIBULE_KEYS."],
  ["errands", "Errands", errands, "Start a portal process (npm start)."],
  ["mail", "Mail", mail, "Check SMTP_URL."],
  ["base-url", "Address", baseUrl, "Check BASE_URL."],
  ["clock", "Clock, and the way to Microsoft", clock, "Let this machine reach AZURE_AUTHORITY_HOST over https; check proxy and firewall."],
  ["secret", "The portal's own secret", secret, "Check AZURE_CLIENT_ID and AZURE_CLIENT_SECRET."],
  ["catalogue", "Catalogue", catalogue, "npm run catalogue:lint"],
];

const NOT_LOOKED_AT: Finding = {
  id: "registration",
  title: "The portal's registration",
  state: "skipped",
  detail: "Not looked at: reading it needs somebody who may.",
  fix: "npm run doctor -- --sign-in, as somebody who may read applications in the portal's tenant.",
};

/**
 * Everything that can be checked from here; `graph`, with the rights of somebody who may read applications, for the portal's
 * registration. `hasDatabase`: whether this process may open it, which the embedded one lets only one do.
 */
export async function examine(graph: Tenant | null, hasDatabase: boolean): Promise<Finding[]> {
  const found = await Promise.all(
    CHECKS.map(async ([id, title, check, fix]): Promise<Finding> => {
      if (!hasDatabase && OF_THE_DATABASE.includes(id)) return { id, title, ...NOT_OURS };
      try {
        return { id, title, ...(await check()) };
      } catch (error) {
        return { id, title, ...fail(said(error), fix) };
      }
    }),
  );
  return [...found, ...(graph ? await registration(graph) : [NOT_LOOKED_AT])];
}

async function registration(graph: Tenant): Promise<Finding[]> {
  const { AZURE_CLIENT_ID, BASE_URL } = config();
  const title = "The portal's registration";
  const by = (verdict: Verdict): Finding[] => [{ id: "registration", title, ...verdict }];
  try {
    const application = await read(graph, AZURE_CLIENT_ID);
    if (!application)
      return by(
        fail(
          `The tenant of this sign-in has no application ${AZURE_CLIENT_ID}.`,
          "npm run register-portal makes one; then set AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.",
        ),
      );
    const all = differences(application, BASE_URL, await scopeIdsOf(graph));
    if (all.length === 0) return by(ok(`${application.displayName}: as it has to be.`));
    return all.map(({ what, fix, change }) => ({
      ...{ id: "registration", title, detail: `${what}.` },
      state: change ? ("fail" as const) : ("warn" as const),
      fix: change ? `npm run register-portal mends it. By hand: ${fix}` : fix,
    }));
  } catch (error) {
    if (error instanceof GraphError)
      return by(fail(`Microsoft Graph refused: ${error.message}`, "Sign in as somebody who may read applications."));
    throw error;
  }
}
