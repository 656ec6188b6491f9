import type { DesiredRegistration } from "../provisioning/desired.ts";
import { type Blueprint, byHand } from "./blueprint.ts";
import { endOf, oneLine } from "./words.ts";

/** One thing to do: what, and the values to type or choose, each to be copied. */
export type Instruction = { text: string; values: readonly (readonly [label: string, value: string])[] };
export type Guide = { title: string; instructions: Instruction[] }[];

const API_TAB = { graph: "Microsoft APIs, Microsoft Graph", exchange: "APIs my organization uses, Office 365 Exchange Online" } as const;
const numbered = (label: string, values: readonly string[]) =>
  values.map((value, index) => [values.length > 1 ? `${label} ${index + 1}` : label, value] as const);

function instructionsFor(desired: DesiredRegistration, now: Date): Instruction[] {
  const step = (text: string, values: Instruction["values"] = []): Instruction => ({ text, values });
  const { adopts, webRedirectUris: web, spaRedirectUris: spa, publicClientRedirectUris: mobile, permissions, credential } = desired;
  const steps: Instruction[] = [];
  if (adopts)
    steps.push(
      step(
        "entra.microsoft.com: Entra ID, App registrations, All applications. Search for this application ID and open it. Leave everything else in it as it is.",
        [["Application (client) ID", adopts]],
      ),
    );
  else
    steps.push(
      step(
        "entra.microsoft.com: Entra ID, App registrations, New registration (in older menus: Identity, Applications, App registrations). Supported account types: single tenant only (older: Accounts in this organizational directory only). Leave Redirect URI empty. Register.",
        [["Name", desired.displayName]],
      ),
    );
  const platforms = [
    ["Web", web],
    ["Single-page application", spa],
    ["Mobile and desktop applications", mobile],
  ] as const;
  for (const [platform, uris] of platforms)
    if (uris.length > 0)
      steps.push(
        step(
          `Manage, Authentication, Add Redirect URI (older: Add a platform), ${platform}. ${platform === "Mobile and desktop applications" ? "Tick the ones that are offered, type the others under Custom redirect URIs. " : ""}Configure.`,
          numbered("Redirect URI", uris),
        ),
      );
  if (desired.isFallbackPublicClient)
    steps.push(step("Manage, Authentication, Settings (older: Advanced settings): Allow public client flows: Yes (older: Enabled). Save."));
  for (const api of ["graph", "exchange"] as const)
    for (const kind of ["application", "delegated"] as const) {
      const own = permissions.filter((permission) => permission.api === api && permission.kind === kind);
      if (own.length === 0) continue;
      steps.push(
        step(
          `Manage, API permissions, Add a permission, ${API_TAB[api]}, ${kind === "application" ? "Application" : "Delegated"} permissions. Search for each name, tick it, then Add permissions. Take care to be under ${kind === "application" ? "Application" : "Delegated"}: many names exist as both.`,
          own.map(({ value, because }) => [because, value] as const),
        ),
      );
    }
  if (!adopts && !permissions.some(({ api, kind, value }) => api === "graph" && kind === "delegated" && value === "User.Read"))
    steps.push(
      step("New registrations come with the delegated User.Read. It is not part of this plan: remove it (… , Remove permission)."),
    );
  const isForOne = desired.consentAccount !== null;
  if (permissions.some(({ kind }) => kind === "application") || (permissions.length > 0 && !isForOne))
    steps.push(
      step(
        `API permissions, Grant admin consent for your tenant, Yes. Every line then shows a green tick and Granted. ${permissions.some(({ kind, api }) => kind === "application" && api === "graph") ? "Needs a Privileged Role Administrator or Global Administrator." : "Needs a Cloud Application Administrator or higher."}`,
      ),
    );
  if (isForOne)
    steps.push(
      step(
        "The delegated permissions are meant for one account only. The admin centre cannot grant them so: use the PowerShell or Azure CLI export for this one step, in place of Grant admin consent, or let that account consent when it signs in.",
        [["Account", desired.consentAccount!]],
      ),
    );
  switch (credential?.kind) {
    case "secret":
      steps.push(
        step(
          "Manage, Certificates & secrets, Client secrets, New client secret, Add. Copy the column Value at once, not Secret ID: it is shown only now. Paste it into the portal below, nowhere else.",
          [
            ["Description", "By hand"],
            ["Expires, Custom, End", endOf(now, credential.months)],
          ],
        ),
      );
      break;
    case "certificate":
      steps.push(
        step(
          "Manage, Certificates & secrets, Certificates, Upload certificate. Choose the vendor's public certificate and compare the thumbprint afterwards.",
          [["Thumbprint", credential.thumbprint]],
        ),
      );
      break;
    case "federated":
      steps.push(
        step("Manage, Certificates & secrets, Federated credentials, Add credential, Other issuer.", [
          ["Issuer", credential.issuer],
          ["Value (subject)", credential.subject],
          ["Name", credential.name],
          ["Audience", credential.audience],
        ]),
      );
      break;
  }
  steps.push(step("Overview: copy Application (client) ID. The portal asks for it when it checks what you made."));
  return steps;
}

/** What to click, registration by registration. */
export const guide = ({ registrations, now }: Blueprint): Guide =>
  registrations.map((desired) => ({
    title: desired.adopts ? `${desired.displayName} (existing)` : desired.displayName,
    instructions: instructionsFor(desired, now),
  }));

/** A run of backticks longer than any in the text, so that nothing in it ends the code. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return longest > 0 ? `${fence} ${text} ${fence}` : `${fence}${text}${fence}`;
}
function block(text: string): string[] {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return [`${fence}powershell`, text.trimEnd(), fence];
}

export function guideText(plan: Blueprint): string {
  const { manifest, tenant } = plan;
  const { prerequisites, steps } = byHand(plan);
  return [
    `# ${oneLine(manifest.name)}, by hand`,
    "",
    `Manifest version ${manifest.version}${tenant ? `, for ${oneLine(tenant.domain)} (${tenant.id})` : ""}. Afterwards the portal reads what you made and says what is missing.`,
    ...(prerequisites.length > 0
      ? ["", "## First", "", ...prerequisites.map(({ title, body }) => `- [ ] ${oneLine(title)}. ${oneLine(body)}`)]
      : []),
    ...guide(plan).flatMap(({ title, instructions }) => [
      "",
      `## ${oneLine(title)}`,
      "",
      ...instructions.flatMap(({ text, values }, index) => [
        `${index + 1}. ${oneLine(text)}`,
        ...values.map(([label, value]) => `   - ${oneLine(label)}: ${code(oneLine(value))}`),
      ]),
    ]),
    ...(steps.length > 0 ? ["", "## Afterwards"] : []),
    ...steps.flatMap(({ title, body, scripts }) => [
      "",
      `### ${oneLine(title)}`,
      "",
      oneLine(body),
      ...scripts.flatMap(({ registration, script }) => [
        "",
        ...(registration ? [`For ${oneLine(registration)}:`, ""] : []),
        ...block(script),
      ]),
    ]),
    "",
  ].join("\n");
}
