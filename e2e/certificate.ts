import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { cryptoProvider, SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";

cryptoProvider.set(webcrypto as Crypto);

/** One for a server of a test, which only who is given it trusts. */
export async function newServerCertificate(host: string): Promise<{ cert: string; key: string }> {
  const { pem, privateKey } = await newCertificate(`CN=${host}`, [new SubjectAlternativeNameExtension([{ type: "dns", value: host }])]);
  return { cert: pem, key: privateKey };
}

/** A self-signed certificate as a vendor would make it, with its key. */
export async function newCertificate(
  name = "CN=Acme Cloud Connector, O=Acme",
  extensions: SubjectAlternativeNameExtension[] = [],
): Promise<{ pem: string; privateKey: string }> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name,
    extensions,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 365 * 86_400_000),
    signingAlgorithm: algorithm,
    keys,
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
  return { pem: `${certificate.toString("pem")}\n`, privateKey };
}
