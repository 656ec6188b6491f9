import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  randomUUID,
} from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newServerCertificate } from "../e2e/certificate";
import { type KeyProvider, keyVault } from "./key-vault";

/** As much of Key Vault's REST contract as wrapping takes: the bearer challenge, the newest key, unwrapping by version. */
class Vault {
  readonly keys: { version: string; privateKey: KeyObject }[] = [];
  isDown = false;
  asked: string[] = [];
  #server: Server | undefined;
  rotate() {
    this.keys.unshift({
      version: randomUUID().replaceAll("-", ""),
      privateKey: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
    });
  }
  async start(certificate: { key: string; cert: string }): Promise<string> {
    this.#server = createServer(certificate, (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        const { pathname, origin } = new URL(request.url ?? "/", `https://${request.headers.host}`);
        this.asked.push(`${request.method} ${pathname}`);
        const send = (status: number, value: unknown, headers = {}) =>
          response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
        if (this.isDown) return send(503, { error: { code: "ServiceUnavailable", message: "down" } });
        if (request.headers.authorization !== "Bearer of-the-portal")
          return send(
            401,
            { error: { code: "Unauthorized", message: "AKV10000: Request is missing a Bearer or PoP token." } },
            { "www-authenticate": `Bearer authorization="https://login.example/tenant", resource="https://vault.azure.net"` },
          );
        const [, , name, version, act] = pathname.split("/");
        const key = version ? this.keys.find((each) => each.version === version) : this.keys[0];
        if (!key) return send(404, { error: { code: "KeyNotFound", message: "gone" } });
        const kid = `${origin}/keys/${name}/${key.version}`;
        if (act === "wrapkey" || act === "unwrapkey") {
          const { alg, value } = JSON.parse(body) as { alg: string; value: string };
          if (alg !== "RSA-OAEP-256") return send(400, { error: { code: "BadParameter", message: alg } });
          const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
          const input = Buffer.from(value, "base64url");
          const output =
            act === "wrapkey"
              ? publicEncrypt({ key: createPublicKey(key.privateKey), ...padding }, input)
              : privateDecrypt({ key: key.privateKey, ...padding }, input);
          return send(200, { kid, value: output.toString("base64url") });
        }
        const { n, e } = createPublicKey(key.privateKey).export({ format: "jwk" });
        return send(200, { key: { kid, kty: "RSA", key_ops: ["wrapKey", "unwrapKey"], n, e }, attributes: { enabled: true } });
      });
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, "127.0.0.1", resolve));
    return `https://localhost:${(this.#server.address() as AddressInfo).port}/keys/vestibule`;
  }
  stop = () => new Promise((resolve) => this.#server?.close(resolve));
}

const vault = new Vault();
let keyUrl: string;
let certificate: { key: string; cert: string };
const provider = (trusted = true, token = "of-the-portal"): KeyProvider =>
  keyVault(
    keyUrl,
    "vault/",
    { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) },
    {
      // The loopback server is not in vault.azure.net.
      disableChallengeResourceVerification: true,
      retryOptions: { maxRetries: 0 },
      ...(trusted ? { tlsOptions: { ca: certificate.cert } } : {}),
    },
  );
beforeAll(async () => {
  certificate = await newServerCertificate("localhost");
  vault.rotate();
  keyUrl = await vault.start(certificate);
});
afterAll(() => vault.stop());

test("a data key that was wrapped by the vault comes back, and carries the version that it was wrapped with", async () => {
  const dataKey = randomBytes(32);
  const wrapped = await provider().wrap(dataKey);
  expect(wrapped.toString("latin1")).toMatch(new RegExp(`^vault/${vault.keys[0]!.version}:`));
  expect(wrapped.includes(dataKey)).toBe(false);
  expect((await provider().unwrap(wrapped)).equals(dataKey), "by another process").toBe(true);
  expect(vault.asked).toContain(`POST /keys/vestibule/${vault.keys[0]!.version}/unwrapkey`);
});

test("after a rotation in the vault the old version still unwraps, and what it wrapped counts as old", async () => {
  const dataKey = randomBytes(32);
  const before = await provider().wrap(dataKey);
  expect(await provider().isCurrent(before)).toBe(true);
  vault.rotate();
  const later = provider();
  expect(await later.isCurrent(before)).toBe(false);
  expect((await later.unwrap(before)).equals(dataKey)).toBe(true);
  const anew = await later.wrap(dataKey);
  expect([await later.isCurrent(anew), (await later.unwrap(anew)).equals(dataKey)]).toEqual([true, true]);
});

test("an outage, a token that is not taken, and a certificate that nobody trusts are thrown, not passed over", async () => {
  const wrapped = await provider().wrap(randomBytes(32));
  vault.isDown = true;
  await expect(provider().unwrap(wrapped)).rejects.toThrow();
  vault.isDown = false;
  await expect(provider(true, "of-somebody-else").unwrap(wrapped)).rejects.toThrow();
  await expect(provider(false).unwrap(wrapped)).rejects.toThrow(/certificate|self.signed/i);
  await expect(provider().unwrap(wrapped)).resolves.toHaveLength(32);
});
