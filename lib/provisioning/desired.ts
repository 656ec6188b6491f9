import { X509Certificate } from "node:crypto";
import type { Choices, Manifest } from "../catalogue/schema.ts";
import {
  type ChosenPermission,
  type CredentialChoice,
  consentAccountOf,
  fill,
  isScoped,
  permissionsOf,
  probesOf,
  redirectUriOf,
  registrationsFor,
  valuesOf,
} from "../catalogue/selection.ts";

export type DesiredCredential =
  | { kind: "secret"; months: number }
  /** `der` is base64; the thumbprint is SHA-1 in capital hex, as Entra shows it. */
  | { kind: "certificate"; der: string; thumbprint: string; subject: string; startsAt: string; endsAt: string }
  | { kind: "federated"; name: string; issuer: string; subject: string; audience: string };

/** One app registration as it should be. */
export type DesiredRegistration = {
  id: string;
  /** Microsoft's upsert key: the same product in the same tenant is the same application. */
  uniqueName: string;
  /** The application ID of one that is there already and that the admin picked; it is found by this, not by `uniqueName`. */
  adopts: string | null;
  /** The product works with one registration per tenant only: how another one is recognised. */
  onePerTenant: { redirectUriEndsWith: string | null } | null;
  displayName: string;
  signInAudience: "AzureADMyOrg";
  isFallbackPublicClient: boolean;
  publicClientRedirectUris: readonly string[];
  webRedirectUris: readonly string[];
  spaRedirectUris: readonly string[];
  tags: readonly string[];
  /** The tag without which an application of this key is somebody else's. */
  productTag: string;
  /** Says which onboarding made it: a tag of the application, and the start of the credentials' names. */
  mark: string;
  permissions: readonly ChosenPermission[];
  /** Granted by Exchange for chosen mailboxes, so never here. */
  scoped: readonly ChosenPermission[];
  /** Delegated permissions are granted for this account only; null means for everyone. */
  consentAccount: string | null;
  credential: DesiredCredential | null;
  /** The admin lets the secret live shorter, as long as the tenant's policy allows. */
  mayShorten: boolean;
  /** Where Microsoft's consent page returns to; on the application only while that page is in use. */
  consentCallback: { uri: string; isWanted: boolean };
  probes: readonly { title: string; path: string }[];
};

export type Circumstances = {
  mark: string;
  mayShorten: boolean;
  consentCallback: DesiredRegistration["consentCallback"];
};

/** What is known of a public certificate. @throws when the text is none; a manifest's and an upload's are checked before */
function certificateOf(pem: string): Extract<DesiredCredential, { kind: "certificate" }> {
  const { raw, fingerprint, subject, validFrom, validTo } = new X509Certificate(pem);
  return {
    kind: "certificate",
    der: raw.toString("base64"),
    thumbprint: fingerprint.replaceAll(":", ""),
    subject: subject.replaceAll("\n", ", "),
    startsAt: new Date(validFrom).toISOString(),
    endsAt: new Date(validTo).toISOString(),
  };
}

function credentialOf(manifest: Manifest, credential: CredentialChoice | null): DesiredCredential | null {
  switch (credential?.kind) {
    case undefined:
      return null;
    case "secret":
      return { kind: "secret", months: credential.months };
    case "certificate":
      return certificateOf(credential.pem);
    case "federated": {
      const { issuer, subject, audience } = credential;
      return { kind: "federated", name: `vestibule-${manifest.id}`, issuer, subject, audience };
    }
  }
}

/** What the manifest and the admin's choices ask for. Pure; the order in which features were ticked does not matter. */
export function desired(manifest: Manifest, choices: Choices, circumstances: Circumstances): DesiredRegistration[] {
  const productTag = `vestibule:${manifest.id}`;
  const values = valuesOf(manifest, choices);
  return registrationsFor(manifest, choices).map(({ id, displayName, definition, features, permissions, scoped, credential }) => {
    const uris = (templates: readonly string[]) => templates.flatMap((template) => redirectUriOf(manifest, choices, template) ?? []);
    return {
      id,
      uniqueName: `vestibule-${manifest.id}-${id}`,
      adopts: choices.adopt[id] ?? null,
      onePerTenant: definition.onePerTenant ? { redirectUriEndsWith: definition.onePerTenant.redirectUriEndsWith ?? null } : null,
      displayName,
      signInAudience: definition.audience,
      isFallbackPublicClient: definition.publicClient,
      publicClientRedirectUris: uris(definition.redirectUris.publicClient),
      webRedirectUris: uris(definition.redirectUris.web),
      spaRedirectUris: uris(definition.redirectUris.spa),
      tags: ["Vestibule", productTag],
      productTag,
      ...circumstances,
      permissions,
      scoped,
      consentAccount: consentAccountOf(manifest, choices, definition) || null,
      credential: credentialOf(manifest, credential),
      probes: probesFor(manifest, choices, features, values),
    };
  });
}

/** What is tried once as the application. What Exchange grants later cannot be tried now: its script does that. */
function probesFor(manifest: Manifest, choices: Choices, features: readonly string[], values: ReturnType<typeof valuesOf>) {
  const probes = manifest.features
    .filter(({ id }) => features.includes(id))
    .filter((feature) => !permissionsOf(manifest, feature, choices).some((permission) => isScoped(manifest, choices, permission)))
    .flatMap((feature) => probesOf(feature, choices));
  const filled = probes.flatMap(({ title, path }) => {
    const written = fill(path, { user: "{user}", ...values }, (value) => (value === "{user}" ? value : encodeURIComponent(String(value))));
    return written === null ? [] : [{ title, path: written }];
  });
  // Two features may try the same.
  return filled.filter(({ path }, index) => filled.findIndex((each) => each.path === path) === index);
}
