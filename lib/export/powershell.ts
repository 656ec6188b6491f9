import { powerShellLiteral as q } from "../catalogue/selection.ts";
import { RESOURCE_APP_ID } from "../graph/graph.ts";
import type { DesiredRegistration } from "../provisioning/desired.ts";
import type { Blueprint } from "./blueprint.ts";
import { endOf, oneLine, resourcesOf } from "./words.ts";

const list = (values: readonly string[]) => `@(${values.map((value) => q(value)).join(", ")})`;

const HELPERS = `function Get-RoleId($resource, $name) { ($resource.AppRoles | Where-Object { $_.Value -eq $name -and $_.IsEnabled }).Id }
function Get-ScopeId($resource, $name) { ($resource.Oauth2PermissionScopes | Where-Object { $_.Value -eq $name -and $_.IsEnabled }).Id }
# Newly made objects take a while to be seen everywhere.
function Invoke-Patiently([scriptblock] $work) {
  for ($try = 1; ; $try++) { try { return & $work } catch { if ($try -ge 12) { throw }; Start-Sleep -Seconds 5 } }
}
`;

function registration(desired: DesiredRegistration, { now }: Blueprint): string[] {
  const apis = resourcesOf(desired);
  const lines = ["", `# ---- ${oneLine(desired.displayName)}`];
  for (const api of apis) lines.push(`$${api} = Get-MgServicePrincipal -Filter ${q(`appId eq '${RESOURCE_APP_ID[api]}'`)}`);
  const access = apis.map((api) => {
    const own = desired.permissions.filter((permission) => permission.api === api);
    const entries = own.map(({ kind, value }) =>
      kind === "application"
        ? `@{ Id = (Get-RoleId $${api} ${q(value)}); Type = 'Role' }`
        : `@{ Id = (Get-ScopeId $${api} ${q(value)}); Type = 'Scope' }`,
    );
    return `  @{ ResourceAppId = ${q(RESOURCE_APP_ID[api])}; ResourceAccess = @(\n    ${entries.join("\n    ")}\n  ) }`;
  });
  lines.push(`$access = @(\n${access.join("\n")}\n)`);
  if (desired.adopts)
    lines.push(
      `$app = Get-MgApplication -Filter ${q(`appId eq '${desired.adopts}'`)}`,
      "# What is there stays; what is missing is added.",
      `$web = @($app.Web.RedirectUris) + ${list(desired.webRedirectUris)} | Where-Object { $_ } | Select-Object -Unique`,
      `$public = @($app.PublicClient.RedirectUris) + ${list(desired.publicClientRedirectUris)} | Where-Object { $_ } | Select-Object -Unique`,
      "$declared = @($app.RequiredResourceAccess | Where-Object { $_.ResourceAppId -notin $access.ResourceAppId })",
      "foreach ($each in $access) {",
      "  $held = ($app.RequiredResourceAccess | Where-Object { $_.ResourceAppId -eq $each.ResourceAppId }).ResourceAccess",
      "  $merged = @($each.ResourceAccess) + @($held | Where-Object { $_.Id -and $_.Id -notin $each.ResourceAccess.Id } | ForEach-Object { @{ Id = $_.Id; Type = $_.Type } })",
      "  $declared += @{ ResourceAppId = $each.ResourceAppId; ResourceAccess = $merged }",
      "}",
      "Update-MgApplication -ApplicationId $app.Id -Web @{ RedirectUris = @($web) } -PublicClient @{ RedirectUris = @($public) } -RequiredResourceAccess $declared",
      ...(desired.isFallbackPublicClient ? ["Update-MgApplication -ApplicationId $app.Id -IsFallbackPublicClient:$true"] : []),
    );
  else
    lines.push(
      `if (Get-MgApplication -Filter ${q(`displayName eq '${desired.displayName.replaceAll("'", "''")}'`)}) { throw ${q(`An app registration called ${oneLine(desired.displayName)} is there already. Rename it, or use that one.`)} }`,
      [
        `$app = New-MgApplication -DisplayName ${q(desired.displayName)} -SignInAudience 'AzureADMyOrg'`,
        ...(desired.isFallbackPublicClient ? ["-IsFallbackPublicClient:$true"] : []),
        ...(desired.publicClientRedirectUris.length > 0
          ? [`-PublicClient @{ RedirectUris = ${list(desired.publicClientRedirectUris)} }`]
          : []),
        ...(desired.webRedirectUris.length > 0 ? [`-Web @{ RedirectUris = ${list(desired.webRedirectUris)} }`] : []),
        ...(desired.spaRedirectUris.length > 0 ? [`-Spa @{ RedirectUris = ${list(desired.spaRedirectUris)} }`] : []),
        "-RequiredResourceAccess $access",
      ].join(" "),
    );
  lines.push(
    `$sp = Get-MgServicePrincipal -Filter "appId eq '$($app.AppId)'"`,
    "if (-not $sp) { $sp = Invoke-Patiently { New-MgServicePrincipal -AppId $app.AppId -Tags 'WindowsAzureActiveDirectoryIntegratedApp' -ErrorAction Stop } }",
  );
  for (const api of apis) {
    const own = desired.permissions.filter((permission) => permission.api === api);
    const [roles, scopes] = [own.filter(({ kind }) => kind === "application"), own.filter(({ kind }) => kind === "delegated")];
    if (roles.length > 0)
      lines.push(
        "# Application permissions, for the whole tenant: needs a Privileged Role Administrator",
        `foreach ($name in ${list(roles.map(({ value }) => value))}) {`,
        `  $role = Get-RoleId $${api} $name`,
        "  if (Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $sp.Id | Where-Object { $_.AppRoleId -eq $role }) { continue }",
        `  Invoke-Patiently { New-MgServicePrincipalAppRoleAssignedTo -ServicePrincipalId $${api}.Id -PrincipalId $sp.Id -ResourceId $${api}.Id -AppRoleId $role -ErrorAction Stop } | Out-Null`,
        "}",
      );
    if (scopes.length > 0) {
      const principal = desired.consentAccount;
      lines.push(
        "# Delegated permissions: what is granted already stays",
        ...(principal ? [`$account = (Get-MgUser -UserId ${q(principal)}).Id`] : []),
        `$grant = Get-MgOauth2PermissionGrant -Filter "clientId eq '$($sp.Id)' and resourceId eq '$($${api}.Id)'" | Where-Object { $_.ConsentType -eq '${principal ? "Principal" : "AllPrincipals"}'${principal ? " -and $_.PrincipalId -eq $account" : ""} }`,
        `$scopes = (@($grant.Scope -split ' ') + ${list(scopes.map(({ value }) => value))} | Where-Object { $_ } | Select-Object -Unique) -join ' '`,
        'if ($grant) { Invoke-MgGraphRequest -Method PATCH -Uri "v1.0/oauth2PermissionGrants/$($grant.Id)" -Body @{ scope = $scopes } }',
        `else { Invoke-Patiently { New-MgOauth2PermissionGrant -ErrorAction Stop -BodyParameter @{ clientId = $sp.Id; consentType = '${principal ? "Principal" : "AllPrincipals"}'; ${principal ? "principalId = $account; " : ""}resourceId = $${api}.Id; scope = $scopes } } | Out-Null }`,
      );
    }
  }
  const { credential } = desired;
  switch (credential?.kind) {
    case "secret":
      lines.push(
        `$secret = Add-MgApplicationPassword -ApplicationId $app.Id -PasswordCredential @{ displayName = 'By hand'; endDateTime = ${q(`${endOf(now, credential.months)}T00:00:00Z`)} }`,
        'Write-Host "Client secret, shown only now. Paste it into the portal, nowhere else:"',
        "Write-Host $secret.SecretText",
      );
      break;
    case "certificate":
      lines.push(
        "$held = @((Get-MgApplication -ApplicationId $app.Id -Property keyCredentials).KeyCredentials)",
        `$new = @{ type = 'AsymmetricX509Cert'; usage = 'Verify'; key = [Convert]::FromBase64String(${q(credential.der)}); displayName = 'By hand' }`,
        "Update-MgApplication -ApplicationId $app.Id -KeyCredentials (@($held | Where-Object { $_ }) + $new)",
      );
      break;
    case "federated":
      lines.push(
        `New-MgApplicationFederatedIdentityCredential -ApplicationId $app.Id -BodyParameter @{ name = ${q(credential.name)}; issuer = ${q(credential.issuer)}; subject = ${q(credential.subject)}; audiences = @(${q(credential.audience)}) } | Out-Null`,
      );
      break;
  }
  lines.push(`Write-Host "Application (client) ID: $($app.AppId)"`);
  return lines;
}

/** A script for the Microsoft Graph PowerShell SDK. Every value is a literal in single quotes. */
export const powerShell = (plan: Blueprint): string =>
  [
    `# ${oneLine(plan.manifest.name)}, manifest version ${plan.manifest.version}. Nothing else than what the plan shows.`,
    "#Requires -Modules Microsoft.Graph.Authentication, Microsoft.Graph.Applications, Microsoft.Graph.Identity.SignIns, Microsoft.Graph.Users",
    "$ErrorActionPreference = 'Stop'",
    `Connect-MgGraph -NoWelcome ${plan.tenant ? `-TenantId ${q(plan.tenant.id)} ` : ""}-Scopes 'Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All', 'DelegatedPermissionGrant.ReadWrite.All'${plan.registrations.some(({ consentAccount }) => consentAccount) ? ", 'User.ReadBasic.All'" : ""}`,
    HELPERS,
    ...plan.registrations.flatMap((desired) => registration(desired, plan)),
    "",
  ].join("\n");
