import { z } from "zod";

const isLoopback = (url: string) =>
  ["localhost", "127.0.0.1", "[::1]"].includes(new URL(url).hostname) || new URL(url).hostname.endsWith(".localhost");
const origin = (example: string) =>
  z
    .url({ protocol: /^https?$/, error: `must be a URL such as ${example}` })
    .transform((url) => url.replace(/\/+$/, ""))
    .refine((url) => url.startsWith("https:") || isLoopback(url), "must be https (plain http only on loopback)");
const guid = z.guid("must be a GUID");
const optionalText = z
  .string()
  .optional()
  .transform((text) => text || undefined);

/** "id:base64url key of 32 bytes", several separated by commas; the first seals, all of them open. */
const keyRing = z.string().transform((text, context) => {
  const keys = text.split(",").map((part) => {
    const [id = "", encoded = ""] = part.trim().split(":");
    return { id, key: Buffer.from(encoded, "base64url") };
  });
  if (keys.some(({ id, key }) => !/^[\w-]{1,32}$/.test(id) || key.length !== 32))
    context.addIssue(
      "must be id:key, the key being 32 bytes as base64url; make one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d '='",
    );
  return keys;
});

const Env = z.object({
  /** Where people reach the portal; also the redirect URI's origin. */
  BASE_URL: origin("https://onboarding.example.com"),
  PORT: z.coerce.number().int().min(1).max(65535).default(3000),
  /** Where it listens: 0.0.0.0 in a container, with a proxy in front. */
  HOST: z.string().min(1).default("127.0.0.1"),
  /** Who does errands (mail, webhooks, expiry): this process, or `npm run worker` elsewhere. */
  ERRANDS: z.enum(["here", "elsewhere"]).default("here"),
  /** The tenant of whoever runs the portal: the portal's registration lives here, and its staff sees all vendors' products. */
  AZURE_TENANT_ID: guid,
  AZURE_CLIENT_ID: guid,
  /** Vendors whose staff signs in from a tenant of their own and sees their own products only: "vendor id=tenant id", by commas. */
  VENDOR_TENANTS: z
    .string()
    .default("")
    .transform((text, context) => {
      const pairs = text.split(",").flatMap((part) => (part.trim() ? [part.trim().split("=")] : []));
      if (pairs.some(([vendor = "", tenant = ""]) => !/^[a-z][a-z0-9-]+$/.test(vendor) || !guid.safeParse(tenant).success))
        context.addIssue("must be vendor=tenant, such as luware=72f988bf-86f1-41af-91ab-2d7cd011db47, several separated by commas");
      return pairs.map(([vendor = "", tenant = ""]) => ({ vendor, tenantId: tenant.toLowerCase() }));
    }),
  AZURE_CLIENT_SECRET: z.string().min(1, "the secret of the portal's own registration (docs/operator.md)"),
  AZURE_AUTHORITY_HOST: origin("https://login.microsoftonline.com").default("https://login.microsoftonline.com"),
  GRAPH_URL: origin("https://graph.microsoft.com").default("https://graph.microsoft.com"),
  DATABASE_URL: optionalText,
  /** What DATABASE_URL speaks to, beside PostgreSQL itself (docs/scale.md). */
  DATABASE_BACKEND: z.enum(["postgres", "yugabytedb", "cockroachdb", "citus"]).default("postgres"),
  DATA_DIR: z.string().min(1).default(".data"),
  CATALOGUE_DIR: optionalText,
  SMTP_URL: z.string().regex(/^smtps?:\/\//, "must start with smtp:// or smtps://"),
  MAIL_FROM: z.string().min(3).default("Vestibule <no-reply@localhost>"),
  VESTIBULE_KEYS: keyRing,
  /** A key in Azure Key Vault that wraps what handoffs are sealed with, in place of VESTIBULE_KEYS. */
  KEY_VAULT_KEY: z
    .string()
    .optional()
    .transform((text) => text || undefined)
    .refine(
      (url) => url === undefined || /^https:\/\/[^/]+\/keys\/[\w-]+$/.test(url),
      "must be the key's address without a version, such as https://my-vault.vault.azure.net/keys/vestibule",
    ),
  /** Hosts that webhooks may reach although they are not on the public internet, by commas. */
  WEBHOOK_PRIVATE_HOSTS: z
    .string()
    .default("")
    .transform((text) =>
      text
        .toLowerCase()
        .split(",")
        .flatMap((host) => host.trim() || []),
    ),
  /** For how many days the log of webhook deliveries and what no longer works (links, idempotency keys) is kept. */
  KEEP_LOGS_DAYS: z.coerce.number().int().min(1).max(3650).default(30),
  /** Multiplies how often one address may ask (lib/limits.ts); more than 1 where many people share one. */
  RATE_LIMIT_FACTOR: z.coerce.number().positive().default(1),
  /** A collector of traces (OTLP over HTTP), such as http://localhost:4318; without one nothing is traced. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .or(z.literal(""))
    .optional(),
  /** How many reverse proxies of your own stand in front: whose X-Forwarded-For entries are believed. */
  TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
});
export type Config = z.infer<typeof Env>;

let parsed: Config | undefined;

/**
 * The settings, checked once. `server/main.ts` calls it at the start, so that a wrong variable stops the start.
 * @throws Error with one line for each variable that is missing or wrong, and how to mend it
 */
export function config(): Config {
  if (parsed) return parsed;
  const result = Env.safeParse(process.env);
  if (!result.success) {
    const lines = result.error.issues.map(({ path, message, code }) => {
      const name = path.join(".");
      return `  ${name}: ${process.env[name] === undefined && code === "invalid_type" ? "is not set" : message}`;
    });
    throw new Error(`Vestibule cannot start, its configuration is incomplete (docs/operator.md):\n${lines.join("\n")}`);
  }
  parsed = result.data;
  return parsed;
}
