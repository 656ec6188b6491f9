import type { Choices, Manifest } from "../catalogue/schema.ts";
import { type ChosenPermission, probesOf, registrationsFor } from "../catalogue/selection.ts";

/** One app registration as it should be. */
export type DesiredRegistration = {
  id: string;
  /** Microsoft's upsert key: the same product in the same tenant is the same application. */
  uniqueName: string;
  displayName: string;
  signInAudience: "AzureADMyOrg";
  isFallbackPublicClient: boolean;
  publicClientRedirectUris: readonly string[];
  webRedirectUris: readonly string[];
  tags: readonly string[];
  /** The tag without which an application of this key is somebody else's. */
  productTag: string;
  /** Says which onboarding made it: a tag of the application, and the start of the credentials' names. */
  mark: string;
  permissions: readonly ChosenPermission[];
  secretMonths: number | null;
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

/** What the manifest and the admin's choices ask for. Pure; the order in which features were ticked does not matter. */
export function desired(manifest: Manifest, choices: Choices, circumstances: Circumstances): DesiredRegistration[] {
  const { registration } = manifest;
  const productTag = `vestibule:${manifest.id}`;
  return registrationsFor(manifest, choices).map(({ id, displayName, permissions, secretMonths }) => {
    const features = new Set(permissions.flatMap((permission) => permission.features));
    return {
      id,
      uniqueName: `vestibule-${manifest.id}-${id}`,
      displayName,
      signInAudience: registration.audience,
      isFallbackPublicClient: registration.publicClient,
      publicClientRedirectUris: registration.redirectUris.publicClient,
      webRedirectUris: registration.redirectUris.web,
      tags: ["Vestibule", productTag],
      productTag,
      ...circumstances,
      permissions,
      secretMonths,
      probes: manifest.features.filter((feature) => features.has(feature.id)).flatMap((feature) => probesOf(feature, choices)),
    };
  });
}
