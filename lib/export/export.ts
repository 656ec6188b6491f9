/**
 * The same plan, to be carried out without this portal: as steps to click, as scripts, as Terraform, as JSON. Everything
 * comes from what is desired, so that the portal can check it afterwards as if it had made it. Permissions stand by name and
 * are looked up where the script runs. Pure; no export carries a secret.
 */
import { azureCli } from "./azure-cli.ts";
import { type Blueprint, byHand } from "./blueprint.ts";
import { guide, guideText } from "./guide.ts";
import { planJson, planSchema } from "./plan-json.ts";
import { powerShell } from "./powershell.ts";
import { terraform } from "./terraform.ts";

export { type Blueprint, byHand, guide, planSchema };

export const FORMATS = {
  guide: { title: "Step by step, in the Entra admin centre", file: "guide.md", type: "text/markdown", write: guideText },
  "azure-cli": { title: "Azure CLI (bash)", file: "provision.sh", type: "text/x-shellscript", write: azureCli },
  powershell: { title: "Microsoft Graph PowerShell", file: "Provision.ps1", type: "text/plain", write: powerShell },
  terraform: { title: "Terraform (azuread)", file: "main.tf", type: "text/plain", write: terraform },
  json: { title: "JSON", file: "plan.json", type: "application/json", write: planJson },
} as const satisfies Record<string, { title: string; file: string; type: string; write: (plan: Blueprint) => string }>;
export type Format = keyof typeof FORMATS;
export const isFormat = (name: string): name is Format => Object.hasOwn(FORMATS, name);
