import { DefaultAzureCredential, type TokenCredential } from "@azure/identity";
import { CryptographyClient, KeyClient, type KeyClientOptions } from "@azure/keyvault-keys";

/** Wraps and unwraps data keys; what it wraps carries the id of the key that it was wrapped with. */
export type KeyProvider = {
  wrap(dataKey: Uint8Array): Promise<Buffer>;
  /** @throws when the key is gone, disabled, or cannot be reached */
  unwrap(wrapped: Uint8Array): Promise<Buffer>;
  /** Whether it was wrapped with the key that `wrap` would take now. */
  isCurrent(wrapped: Uint8Array): Promise<boolean>;
};

/** RSA-OAEP with SHA-256: what a Key Vault RSA key offers for wrapping (docs: about-keys-details, wrap key). */
const ALGORITHM = "RSA-OAEP-256";
const VERSION_KEPT_MS = 10 * 60_000;

/**
 * A key in Azure Key Vault. `keyUrl` has no version: new data keys are wrapped with its newest one, old ones are
 * unwrapped with the version that they name, so a rotation in the vault needs nothing here. What it wraps begins with
 * `mark`, the version and a colon.
 */
export function keyVault(
  keyUrl: string,
  mark: string,
  credential: TokenCredential = new DefaultAzureCredential(),
  options: KeyClientOptions = {},
): KeyProvider {
  const { origin, pathname } = new URL(keyUrl);
  const name = pathname.split("/")[2]!;
  const keys = new KeyClient(origin, credential, options);
  const clients = new Map<string, CryptographyClient>();
  let newest: { version: string; until: number } | undefined;

  async function newestVersion(): Promise<string> {
    if (newest && newest.until > Date.now()) return newest.version;
    const key = await keys.getKey(name);
    const { version } = key.properties;
    if (!version) throw new Error("Key Vault gave a key without a version");
    clients.set(version, new CryptographyClient(key, credential, options));
    newest = { version, until: Date.now() + VERSION_KEPT_MS };
    return version;
  }
  const clientOf = (version: string) => {
    const client = clients.get(version) ?? new CryptographyClient(`${keyUrl}/${version}`, credential, options);
    clients.set(version, client);
    return client;
  };
  const versionOf = (wrapped: Buffer) => wrapped.subarray(mark.length, wrapped.indexOf(0x3a)).toString();

  return {
    async wrap(dataKey) {
      const version = await newestVersion();
      const { result } = await clientOf(version).wrapKey(ALGORITHM, dataKey);
      return Buffer.concat([Buffer.from(`${mark}${version}:`), result]);
    },
    async unwrap(wrapped) {
      const bytes = Buffer.from(wrapped);
      const { result } = await clientOf(versionOf(bytes)).unwrapKey(ALGORITHM, bytes.subarray(bytes.indexOf(0x3a) + 1));
      return Buffer.from(result);
    },
    isCurrent: async (wrapped) =>
      Buffer.from(wrapped).subarray(0, mark.length).toString() === mark && versionOf(Buffer.from(wrapped)) === (await newestVersion()),
  };
}
