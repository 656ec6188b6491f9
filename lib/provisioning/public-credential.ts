/** Credentials of which nothing is secret: the vendor's certificate, and trust in tokens of its own cloud. */
import type { DesiredCredential } from "./desired.ts";
import type { ActualRegistration } from "./snapshot.ts";

/** A certificate by its thumbprint: Graph keeps it as bytes or, where it made it up itself, as hex text. */
export const thumbprintOf = ({ customKeyIdentifier }: { customKeyIdentifier: string | null }) => {
  const bytes = Buffer.from(customKeyIdentifier ?? "", "base64");
  return (bytes.length === 40 ? bytes.toString("latin1") : bytes.toString("hex")).toUpperCase();
};
/** Whether the credential that is not a secret is there already. */
export function isCredentialThere(credential: DesiredCredential, existing: ActualRegistration): boolean {
  switch (credential.kind) {
    case "secret":
      return false;
    case "certificate":
      return existing.certificates.some((held) => held.key === credential.der || thumbprintOf(held) === credential.thumbprint);
    case "federated":
      return existing.federated.some(
        ({ issuer, subject, audiences }) =>
          issuer === credential.issuer && subject === credential.subject && audiences.includes(credential.audience),
      );
  }
}

/** The write that adds a credential other than a secret; both are the same however often they are sent. */
export function credentialWrite(
  credential: Exclude<DesiredCredential, { kind: "secret" }>,
  existing: ActualRegistration | null,
  objectId: string,
): { method: "PATCH"; path: string; headers?: Record<string, string>; body: unknown } {
  if (credential.kind === "federated") {
    const { name, issuer, subject, audience } = credential;
    return {
      method: "PATCH",
      path: `/applications/${objectId}/federatedIdentityCredentials(name='${name}')`,
      headers: { Prefer: "create-if-missing" },
      body: { name, issuer, subject, audiences: [audience] },
    };
  }
  const { der, thumbprint, startsAt, endsAt } = credential;
  return {
    method: "PATCH",
    path: `/applications/${objectId}`,
    body: {
      keyCredentials: [
        ...(existing?.certificates ?? []),
        {
          type: "AsymmetricX509Cert",
          usage: "Verify",
          key: der,
          displayName: `Vestibule ${thumbprint.slice(0, 8)}`,
          customKeyIdentifier: Buffer.from(thumbprint, "hex").toString("base64"),
          startDateTime: startsAt,
          endDateTime: endsAt,
        },
      ],
    },
  };
}
