import { shellLiteral as q } from "../catalogue/selection.ts";
import { RESOURCE_APP_ID } from "../graph/graph.ts";
import type { DesiredRegistration } from "../provisioning/desired.ts";
import type { Blueprint } from "./blueprint.ts";
import { endOf, oneLine, resourcesOf } from "./words.ts";

const HELPERS = `# Looks a permission up by its name, in your tenant.
role() { az ad sp show --id "$1" --query "appRoles[?value=='$2'].id | [0]" --output tsv; }
scope() { az ad sp show --id "$1" --query "oauth2PermissionScopes[?value=='$2'].id | [0]" --output tsv; }
# Newly made objects take a while to be seen everywhere.
patiently() { for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do if "$@"; then return 0; fi; sleep 5; done; "$@"; }
`;

const json = (value: unknown) => q(JSON.stringify(value));
const uriFlags = ({ webRedirectUris, publicClientRedirectUris }: DesiredRegistration) => [
  ...(webRedirectUris.length > 0 ? [`--web-redirect-uris ${webRedirectUris.map(q).join(" ")}`] : []),
  ...(publicClientRedirectUris.length > 0 ? [`--public-client-redirect-uris ${publicClientRedirectUris.map(q).join(" ")}`] : []),
];

/** Adds redirect URIs to those that are there: az replaces the list. */
const addedUris = (flag: string, path: string, uris: readonly string[]) =>
  uris.length === 0
    ? []
    : [
        `mapfile -t held < <(az ad app show --id "$app_id" --query ${q(`${path}.redirectUris[]`)} --output tsv)`,
        `mapfile -t wanted < <(printf '%s\\n' "\${held[@]}" ${uris.map(q).join(" ")} | sed '/^$/d' | sort -u)`,
        `az ad app update --id "$app_id" ${flag} "\${wanted[@]}"`,
      ];

function registration(desired: DesiredRegistration, { graphUrl, now }: Blueprint): string[] {
  const name = q(desired.displayName);
  const lines = ["", `# ---- ${oneLine(desired.displayName)}`, `echo ${q(`== ${oneLine(desired.displayName)}`)}`];
  if (desired.adopts)
    lines.push(
      `app_id=${q(desired.adopts)}`,
      ...addedUris("--web-redirect-uris", "web", desired.webRedirectUris),
      ...addedUris("--public-client-redirect-uris", "publicClient", desired.publicClientRedirectUris),
      ...(desired.isFallbackPublicClient ? [`az ad app update --id "$app_id" --is-fallback-public-client true`] : []),
    );
  else
    lines.push(
      // az updates an application of the same name when it is asked to create one.
      `if [ -n "$(az ad app list --filter ${q(`displayName eq '${desired.displayName.replaceAll("'", "''")}'`)} --query '[0].appId' --output tsv)" ]; then`,
      `  echo ${q(`An app registration called ${oneLine(desired.displayName)} is there already. Rename it, or use that one.`)} >&2; exit 1`,
      "fi",
      `app_id=$(az ad app create --display-name ${name} --sign-in-audience AzureADMyOrg${desired.isFallbackPublicClient ? " --is-fallback-public-client true" : ""} ${uriFlags(desired).join(" ")} --query appId --output tsv)`.replace(
        /\s+--query/,
        " --query",
      ),
    );
  lines.push(
    `patiently az ad sp show --id "$app_id" --output none 2>/dev/null || patiently az ad sp create --id "$app_id" --output none`,
    `sp_id=$(az ad sp show --id "$app_id" --query id --output tsv)`,
    `object_id=$(az ad app show --id "$app_id" --query id --output tsv)`,
  );
  if (desired.spaRedirectUris.length > 0)
    lines.push(
      `az rest --method PATCH --url "${graphUrl}/v1.0/applications/$object_id" --headers 'Content-Type=application/json' --body ${json({ spa: { redirectUris: desired.spaRedirectUris } })}`,
    );
  for (const api of resourcesOf(desired)) {
    const own = desired.permissions.filter((permission) => permission.api === api);
    const [roles, scopes] = [own.filter(({ kind }) => kind === "application"), own.filter(({ kind }) => kind === "delegated")];
    lines.push(`api=${q(RESOURCE_APP_ID[api])}`, `resource_id=$(az ad sp show --id "$api" --query id --output tsv)`);
    if (own.length > 0)
      lines.push(
        `az ad app permission add --id "$app_id" --api "$api" --api-permissions ${[
          ...roles.map(({ value }) => `"$(role "$api" ${q(value)})=Role"`),
          ...scopes.map(({ value }) => `"$(scope "$api" ${q(value)})=Scope"`),
        ].join(" ")}`,
      );
    for (const { value } of roles)
      lines.push(
        `# ${value}, for the whole tenant: needs a Privileged Role Administrator`,
        `patiently az rest --method POST --url "${graphUrl}/v1.0/servicePrincipals/$resource_id/appRoleAssignedTo" --headers 'Content-Type=application/json' --body "{\\"principalId\\":\\"$sp_id\\",\\"resourceId\\":\\"$resource_id\\",\\"appRoleId\\":\\"$(role "$api" ${q(value)})\\"}" --output none`,
      );
    if (scopes.length > 0 && desired.consentAccount)
      lines.push(
        `account_id=$(az ad user show --id ${q(desired.consentAccount)} --query id --output tsv)`,
        `az ad app permission grant --id "$app_id" --api "$api" --consent-type Principal --principal-id "$account_id" --scope ${q(scopes.map(({ value }) => value).join(" "))} --output none`,
      );
    else if (scopes.length > 0)
      lines.push(
        `az ad app permission grant --id "$app_id" --api "$api" --consent-type AllPrincipals --scope ${q(scopes.map(({ value }) => value).join(" "))} --output none`,
      );
  }
  const { credential } = desired;
  switch (credential?.kind) {
    case "secret":
      lines.push(
        `echo "Client secret, shown only now. Paste it into the portal, nowhere else:"`,
        `az ad app credential reset --id "$app_id" --append --display-name 'By hand' --end-date ${q(endOf(now, credential.months))} --query password --output tsv`,
      );
      break;
    case "certificate":
      lines.push(`az ad app credential reset --id "$app_id" --append --cert ${q(credential.der)} --output none`);
      break;
    case "federated": {
      const { name: federated, issuer, subject, audience } = credential;
      lines.push(
        `az ad app federated-credential create --id "$app_id" --parameters ${json({ name: federated, issuer, subject, audiences: [audience] })} --output none`,
      );
      break;
    }
  }
  lines.push(`echo "Application (client) ID: $app_id"`);
  return lines;
}

/** A bash script for Azure CLI. Every value is a literal in single quotes. */
export const azureCli = (plan: Blueprint): string =>
  [
    "#!/usr/bin/env bash",
    `# ${oneLine(plan.manifest.name)}, manifest version ${plan.manifest.version}. Nothing else than what the plan shows.`,
    "# Needs Azure CLI 2.60 or later, signed in as somebody who may do it: az login --allow-no-subscriptions",
    "set -euo pipefail",
    ...(plan.tenant
      ? [
          `if [ "$(az account show --query tenantId --output tsv)" != ${q(plan.tenant.id)} ]; then`,
          `  echo ${q(`You are signed in to another tenant than ${oneLine(plan.tenant.domain)}.`)} >&2; exit 1`,
          "fi",
        ]
      : []),
    HELPERS,
    ...plan.registrations.flatMap((desired) => registration(desired, plan)),
    "",
  ].join("\n");
