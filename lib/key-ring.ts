import { config } from "./config.ts";
import { seal, unseal } from "./secret.ts";

/** Sealed with the portal's current key, whose id stands in front so that it can be opened after a rotation. */
export function sealWithRing(plaintext: Uint8Array | string, boundTo: string): Uint8Array<ArrayBuffer> {
  const [current] = config().VESTIBULE_KEYS;
  return Uint8Array.from(Buffer.concat([Buffer.from(`${current!.id}:`), seal(current!.key, plaintext, boundTo)]));
}

/** @throws when `VESTIBULE_KEYS` no longer has the key, or the bytes are not what was sealed for this purpose */
export function openWithRing(sealed: Uint8Array, boundTo: string): Buffer {
  const bytes = Buffer.from(sealed);
  const colon = bytes.indexOf(0x3a);
  const keyId = bytes.subarray(0, colon).toString();
  const key = config().VESTIBULE_KEYS.find(({ id }) => id === keyId)?.key;
  if (!key) throw new Error(`VESTIBULE_KEYS has no key "${keyId}" any more`);
  return unseal(key, bytes.subarray(colon + 1), boundTo);
}
