// Per-tenant signing keys and the tokens made with them.
import { randomUUID } from "node:crypto";
import { decodeJwt, exportJWK, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from "jose";

type Keys = { kid: string; privateKey: CryptoKey; publicKey: CryptoKey };
const keys = new Map<string, Promise<Keys>>();

const keysOf = (tenantId: string) => {
  let pair = keys.get(tenantId);
  if (!pair) {
    pair = generateKeyPair("RS256", { extractable: true }).then(({ privateKey, publicKey }) => ({
      kid: randomUUID(),
      privateKey,
      publicKey,
    }));
    keys.set(tenantId, pair);
  }
  return pair;
};

export async function jwks(tenantIds: string[]) {
  return {
    keys: await Promise.all(
      tenantIds.map(async (id) => {
        const { kid, publicKey } = await keysOf(id);
        return { ...(await exportJWK(publicKey)), kid, use: "sig", alg: "RS256" };
      }),
    ),
  };
}

export async function sign(tenantId: string, claims: JWTPayload, lifetimeSeconds = 3600): Promise<string> {
  const { kid, privateKey } = await keysOf(tenantId);
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ ...claims, tid: tenantId, uti: randomUUID().replaceAll("-", "").slice(0, 22) })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", kid })
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + lifetimeSeconds)
    .sign(privateKey);
}

/** The claims of a token, when the tenant that it names did sign it; else null. */
export async function verify(token: string): Promise<JWTPayload | null> {
  try {
    const tenantId = String(decodeJwt(token).tid);
    if (!keys.has(tenantId)) return null;
    const { publicKey } = await keysOf(tenantId);
    return (await jwtVerify(token, publicKey)).payload;
  } catch {
    return null;
  }
}
