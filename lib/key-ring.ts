/**
 * The portal's own keys. What lives in a session is sealed with `VESTIBULE_KEYS`; the data keys of handoffs are wrapped
 * with them too, or, where `KEY_VAULT_KEY` is set, by Azure Key Vault. Whatever was wrapped by either stays readable as
 * long as its key is there, so that changing over loses nothing.
 */
import { config } from "./config.ts";
import type { KeyProvider } from "./key-vault.ts";
import { seal, unseal } from "./secret.ts";

const ringKeyOf = (sealed: Uint8Array) => {
  const bytes = Buffer.from(sealed);
  return bytes.subarray(0, bytes.indexOf(0x3a)).toString();
};

/** Sealed with the portal's current key, whose id stands in front so that it can be opened after a rotation. */
export function sealWithRing(plaintext: Uint8Array | string, boundTo: string): Uint8Array<ArrayBuffer> {
  const [current] = config().VESTIBULE_KEYS;
  return Uint8Array.from(Buffer.concat([Buffer.from(`${current!.id}:`), seal(current!.key, plaintext, boundTo)]));
}

/** @throws when `VESTIBULE_KEYS` no longer has the key, or the bytes are not what was sealed for this purpose */
export function openWithRing(sealed: Uint8Array, boundTo: string): Buffer {
  const keyId = ringKeyOf(sealed);
  const key = config().VESTIBULE_KEYS.find(({ id }) => id === keyId)?.key;
  if (!key) throw new Error(`VESTIBULE_KEYS has no key "${keyId}" any more`);
  return unseal(key, Buffer.from(sealed).subarray(keyId.length + 1), boundTo);
}

/** Whether it was sealed with the first key of the ring. */
const isSealedWithCurrent = (sealed: Uint8Array) => ringKeyOf(sealed) === config().VESTIBULE_KEYS[0]!.id;

const VAULT_MARK = "vault/";
const isFromVault = (wrapped: Uint8Array) => ringKeyOf(wrapped).startsWith(VAULT_MARK);

const processWide = globalThis as { vestibuleVault?: KeyProvider };
async function vault(): Promise<KeyProvider | null> {
  const { KEY_VAULT_KEY } = config();
  if (!KEY_VAULT_KEY) return null;
  // Azure's packages are large, and most installations do without.
  processWide.vestibuleVault ??= (await import("./key-vault.ts")).keyVault(KEY_VAULT_KEY, VAULT_MARK);
  return processWide.vestibuleVault;
}

/** @throws when Key Vault cannot be reached */
export async function wrapDataKey(dataKey: Uint8Array, boundTo: string): Promise<Uint8Array<ArrayBuffer>> {
  const provider = await vault();
  return provider ? Uint8Array.from(await provider.wrap(dataKey)) : sealWithRing(dataKey, boundTo);
}

/** @throws when the key is gone or Key Vault cannot be reached */
export async function unwrapDataKey(wrapped: Uint8Array, boundTo: string): Promise<Buffer> {
  if (!isFromVault(wrapped)) return openWithRing(wrapped, boundTo);
  const provider = await vault();
  if (!provider) throw new Error("This was wrapped by Azure Key Vault: set KEY_VAULT_KEY");
  return provider.unwrap(wrapped);
}

/** Whether `wrapDataKey` would use the same key now. */
export async function isWrappedWithCurrent(wrapped: Uint8Array): Promise<boolean> {
  const provider = await vault();
  if (provider) return provider.isCurrent(wrapped);
  return !isFromVault(wrapped) && isSealedWithCurrent(wrapped);
}
