/**
 * What a choice comes to, as pure functions that the browser runs too: the same code counts permissions while
 * boxes change and plans the run afterwards. Imports nothing but types, and the checks of what was filled in.
 */
import type { Choices, Condition, CredentialKind, Feature, Manifest, Permission, Registration, Variable } from "./schema.ts";
import { addressesOf, checkVariable, fill, namesIn, powerShellLiteral, shellLiteral, type Values } from "./variables.ts";

export { checkVariable, fill, powerShellLiteral, shellLiteral, type Values };

export type ChosenPermission = Pick<Permission, "api" | "kind" | "value" | "because" | "risk" | "toConfirm" | "keptBecause"> & {
  features: string[];
};
export type ManualStep = Manifest["manualSteps"][number];
export type Prerequisite = Manifest["prerequisites"][number];

/** Fields of the handover that only a credential of this kind fills. */
export const CREDENTIAL_OF: Partial<Record<Manifest["handover"]["fields"][number], "secret" | "certificate" | "federated">> = {
  "secret-value": "secret",
  "secret-expiry": "secret",
  "certificate-thumbprint": "certificate",
  "federated-subject": "federated",
};

export const nothingChosen: Choices = {
  features: [],
  variants: {},
  answers: {},
  layout: "single",
  variables: {},
  instances: {},
  adopt: {},
};

export const variantOf = (feature: Feature, choices: Choices) =>
  feature.variants?.find(({ id }) => id === choices.variants[feature.id]) ?? feature.variants?.[0];

export const answerOf = (manifest: Manifest, choices: Choices, questionId: string) =>
  choices.answers[questionId] ?? manifest.questions.find(({ id }) => id === questionId)?.options[0]?.id;

/** What was filled in, checked; "" when it was left empty or cannot be used. */
function givenValue(manifest: Manifest, choices: Choices, variableId: string): string {
  const variable = manifest.variables.find(({ id }) => id === variableId);
  const checked = variable && checkVariable(variable, choices.variables[variableId] ?? "");
  return checked && "value" in checked ? checked.value : "";
}

function holds(manifest: Manifest, choices: Choices, when: Condition | undefined): boolean {
  if (!when) return true;
  if (when.variable) return givenValue(manifest, choices, when.variable) !== "";
  const answer = answerOf(manifest, choices, when.question!);
  return answer !== undefined && [when.is].flat().includes(answer);
}

const allPermissionsOf = (feature: Feature, choices: Choices): Permission[] => [
  ...feature.permissions,
  ...(variantOf(feature, choices)?.permissions ?? []),
];

/** A feature's permissions as they stand with the variant, the answers and the values chosen. */
export const permissionsOf = (manifest: Manifest, feature: Feature, choices: Choices): Permission[] =>
  allPermissionsOf(feature, choices).filter(({ when }) => holds(manifest, choices, when));

/** Whether Exchange grants it for chosen mailboxes, so that it is not granted for the whole tenant. */
export const isScoped = (manifest: Manifest, choices: Choices, { scopedInExchange }: Permission): boolean =>
  scopedInExchange !== undefined && answerOf(manifest, choices, scopedInExchange.question) === scopedInExchange.is;

export const probesOf = (feature: Feature, choices: Choices) => [...feature.probes, ...(variantOf(feature, choices)?.probes ?? [])];

const chosenFeatures = (manifest: Manifest, { features }: Choices) => manifest.features.filter(({ id }) => features.includes(id));
const registrationIdOf = (manifest: Manifest, feature: Feature) => feature.registration ?? manifest.registrations[0]!.id;

/** Questions that a chosen feature and variant asks. */
export function questionsOf(manifest: Manifest, feature: Feature, choices: Choices) {
  const asked = new Set(
    allPermissionsOf(feature, choices).flatMap(({ when, scopedInExchange }) =>
      [when?.question, scopedInExchange?.question].filter((each) => each !== undefined),
    ),
  );
  return manifest.questions.filter(({ id }) => asked.has(id));
}
/** Questions that concern more than one chosen feature, or what is to be done by hand: asked once. */
export function sharedQuestionsOf(manifest: Manifest, choices: Choices) {
  const chosen = chosenFeatures(manifest, choices);
  const isByFeature = (id: string) =>
    chosen.filter((feature) => questionsOf(manifest, feature, choices).some((each) => each.id === id)).length;
  const askedBy = ({ features, when }: { features?: string[] | undefined; when?: Condition | undefined }) =>
    when?.question !== undefined && (!features || features.some((id) => choices.features.includes(id))) ? [when.question] : [];
  const byHand = new Set([...manifest.manualSteps, ...manifest.prerequisites].flatMap(askedBy));
  return chosen.length === 0 ? [] : manifest.questions.filter(({ id }) => isByFeature(id) > 1 || (isByFeature(id) === 0 && byHand.has(id)));
}

type Listed = { granted: ChosenPermission[]; scoped: ChosenPermission[] };
/** One entry per permission, in a fixed order whatever the order of the boxes, with the features that ask for it. */
function listed(manifest: Manifest, choices: Choices, features: readonly Feature[]): Listed {
  const found = new Map<string, ChosenPermission & { isScoped: boolean }>();
  for (const feature of features)
    for (const permission of permissionsOf(manifest, feature, choices)) {
      const { api, kind, value, because, risk, toConfirm, keptBecause } = permission;
      const key = `${api}/${kind}/${value}`;
      const scoped = isScoped(manifest, choices, permission);
      const existing = found.get(key);
      if (existing) {
        existing.features.push(feature.id);
        existing.isScoped &&= scoped;
      } else
        found.set(key, {
          ...{ api, kind, value, because, risk, features: [feature.id], isScoped: scoped },
          ...(toConfirm ? { toConfirm } : {}),
          ...(keptBecause ? { keptBecause } : {}),
        });
    }
  const all = [...found.values()].sort((a, b) => (`${a.api}/${a.kind}/${a.value}` < `${b.api}/${b.kind}/${b.value}` ? -1 : 1));
  const plain = ({ isScoped: _, ...permission }: (typeof all)[number]): ChosenPermission => permission;
  return { granted: all.filter((each) => !each.isScoped).map(plain), scoped: all.filter((each) => each.isScoped).map(plain) };
}

/** Everything that is granted in the tenant for these choices, over all registrations. */
export const permissionsFor = (manifest: Manifest, choices: Choices): ChosenPermission[] =>
  listed(manifest, choices, chosenFeatures(manifest, choices)).granted;

export type CredentialChoice =
  | { kind: "secret"; months: number }
  | { kind: "certificate"; pem: string }
  | { kind: "federated"; issuer: string; subject: string; audience: string };
export type RegistrationChoice = {
  id: string;
  displayName: string;
  definition: Registration;
  features: string[];
  permissions: ChosenPermission[];
  /** Granted by Exchange for chosen mailboxes, not by Entra. */
  scoped: ChosenPermission[];
  credential: CredentialChoice | null;
};

/** The credential that the admin chose where the product can use it, else the product's own default. */
const credentialKindOf = ({ credential: { kinds } }: Registration, choices: Choices): CredentialKind =>
  choices.credential && kinds.includes(choices.credential) ? choices.credential : kinds[0]!;

function credentialOf(manifest: Manifest, choices: Choices, definition: Registration, permissions: readonly ChosenPermission[]) {
  const { credential } = definition;
  const isNeeded = credential.onlyIf === "always" || permissions.some(({ kind }) => kind === "application");
  if (!isNeeded) return null;
  switch (credentialKindOf(definition, choices)) {
    case "none":
      return null;
    case "secret":
      return { kind: "secret" as const, months: Math.min(choices.months ?? credential.months, credential.maxMonths) };
    case "certificate":
      return { kind: "certificate" as const, pem: credential.certificate ?? choices.certificate ?? "" };
    case "federated": {
      const { issuer = "", subject = "", audience = "" } = credential.federated ?? {};
      const values = valuesOf(manifest, choices);
      return { kind: "federated" as const, issuer: fill(issuer, values) ?? "", subject: fill(subject, values) ?? "", audience };
    }
  }
}

/** The app registrations that the choices need: one for each component and instance, or one for each feature. */
export function registrationsFor(manifest: Manifest, choices: Choices): RegistrationChoice[] {
  return manifest.registrations.flatMap((definition) => {
    const features = chosenFeatures(manifest, choices).filter((feature) => registrationIdOf(manifest, feature) === definition.id);
    if (features.length === 0) return [];
    const made = (id: string, displayName: string, own: readonly Feature[]): RegistrationChoice => {
      const { granted, scoped } = listed(manifest, choices, own);
      return {
        ...{ id, displayName, definition, features: own.map((feature) => feature.id), permissions: granted, scoped },
        credential: credentialOf(manifest, choices, definition, [...granted, ...scoped]),
      };
    };
    if (choices.layout === "per-feature" && definition.perFeature)
      return features.map((feature) => made(`${definition.id}-${feature.id}`, `${definition.displayName} – ${feature.title}`, [feature]));
    const count = definition.instances ? Math.min(choices.instances[definition.id] ?? 1, definition.instances.max) : 1;
    return Array.from({ length: count }, (_, index) => {
      const suffix = index === 0 ? "" : `-${String(index + 1).padStart(2, "0")}`;
      return made(`${definition.id}${suffix}`, `${definition.displayName}${suffix}`, features);
    });
  });
}

/** A redirect URI with its values; null when an optional one is not given. */
export const redirectUriOf = (manifest: Manifest, choices: Choices, template: string) => fill(template, valuesOf(manifest, choices));

/** The values that were filled in, by name. */
export function valuesOf(manifest: Manifest, choices: Choices): Values {
  return Object.fromEntries(
    manifest.variables.flatMap(({ id, type }) => {
      const value = givenValue(manifest, choices, id);
      return value ? [[id, type === "addresses" ? addressesOf(value) : value]] : [];
    }),
  );
}

/** Delegated permissions are granted for this account only; null means for everyone in the tenant. */
export function consentAccountOf(manifest: Manifest, choices: Choices, { consentFor }: Registration): string | null {
  if (!consentFor || (choices.consent ?? consentFor.default) === "everyone") return null;
  return givenValue(manifest, choices, consentFor.account);
}

type Step = Pick<ManualStep, "features" | "kind" | "when">;
/** Whether a chosen feature of a step's list has a permission of its kind, leaving its condition aside. */
function fits(manifest: Manifest, choices: Choices) {
  const { granted, scoped } = listed(manifest, choices, chosenFeatures(manifest, choices));
  const permissions = [...granted, ...scoped];
  return ({ features, kind }: Step) =>
    (!features || features.some((id) => permissions.some((each) => each.features.includes(id) && (!kind || each.kind === kind)))) &&
    (!kind || permissions.some((each) => each.kind === kind));
}

/** Whether a step concerns what was chosen: it fits, and its condition holds. */
function concerns(manifest: Manifest, choices: Choices) {
  const isFit = fits(manifest, choices);
  return (step: Step) => isFit(step) && holds(manifest, choices, step.when);
}

export const prerequisitesFor = (manifest: Manifest, choices: Choices): Prerequisite[] =>
  manifest.prerequisites.filter(concerns(manifest, choices));

/** What Graph cannot do for these choices. */
export const manualStepsFor = (manifest: Manifest, choices: Choices): ManualStep[] =>
  manifest.manualSteps.filter(concerns(manifest, choices));

/** What is known of a registration once it is made; scripts may name it. */
export type KnownRegistration = { id: string; appId?: string | undefined; servicePrincipalId?: string | undefined; displayName: string };
export type KnownTenant = { id: string; domain: string } | null;
export type FilledScript = { registration: string | null; script: string };
const OF_REGISTRATION = ["application-id", "service-principal-id", "display-name"];

/** A step's script with every value in it as a literal; one for each registration that it names. What is not known yet is said to be so. */
export function scriptsOf(
  manifest: Manifest,
  choices: Choices,
  step: ManualStep,
  known: { tenant: KnownTenant; registrations: readonly KnownRegistration[] },
): FilledScript[] {
  const { script } = step;
  if (!script) return [];
  const names = namesIn(script);
  const given = valuesOf(manifest, choices);
  const written = (extra: Values) => {
    const all: Values = {
      ...Object.fromEntries(names.map((name) => [name, `<${name.replaceAll("-", " ")}: known later>`])),
      ...given,
      ...(known.tenant ? { "tenant-id": known.tenant.id, "tenant-domain": known.tenant.domain } : {}),
      ...extra,
    };
    return fill(script, all, powerShellLiteral) ?? script;
  };
  if (!names.some((name) => OF_REGISTRATION.includes(name))) return [{ registration: null, script: written({}) }];
  return registrationsFor(manifest, choices)
    .filter(({ features }) => !step.features || step.features.some((id) => features.includes(id)))
    .map(({ id, displayName }) => {
      const facts = known.registrations.find((each) => each.id === id);
      return {
        registration: displayName,
        script: written({
          "display-name": facts?.displayName ?? displayName,
          ...(facts?.appId ? { "application-id": facts.appId } : {}),
          ...(facts?.servicePrincipalId ? { "service-principal-id": facts.servicePrincipalId } : {}),
        }),
      };
    });
}

/** What has to be filled in for these choices: whatever a chosen registration, permission, probe or step names. */
export function variablesFor(manifest: Manifest, choices: Choices): Variable[] {
  const features = chosenFeatures(manifest, choices);
  const definitions = new Map(registrationsFor(manifest, choices).map(({ definition }) => [definition.id, definition]));
  const used = new Set<string>();
  const note = (template: string | undefined) => {
    for (const name of namesIn(template ?? "")) used.add(name);
  };
  for (const { redirectUris, consentFor, credential, ...definition } of definitions.values()) {
    for (const uri of [...redirectUris.web, ...redirectUris.spa, ...redirectUris.publicClient]) note(uri);
    if (consentFor && (choices.consent ?? consentFor.default) === "account") used.add(consentFor.account);
    if (credentialKindOf({ ...definition, redirectUris, credential }, choices) === "federated") {
      note(credential.federated?.issuer);
      note(credential.federated?.subject);
    }
  }
  for (const feature of features) {
    for (const { when } of allPermissionsOf(feature, choices)) if (when?.variable) used.add(when.variable);
    for (const { path } of probesOf(feature, choices)) note(path);
  }
  // A step that an optional value brings about has to ask for that value first.
  for (const { when } of [...manifest.manualSteps, ...manifest.prerequisites].filter(fits(manifest, choices)))
    if (when?.variable) used.add(when.variable);
  for (const { script, body } of manualStepsFor(manifest, choices)) {
    note(script);
    note(body);
  }
  return manifest.variables.filter(({ id }) => used.has(id));
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
  const registrations = registrationsFor(manifest, choices);
  if (choices.layout === "per-feature" && !manifest.registrations.some(({ perFeature }) => perFeature))
    return `${manifest.name} uses one app registration for all features.`;
  for (const [registrationId, count] of Object.entries(choices.instances)) {
    const definition = manifest.registrations.find(({ id }) => id === registrationId);
    if (!definition?.instances && count !== 1) return `"${registrationId}" has one registration only. Reload the page and choose again.`;
    if (definition?.instances && count > definition.instances.max)
      return `${definition.displayName} can have ${definition.instances.max} registrations at most.`;
  }
  const { credential, months } = choices;
  if (credential && !manifest.registrations.some((each) => each.credential.kinds.includes(credential)))
    return `${manifest.name} cannot use this kind of credential (${credential}).`;
  const longest = Math.max(...manifest.registrations.map((each) => each.credential.maxMonths));
  if (months && months > longest) return `${manifest.name} allows secrets of ${longest} months at most.`;
  const withoutKey = registrations.find((each) => each.credential?.kind === "certificate" && !each.credential.pem);
  if (withoutKey) return `Upload the public certificate that ${manifest.vendor.name} sent you, or choose another kind of credential.`;
  for (const variable of variablesFor(manifest, choices)) {
    const { reason } = checkVariable(variable, choices.variables[variable.id] ?? "");
    if (reason) return reason.startsWith(variable.title) ? reason : `${variable.title}: ${reason}`;
  }
  const withoutAccount = registrations.find(({ definition }) => consentAccountOf(manifest, choices, definition) === "");
  if (withoutAccount) {
    const account = manifest.variables.find(({ id }) => id === withoutAccount.definition.consentFor?.account);
    return `${account?.title ?? "The account"}: name the account that the permissions are granted for.`;
  }
  for (const registrationId of Object.keys(choices.adopt)) {
    const adopted = registrations.find(({ id }) => id === registrationId);
    if (!adopted) return "The registration to be adopted is not part of the plan any more. Choose again.";
    if (!adopted.definition.adopt && !adopted.definition.onePerTenant)
      return `${manifest.vendor.name} wants a registration of its own for ${adopted.displayName}; an existing one cannot be used.`;
  }
  if (new Set(Object.values(choices.adopt)).size !== Object.keys(choices.adopt).length)
    return "One existing registration cannot stand for two of the plan.";
  return null;
}
