/**
 * What a choice comes to, as pure functions that the browser runs too: the same code counts permissions while
 * boxes change and plans the run afterwards. Imports nothing but types.
 */
import type { Choices, Feature, Manifest, Permission } from "./schema.ts";

export type ChosenPermission = Pick<Permission, "api" | "kind" | "value" | "because" | "risk"> & { features: string[] };
export type ManualStep = Manifest["manualSteps"][number];

export const variantOf = (feature: Feature, choices: Choices) =>
  feature.variants?.find(({ id }) => id === choices.variants[feature.id]) ?? feature.variants?.[0];

export const answerOf = (manifest: Manifest, choices: Choices, questionId: string) =>
  choices.answers[questionId] ?? manifest.questions.find(({ id }) => id === questionId)?.options[0]?.id;

/** A feature's permissions as they stand with the variant and the answers chosen. */
export function permissionsOf(manifest: Manifest, feature: Feature, choices: Choices): Permission[] {
  return [...feature.permissions, ...(variantOf(feature, choices)?.permissions ?? [])].filter(
    ({ when }) => !when || answerOf(manifest, choices, when.question) === when.is,
  );
}

export const probesOf = (feature: Feature, choices: Choices) => [...feature.probes, ...(variantOf(feature, choices)?.probes ?? [])];

/** Questions that a chosen feature and variant asks. */
export function questionsOf(manifest: Manifest, feature: Feature, choices: Choices) {
  const asked = new Set(
    [...feature.permissions, ...(variantOf(feature, choices)?.permissions ?? [])].flatMap(({ when }) => (when ? [when.question] : [])),
  );
  return manifest.questions.filter(({ id }) => asked.has(id));
}

/** One entry per permission, in a fixed order whatever the order of the boxes, with the features that ask for it. */
export function permissionsFor(manifest: Manifest, choices: Choices, only?: string): ChosenPermission[] {
  const found = new Map<string, ChosenPermission>();
  for (const feature of manifest.features) {
    if (!choices.features.includes(feature.id) || (only && only !== feature.id)) continue;
    for (const { api, kind, value, because, risk } of permissionsOf(manifest, feature, choices)) {
      const key = `${api}/${kind}/${value}`;
      const existing = found.get(key);
      if (existing) existing.features.push(feature.id);
      else found.set(key, { api, kind, value, because, risk, features: [feature.id] });
    }
  }
  return [...found.values()].sort((a, b) => (`${a.api}/${a.kind}/${a.value}` < `${b.api}/${b.kind}/${b.value}` ? -1 : 1));
}

export type RegistrationChoice = { id: string; displayName: string; permissions: ChosenPermission[]; secretMonths: number | null };

/** The app registrations that the choices need: one for everything, or one for each feature. */
export function registrationsFor(manifest: Manifest, choices: Choices): RegistrationChoice[] {
  const { registration } = manifest;
  const secretMonths = (permissions: ChosenPermission[]) => {
    const { kind, onlyIf, months } = registration.credential;
    const isNeeded = onlyIf === "always" || permissions.some((permission) => permission.kind === "application");
    return kind === "secret" && isNeeded ? months : null;
  };
  if (choices.layout === "per-feature" && registration.perFeature)
    return manifest.features
      .filter(({ id }) => choices.features.includes(id))
      .map((feature) => {
        const permissions = permissionsFor(manifest, choices, feature.id);
        return {
          id: `${registration.id}-${feature.id}`,
          displayName: `${registration.displayName} – ${feature.title}`,
          permissions,
          secretMonths: secretMonths(permissions),
        };
      });
  const permissions = permissionsFor(manifest, choices);
  return permissions.length === 0
    ? []
    : [{ id: registration.id, displayName: registration.displayName, permissions, secretMonths: secretMonths(permissions) }];
}

/** What Graph cannot do for these choices. */
export function manualStepsFor(manifest: Manifest, choices: Choices): ManualStep[] {
  const permissions = permissionsFor(manifest, choices);
  return manifest.manualSteps.filter(
    (step) =>
      (!step.features ||
        step.features.some((id) => permissions.some((p) => p.features.includes(id) && (!step.kind || p.kind === step.kind)))) &&
      (!step.kind || permissions.some(({ kind }) => kind === step.kind)),
  );
}

/** Why the choices cannot be taken, in words for the admin; null when they can. */
export function refusalOf(manifest: Manifest, offered: readonly string[], choices: Choices): string | null {
  const unknown = choices.features.find((id) => !offered.includes(id) || !manifest.features.some((feature) => feature.id === id));
  if (unknown !== undefined) return `${manifest.name} does not offer a feature "${unknown}". Reload the page to see what it offers.`;
  if (choices.features.length === 0) return "Choose at least one feature.";
  for (const [featureId, variantId] of Object.entries(choices.variants)) {
    const feature = manifest.features.find(({ id }) => id === featureId);
    if (!feature?.variants?.some(({ id }) => id === variantId))
      return `"${featureId}" has no variant "${variantId}". Reload the page and choose again.`;
  }
  for (const [questionId, optionId] of Object.entries(choices.answers)) {
    const question = manifest.questions.find(({ id }) => id === questionId);
    if (!question?.options.some(({ id }) => id === optionId))
      return `"${questionId}" cannot be answered with "${optionId}". Reload the page and choose again.`;
  }
  if (choices.layout === "per-feature" && !manifest.registration.perFeature)
    return `${manifest.name} uses one app registration for all features.`;
  return null;
}
