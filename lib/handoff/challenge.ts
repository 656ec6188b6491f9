/**
 * What a scanner that clicks every button cannot produce: a code mailed at that moment, or a passphrase told by phone.
 * Here is how they are made and checked; how often they may be tried is decided in the database.
 */
import { argon2, createHmac, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import { deriveKey, Secret } from "../secret.ts";

/** 32 letters that are not mistaken for one another. */
const ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const CODE_LENGTH = 8;
export const CODE_MS = 10 * 60_000;

/** OWASP's first choice for argon2id is below this; 64 MiB, 3 passes, 1 lane cost about 0.2 s. */
const ARGON2 = { memory: 64 * 1024, passes: 3, parallelism: 1, tagLength: 32 };
const SALT_BYTES = 16;
/** Each holds 64 MiB while it runs. */
const AT_A_TIME = 2;
export const PASSPHRASE_AT_LEAST = 12;

export const newCode = () => new Secret(Array.from({ length: CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join(""));

/** As it is read: in two halves. */
export const spelled = (code: Secret) => `${code.expose().slice(0, CODE_LENGTH / 2)}-${code.expose().slice(CODE_LENGTH / 2)}`;

/**
 * What a code is checked against. Keyed with the link's proof, which the server has only while it is asked: the database
 * alone cannot try codes out.
 */
export function codeVerifier(code: string, proof: Uint8Array, id: string): Buffer {
  const key = deriveKey(proof, Buffer.from(id), "handoff/v1/code");
  return createHmac("sha256", key)
    .update(code.toUpperCase().replaceAll(/[^A-Z0-9]/g, ""))
    .digest();
}

export const isCode = (answer: string, verifier: Uint8Array, proof: Uint8Array, id: string) =>
  timingSafeEqual(codeVerifier(answer, proof, id), verifier);

const hash = (passphrase: string, salt: Buffer) =>
  new Promise<Buffer>((resolve, reject) =>
    argon2("argon2id", { message: passphrase.normalize("NFKC").trim(), nonce: salt, ...ARGON2 }, (error, tag) =>
      error ? reject(error) : resolve(tag),
    ),
  );

/** Salt and argon2id tag (RFC 9106). A gate only: nothing is encrypted with a passphrase. */
export async function passphraseVerifier(passphrase: string): Promise<Buffer> {
  const salt = randomBytes(SALT_BYTES);
  return Buffer.concat([salt, await hash(passphrase, salt)]);
}

const processWide = globalThis as { vestibuleHashing?: number };
/** Does `work` when fewer than two passphrases are being looked at in this process; null when it is busy. */
export async function whenFree<T>(work: () => Promise<T>): Promise<T | null> {
  processWide.vestibuleHashing ??= 0;
  if (processWide.vestibuleHashing >= AT_A_TIME) return null;
  processWide.vestibuleHashing += 1;
  try {
    return await work();
  } finally {
    processWide.vestibuleHashing -= 1;
  }
}

export async function isPassphrase(answer: string, verifier: Uint8Array): Promise<boolean> {
  const bytes = Buffer.from(verifier);
  return timingSafeEqual(await hash(answer, bytes.subarray(0, SALT_BYTES)), bytes.subarray(SALT_BYTES));
}
