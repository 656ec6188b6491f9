import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";

/** A plaintext that must not be printed: every way of turning it into text gives `[secret]`. */
export class Secret {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  /** The only way out. Call it on the line that sends or seals the value. */
  expose(): string {
    return this.#text;
  }
  toString() {
    return "[secret]";
  }
  toJSON() {
    return "[secret]";
  }
  [Symbol.for("nodejs.util.inspect.custom")]() {
    return "[secret]";
  }
}

export const sha256 = (text: string | Uint8Array) => createHash("sha256").update(text).digest();
export const digestOf = (token: string) => sha256(token).toString("base64url");
/** 256 bits from the system's generator, as base64url. */
export const newToken = () => randomBytes(32).toString("base64url");

/** HKDF-SHA256 (RFC 5869) to 32 bytes. */
export const deriveKey = (input: Uint8Array, salt: Uint8Array, use: string) => Buffer.from(hkdfSync("sha256", input, salt, use, 32));

/** AES-256-GCM: 12 bytes of nonce, the ciphertext, 16 bytes of tag. `boundTo` must be the same at `unseal`. */
export function seal(key: Uint8Array, plaintext: Uint8Array | string, boundTo: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(boundTo));
  const body = Buffer.concat([cipher.update(plaintext as Uint8Array), cipher.final()]);
  return Buffer.concat([nonce, body, cipher.getAuthTag()]);
}

/** @throws when the key, the binding or a single bit is not the one that was sealed. */
export function unseal(key: Uint8Array, sealed: Uint8Array, boundTo: string): Buffer {
  const bytes = Buffer.from(sealed);
  const cipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAAD(Buffer.from(boundTo));
  cipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]);
}
