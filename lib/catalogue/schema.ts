import { z } from "zod";

const id = z.string().regex(/^[a-z][a-z0-9-]{1,48}$/, "lower-case letters, digits and dashes, such as outlook-mail");
const text = z.string().trim().min(1).max(1200);
const title = z.string().trim().min(1).max(120);

/** Present only when the named question was answered so. */
const when = z.strictObject({ question: id, is: id });

const permission = z.strictObject({
  api: z.enum(["graph", "exchange"]).default("graph").describe("whose permission: Microsoft Graph or Office 365 Exchange Online"),
  kind: z.enum(["application", "delegated"]).describe("application = app role; delegated = scope of a signed-in user"),
  value: z
    .string()
    .regex(/^[A-Za-z][\w.-]*$/)
    .describe("Microsoft's name, such as User.Read.All"),
  because: text.describe("why the product needs it, for the admin"),
  risk: z.enum(["low", "medium", "high"]).describe("what could happen if the credential leaked"),
  when: when.optional(),
});

const probe = z.strictObject({
  title,
  path: z.string().startsWith("/").describe("GET below /v1.0; {user} is the admin who provisions"),
});

const variant = z.strictObject({
  id,
  title,
  summary: text,
  permissions: z.array(permission).min(1),
  probes: z.array(probe).default([]),
});

const feature = z
  .strictObject({
    id,
    title,
    summary: text,
    note: text.optional(),
    permissions: z.array(permission).default([]),
    variants: z.array(variant).min(2).optional().describe("exclusive ways to do the same; the first is the default"),
    probes: z.array(probe).default([]),
  })
  .refine((value) => value.permissions.length > 0 || value.variants, { error: "needs permissions or variants", path: ["permissions"] });

const question = z.strictObject({
  id,
  title,
  help: text.optional(),
  options: z
    .array(z.strictObject({ id, title, help: text.optional() }))
    .min(2)
    .describe("the first is the default"),
});

const manualStep = z.strictObject({
  id,
  title,
  owner: z.enum(["admin", "contact", "vendor"]),
  body: text,
  script: z.string().max(8000).optional().describe("PowerShell to copy"),
  features: z.array(id).min(1).optional().describe("only when one of these was chosen"),
  kind: z.enum(["application", "delegated"]).optional().describe("only when such a permission was chosen"),
});

export const Manifest = z.strictObject({
  id,
  version: z.int().min(1),
  name: title,
  summary: text,
  vendor: z.strictObject({
    id,
    name: title,
    support: z.email().optional(),
  }),
  registration: z.strictObject({
    id,
    displayName: title,
    audience: z.enum(["AzureADMyOrg"]).default("AzureADMyOrg"),
    publicClient: z.boolean().default(false).describe("Allow public client flows"),
    redirectUris: z
      .strictObject({
        publicClient: z.array(z.string().regex(/^(https:\/\/|http:\/\/localhost|urn:)/, "https://, http://localhost or urn:")).default([]),
        web: z.array(z.url({ protocol: /^https$/ })).default([]),
      })
      .default({ publicClient: [], web: [] }),
    perFeature: z.boolean().default(false).describe("the admin may ask for one registration per feature"),
    credential: z.strictObject({
      kind: z.enum(["secret", "none"]),
      onlyIf: z.enum(["always", "application-permission"]).default("always"),
      months: z.int().min(1).max(24).default(12),
    }),
  }),
  questions: z.array(question).default([]),
  features: z.array(feature).min(1),
  manualSteps: z.array(manualStep).default([]),
  handover: z.strictObject({
    fields: z.array(z.enum(["application-id", "secret-value", "tenant-name", "tenant-id", "secret-expiry"])).min(1),
    note: text.optional(),
  }),
});
export type Manifest = z.infer<typeof Manifest>;
export type Feature = Manifest["features"][number];
export type Permission = z.infer<typeof permission>;

/** What the admin chose. Unknown features, variants and answers are refused by `selection`. */
export const Choices = z.strictObject({
  features: z.array(z.string().max(60)).max(100),
  variants: z.record(z.string().max(60), z.string().max(60)).default({}),
  answers: z.record(z.string().max(60), z.string().max(60)).default({}),
  layout: z.enum(["single", "per-feature"]).default("single"),
});
export type Choices = z.infer<typeof Choices>;
