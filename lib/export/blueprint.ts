import type { Choices, Manifest } from "../catalogue/schema.ts";
import {
  type KnownRegistration,
  type ManualStep,
  manualStepsFor,
  type Prerequisite,
  prerequisitesFor,
  scriptsOf,
} from "../catalogue/selection.ts";
import type { DesiredRegistration } from "../provisioning/desired.ts";

/** What every export is written from. */
export type Blueprint = {
  manifest: Manifest;
  choices: Choices;
  registrations: readonly DesiredRegistration[];
  /** Null before somebody has signed in. */
  tenant: { id: string; domain: string } | null;
  /** Made already, in this tenant; scripts to run afterwards name them. */
  made: readonly KnownRegistration[];
  /** Where Graph is: national clouds have another. */
  graphUrl: string;
  /** Of this portal: it publishes the schema of the JSON export. */
  portalUrl: string;
  now: Date;
};
export type ByHand = { prerequisites: readonly Prerequisite[]; steps: readonly (ManualStep & { scripts: ReturnType<typeof scriptsOf> })[] };

/** What people do besides, with every value filled in. */
export const byHand = ({ manifest, choices, tenant, made }: Blueprint): ByHand => ({
  prerequisites: prerequisitesFor(manifest, choices),
  steps: manualStepsFor(manifest, choices).map((step) => ({
    ...step,
    scripts: scriptsOf(manifest, choices, step, { tenant, registrations: made }),
  })),
});
