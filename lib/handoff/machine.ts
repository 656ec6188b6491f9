import { CompactEncrypt, importJWK, type JWK } from "jose";

/** A public key of the vendor's, as its manifest has it (RFC 7517). */
export type MachineKey = { readonly kty: string; readonly kid: string; readonly [member: string]: string | undefined };

const algorithmOf = ({ alg, kty }: MachineKey) => alg ?? (kty === "RSA" ? "RSA-OAEP-256" : "ECDH-ES+A256KW");

/** The values as a compact JWE (RFC 7516) that only the owner of the key can open. @throws when the key is not one to encrypt with */
export async function sealToKey(key: MachineKey, values: Readonly<Record<string, unknown>>): Promise<string> {
  const alg = algorithmOf(key);
  const plaintext = Buffer.from(JSON.stringify(values));
  try {
    return await new CompactEncrypt(plaintext)
      .setProtectedHeader({ alg, enc: "A256GCM", kid: key.kid, cty: "json" })
      .encrypt(await importJWK(key as JWK, alg));
  } finally {
    plaintext.fill(0);
  }
}
