import { RESOURCE_APP_ID } from "../graph/graph.ts";
import type { DesiredRegistration } from "../provisioning/desired.ts";
import type { Blueprint } from "./blueprint.ts";
import { endOf, identifier, oneLine, resourcesOf } from "./words.ts";

/** A string literal of HCL: quotes, backslashes and line breaks escaped, templates not evaluated (docs: language/expressions/strings). */
const hclLiteral = (value: string) =>
  JSON.stringify(value)
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029")
    .replaceAll("\u007f", "\\u007f")
    .replaceAll("${", () => "$${")
    .replaceAll("%{", "%%{");
const q = hclLiteral;
const list = (values: readonly string[]) => `[${values.map(q).join(", ")}]`;
const SERVICE: Record<keyof typeof RESOURCE_APP_ID, string> = { graph: "microsoft_graph", exchange: "exchange_online" };

type Entry = readonly [name: string, value: string] | string | Block;
type Block = { block: string; of: Entry[] };

/** Blocks as `terraform fmt` lays them out: two spaces, equals signs of neighbouring arguments in line. */
function written(entries: readonly Entry[], depth = 0): string[] {
  const pad = "  ".repeat(depth);
  const lines: string[] = [];
  for (let at = 0; at < entries.length; ) {
    const entry = entries[at]!;
    if (typeof entry === "string") {
      lines.push(entry === "" ? "" : pad + entry);
      at += 1;
    } else if ("block" in entry) {
      lines.push(`${pad}${entry.block} {`, ...written(entry.of, depth + 1), `${pad}}`);
      at += 1;
    } else {
      let end = at;
      while (end < entries.length && Array.isArray(entries[end])) end += 1;
      const run = entries.slice(at, end) as (readonly [string, string])[];
      const width = Math.max(...run.map(([name]) => name.length));
      for (const [name, value] of run) lines.push(`${pad}${name.padEnd(width)} = ${value}`);
      at = end;
    }
  }
  return lines;
}

function registration(desired: DesiredRegistration, { now }: Blueprint): Entry[] {
  const name = identifier(desired.id);
  const app = desired.adopts ? `data.azuread_application.${name}` : `azuread_application.${name}`;
  const principal = `azuread_service_principal.${name}`;
  const entries: Entry[] = ["", `# ${oneLine(desired.displayName)}`];
  if (desired.adopts)
    entries.push(
      "# It is there already and is not managed here, so that nothing of it is taken away: add these to it by hand.",
      ...[...desired.webRedirectUris, ...desired.publicClientRedirectUris, ...desired.spaRedirectUris].map(
        (uri) => `#   redirect URI ${oneLine(uri)}`,
      ),
      ...desired.permissions.map(({ kind, value }) => `#   declared: ${kind} ${value}`),
      { block: `data "azuread_application" "${name}"`, of: [["client_id", q(desired.adopts)]] },
    );
  else {
    const uris = (block: string, list_: readonly string[]): Entry[] =>
      list_.length > 0 ? ["", { block, of: [["redirect_uris", list(list_)]] }] : [];
    entries.push({
      block: `resource "azuread_application" "${name}"`,
      of: [
        ["display_name", q(desired.displayName)],
        ["sign_in_audience", q(desired.signInAudience)],
        ["fallback_public_client_enabled", String(desired.isFallbackPublicClient)],
        ["prevent_duplicate_names", "true"],
        ...uris("public_client", desired.publicClientRedirectUris),
        ...uris("web", desired.webRedirectUris),
        ...uris("single_page_application", desired.spaRedirectUris),
        ...resourcesOf(desired).flatMap((api): Entry[] => [
          "",
          {
            block: "required_resource_access",
            of: [
              ["resource_app_id", q(RESOURCE_APP_ID[api])],
              ...desired.permissions
                .filter((permission) => permission.api === api)
                .flatMap(({ kind, value }): Entry[] => [
                  "",
                  {
                    block: "resource_access",
                    of: [
                      [
                        "id",
                        `data.azuread_service_principal.${SERVICE[api]}.${kind === "application" ? "app_role_ids" : "oauth2_permission_scope_ids"}[${q(value)}]`,
                      ],
                      ["type", kind === "application" ? '"Role"' : '"Scope"'],
                    ],
                  },
                ]),
            ],
          },
        ]),
      ],
    });
  }
  entries.push("", {
    block: `resource "azuread_service_principal" "${name}"`,
    of: [
      ["client_id", `${app}.client_id`],
      ["use_existing", "true"],
    ],
  });
  for (const api of resourcesOf(desired)) {
    const own = desired.permissions.filter((permission) => permission.api === api);
    const [roles, scopes] = [own.filter(({ kind }) => kind === "application"), own.filter(({ kind }) => kind === "delegated")];
    const resource = `data.azuread_service_principal.${SERVICE[api]}`;
    if (roles.length > 0)
      entries.push("", "# For the whole tenant: needs a Privileged Role Administrator", {
        block: `resource "azuread_app_role_assignment" "${name}_${api}"`,
        of: [
          ["for_each", `toset(${list(roles.map(({ value }) => value))})`],
          ["app_role_id", `${resource}.app_role_ids[each.key]`],
          ["principal_object_id", `${principal}.object_id`],
          ["resource_object_id", `${resource}.object_id`],
        ],
      });
    if (scopes.length === 0) continue;
    if (desired.consentAccount)
      entries.push("", { block: `data "azuread_user" "${name}"`, of: [["user_principal_name", q(desired.consentAccount)]] });
    entries.push("", {
      block: `resource "azuread_service_principal_delegated_permission_grant" "${name}_${api}"`,
      of: [
        ["service_principal_object_id", `${principal}.object_id`],
        ["resource_service_principal_object_id", `${resource}.object_id`],
        ["claim_values", list(scopes.map(({ value }) => value))],
        ...(desired.consentAccount ? ([["user_object_id", `data.azuread_user.${name}.object_id`]] as const) : []),
      ],
    });
  }
  const { credential } = desired;
  switch (credential?.kind) {
    case "secret":
      entries.push(
        "",
        "# The value is kept in Terraform's state, in clear: protect it, or issue the secret elsewhere.",
        {
          block: `resource "azuread_application_password" "${name}"`,
          of: [
            ["application_id", `${app}.id`],
            ["display_name", q("By hand")],
            ["end_date", q(`${endOf(now, credential.months)}T00:00:00Z`)],
          ],
        },
        "",
        {
          block: `output "${name}_client_secret"`,
          of: [
            ["value", `azuread_application_password.${name}.value`],
            ["sensitive", "true"],
          ],
        },
      );
      break;
    case "certificate":
      entries.push("", {
        block: `resource "azuread_application_certificate" "${name}"`,
        of: [
          ["application_id", `${app}.id`],
          ["type", q("AsymmetricX509Cert")],
          ["encoding", q("base64")],
          ["value", q(credential.der)],
          ["end_date", q(credential.endsAt)],
        ],
      });
      break;
    case "federated":
      entries.push("", {
        block: `resource "azuread_application_federated_identity_credential" "${name}"`,
        of: [
          ["application_id", `${app}.id`],
          ["display_name", q(credential.name)],
          ["issuer", q(credential.issuer)],
          ["subject", q(credential.subject)],
          ["audiences", list([credential.audience])],
        ],
      });
      break;
  }
  entries.push("", { block: `output "${name}_client_id"`, of: [["value", `${app}.client_id`]] });
  return entries;
}

/** A configuration for the azuread provider 3. */
export function terraform(plan: Blueprint): string {
  const apis = [...new Set(plan.registrations.flatMap(resourcesOf))];
  return [
    ...written([
      `# ${oneLine(plan.manifest.name)}, manifest version ${plan.manifest.version}. Nothing else than what the plan shows.`,
      {
        block: "terraform",
        of: [
          {
            block: "required_providers",
            of: [
              {
                block: "azuread =",
                of: [
                  ["source", q("hashicorp/azuread")],
                  ["version", q("~> 3.0")],
                ],
              },
            ],
          },
        ],
      },
      "",
      { block: 'provider "azuread"', of: plan.tenant ? [["tenant_id", q(plan.tenant.id)]] : [] },
      ...apis.flatMap((api): Entry[] => [
        "",
        { block: `data "azuread_service_principal" "${SERVICE[api]}"`, of: [["client_id", q(RESOURCE_APP_ID[api])]] },
      ]),
      ...plan.registrations.flatMap((desired) => registration(desired, plan)),
    ]),
    "",
  ].join("\n");
}
