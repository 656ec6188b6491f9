/**
 * What a manifest may say: one product of a vendor, as data. Strict, so that a misspelt field is a fault and not silence.
 * `manifest.schema.json` beside this file is generated from here, for editors.
 */
import { z } from "zod";

/** Contrast of white text on a colour such as #0b5c63 (WCAG 2.2, relative luminance). */
function contrastWithWhite(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}

const id = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,48}$/, "lower-case letters, digits and dashes, at most 49, such as outlook-mail")
  .describe("lower-case letters, digits and dashes");
const text = z.string().trim().min(1).max(1200);
const title = z.string().trim().min(1).max(120);
/** Text in which `{{name}}` stands for a variable, or for a value that is known later. */
const template = z.string().trim().min(1).max(256);

const when = z
  .strictObject({
    question: id.optional().describe("present only when this question was answered so"),
    is: z
      .union([id, z.array(id).min(1)])
      .optional()
      .describe("the option, or several of which one is enough"),
    variable: id.optional().describe("present only when this optional variable was filled in"),
  })
  .refine(({ question, is, variable }) => (question !== undefined && is !== undefined) !== (variable !== undefined), {
    error: "say either question and is, or variable",
  })
  .describe("a condition; without it, always");

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
  toConfirm: text.optional().describe("what the vendor has still to confirm about it; shown to the admin as it is"),
  keptBecause: text.optional().describe("why it is asked for although another permission of the list covers it"),
  scopedInExchange: z
    .strictObject({ question: id, is: id })
    .optional()
    .describe(
      "with this answer, Exchange grants it for chosen mailboxes (RBAC for Applications), and it is NOT granted for the whole tenant",
    ),
});

const probe = z.strictObject({
  title,
  path: z
    .string()
    .max(400)
    .startsWith("/")
    .describe("GET below /v1.0, as the application itself; {{user}} is the admin who provisions, {{name}} a variable"),
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
    registration: id.optional().describe("the app registration that holds its permissions; the first one when left out"),
    note: text.optional(),
    toConfirm: text.optional().describe("what the vendor has still to confirm; shown to the admin as it is"),
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

const variable = z.strictObject({
  id,
  title,
  help: text.optional(),
  type: z
    .enum(["host", "url", "account", "addresses", "text"])
    .describe(
      "host: a DNS name and nothing else; url: https address; account: user principal name; addresses: e-mail addresses, one or more; text: a line",
    ),
  required: z.boolean().default(true),
  example: z.string().max(200).optional(),
  endsWith: z.string().max(120).optional().describe("only for host: the name has to end so, such as .example.com"),
});

const owner = z.enum(["admin", "contact", "vendor", "exchange-admin", "policy-owner"]).describe("who can do it");

const prerequisite = z.strictObject({
  id,
  title,
  owner,
  body: text,
  features: z.array(id).min(1).optional().describe("only when one of these was chosen"),
  kind: z.enum(["application", "delegated"]).optional().describe("only when such a permission was chosen"),
  when: when.optional(),
  fact: z.enum(["verified-domain"]).optional().describe("the portal sees this for itself: nobody has to tick it"),
});

const manualStep = z.strictObject({
  id,
  title,
  owner,
  body: text,
  script: z
    .string()
    .max(8000)
    .optional()
    .describe(
      "PowerShell to copy. {{name}} becomes a safely quoted literal: a variable, or application-id, service-principal-id, display-name, tenant-id, tenant-domain",
    ),
  features: z.array(id).min(1).optional().describe("only when one of these was chosen"),
  kind: z.enum(["application", "delegated"]).optional().describe("only when such a permission was chosen"),
  when: when.optional(),
  takes: text.optional().describe("how long it may take to show, such as: up to 24 hours; it can then be put off until tomorrow"),
});

const months = z.int().min(1).max(24, "a secret of more than 24 months is refused: Entra's own limit in its admin centre");
const redirectUri = (pattern: RegExp, words: string) => template.refine((uri) => pattern.test(uri), { error: words });
const registration = z.strictObject({
  id,
  displayName: z.string().trim().min(1).max(90),
  audience: z.enum(["AzureADMyOrg"]).default("AzureADMyOrg"),
  publicClient: z.boolean().default(false).describe("Allow public client flows"),
  redirectUris: z
    .strictObject({
      publicClient: z
        .array(
          redirectUri(
            /^(https:\/\/|http:\/\/localhost\b|http:\/\/127\.0\.0\.1\b|urn:|[a-z][a-z0-9+.-]*:\/\/)/,
            "https://, http://localhost, urn: or an app's own scheme",
          ),
        )
        .default([]),
      web: z.array(redirectUri(/^(https:\/\/|http:\/\/localhost\b|\{\{)/, "https://, or http://localhost")).default([]),
      spa: z.array(redirectUri(/^(https:\/\/|http:\/\/localhost\b|\{\{)/, "https://, or http://localhost")).default([]),
    })
    .prefault({})
    .describe("{{name}} stands for a variable; an address whose optional variable is empty is left out"),
  signIn: text.optional().describe("how users sign in although no redirect URI and no public client is set"),
  perFeature: z.boolean().default(false).describe("the admin may ask for one registration per feature"),
  instances: z
    .strictObject({ title, max: z.int().min(2).max(20) })
    .optional()
    .describe("the component runs several times and each run needs a registration of its own: Name, Name-02, …"),
  credential: z.strictObject({
    kinds: z
      .array(z.enum(["secret", "certificate", "federated", "none"]))
      .min(1)
      .describe("what the product can use; the first is the default, the admin may choose another"),
    onlyIf: z.enum(["always", "application-permission"]).default("always"),
    months: months.default(12).describe("lifetime of a secret, unless the admin chooses another"),
    maxMonths: months.default(24).describe("the longest lifetime that the admin may choose"),
    certificate: z
      .string()
      .max(16_000)
      .optional()
      .describe("the vendor's public certificate, PEM; without it the admin uploads the one that the vendor sent"),
    federated: z
      .strictObject({
        issuer: template,
        subject: template,
        audience: z.string().min(1).max(600).default("api://AzureADTokenExchange"),
      })
      .optional()
      .describe("whose tokens the application accepts in place of a credential"),
  }),
  consentFor: z
    .strictObject({ account: id.describe("the variable of type account"), default: z.enum(["everyone", "account"]).default("everyone") })
    .optional()
    .describe("the admin may grant delegated permissions for this one account only"),
  onePerTenant: z
    .strictObject({ redirectUriEndsWith: z.string().min(4).max(200).optional() })
    .optional()
    .describe(
      "the product works with one registration only: an existing one, found by our tag or by the end of a redirect URI, is adopted",
    ),
  adopt: z
    .strictObject({ hint: text })
    .optional()
    .describe("the admin may pick an existing registration; the hint says when that is right"),
});

const change = z.strictObject({ version: z.int().min(1), changes: z.array(text).min(1) });

/** A public JSON Web Key to encrypt to. Strict, so that the private part of one is refused by name. */
const machineKey = z
  .strictObject({
    kty: z.enum(["RSA", "EC", "OKP"]),
    kid: z.string().min(1).max(120),
    use: z.literal("enc").optional(),
    alg: z.enum(["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"]).optional(),
    ...{ n: z.string().optional(), e: z.string().optional() },
    ...{ crv: z.enum(["P-256", "P-384", "P-521", "X25519"]).optional(), x: z.string().optional(), y: z.string().optional() },
  })
  .refine(({ kty, n, e, crv, x, y }) => (kty === "RSA" ? n && e : crv && x && (kty === "OKP" || y)), {
    error: "an RSA key needs n and e, an EC key crv, x and y, an OKP key crv and x",
  });

export const Manifest = z.strictObject({
  id,
  version: z.int().min(1).describe("count it up with every change that a customer can notice"),
  name: title,
  summary: text,
  vendor: z.strictObject({
    id,
    name: title,
    support: z.email().optional(),
    accent: z
      .string()
      .regex(/^#[0-9a-f]{6}$/i, "a colour such as #0b5c63")
      .refine((colour) => contrastWithWhite(colour) >= 4.5, {
        error: "white text on it is too hard to read: take a darker colour (contrast of at least 4.5 to 1, WCAG 2.2)",
      })
      .optional()
      .describe("the vendor's colour, under white text, such as #0b5c63"),
    logo: z
      .string()
      .regex(
        /^data:image\/(png|svg\+xml);base64,[A-Za-z0-9+/=]+$/,
        "a PNG or SVG as data:image/png;base64,… or data:image/svg+xml;base64,…",
      )
      .max(40_000, "at most 30 kB")
      .optional()
      .describe("shown beside the product's name, square, 30 pixels"),
  }),
  changelog: z.array(change).default([]).describe("newest first"),
  notes: z.array(text).default([]).describe("what an admin should know before choosing"),
  registrations: z.array(registration).min(1).max(20),
  questions: z.array(question).default([]),
  variables: z.array(variable).default([]),
  prerequisites: z.array(prerequisite).default([]).describe("what has to be so before anything is made; ticked first"),
  features: z.array(feature).min(1),
  manualSteps: z.array(manualStep).default([]).describe("what Microsoft Graph cannot do"),
  handover: z.strictObject({
    fields: z
      .array(
        z.enum([
          "application-id",
          "secret-value",
          "secret-expiry",
          "certificate-thumbprint",
          "federated-subject",
          "tenant-name",
          "tenant-id",
          "redirect-uris",
        ]),
      )
      .min(1),
    recipient: z
      .enum(["contact", "customer", "either"])
      .default("contact")
      .describe("contact: whom the vendor named; customer: an own person, whom the admin names; either: the admin may choose"),
    note: text.optional(),
    machineKey: machineKey
      .optional()
      .describe("a public key of the vendor's (RFC 7517): its own system can then fetch the values once, sealed to that key"),
  }),
});
export type Manifest = z.infer<typeof Manifest>;
export type Feature = Manifest["features"][number];
export type Permission = z.infer<typeof permission>;
export type Registration = Manifest["registrations"][number];
export type Variable = Manifest["variables"][number];
export type Condition = z.infer<typeof when>;
export type CredentialKind = Registration["credential"]["kinds"][number];

const key = z.string().max(60);
/** What the admin chose. Unknown features, variants, answers and values are refused by `selection`. */
export const Choices = z.strictObject({
  features: z.array(key).max(100),
  variants: z.record(key, key).default({}),
  answers: z.record(key, key).default({}),
  layout: z.enum(["single", "per-feature"]).default("single"),
  variables: z.record(key, z.string().max(2000)).default({}),
  instances: z.record(key, z.int().min(1).max(20)).default({}),
  /** Left out: the manifest's default. */
  credential: z.enum(["secret", "certificate", "federated", "none"]).optional(),
  months: z.int().min(1).max(24).optional(),
  /** PEM, the public part only. */
  certificate: z.string().max(16_000).optional(),
  consent: z.enum(["everyone", "account"]).optional(),
  /** By registration: the application ID of one that is there already and is to be used. */
  adopt: z.record(z.string().max(120), z.guid()).default({}),
});
export type Choices = z.infer<typeof Choices>;
