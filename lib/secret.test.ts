import { inspect } from "node:util";
import { expect, test } from "vitest";
import { deriveKey, Secret, seal, unseal } from "./secret";

const hex = (text: string) => Buffer.from(text, "hex");

test("keys are derived as RFC 5869 says: its third test vector, cut to 32 bytes", () => {
  const input = hex("0b".repeat(22));
  const derived = deriveKey(input, Buffer.alloc(0), "");
  expect(derived.toString("hex")).toBe("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
  const others = [
    deriveKey(input, Buffer.from("id"), ""),
    deriveKey(input, Buffer.alloc(0), "use"),
    deriveKey(hex("0b".repeat(23)), Buffer.alloc(0), ""),
  ];
  expect(new Set([derived, ...others].map((key) => key.toString("hex"))).size, "input, salt and use each count").toBe(4);
});

test("what AES-256-GCM sealed elsewhere opens here: test case 14 of McGrew and Viega", () => {
  const sealed = hex(`${"00".repeat(12)}cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919`);
  expect(unseal(Buffer.alloc(32), sealed, "").toString("hex")).toBe("00".repeat(16));
});

test("another key, another binding and every flipped bit are refused", () => {
  const key = Buffer.alloc(32, 7);
  const sealed = seal(key, "a secret", "handoff/v1|a");
  expect(unseal(key, sealed, "handoff/v1|a").toString()).toBe("a secret");
  expect(() => unseal(Buffer.alloc(32, 8), sealed, "handoff/v1|a")).toThrow();
  expect(() => unseal(key, sealed, "handoff/v1|b")).toThrow();
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = Buffer.from(sealed);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => unseal(key, flipped, "handoff/v1|a"), `bit ${bit}`).toThrow();
  }
});

test("no two seals with one key share a nonce", () => {
  const key = Buffer.alloc(32, 7);
  const nonces = new Set<string>();
  for (let made = 0; made < 50_000; made++) nonces.add(seal(key, "", "").toString("latin1", 0, 12));
  expect(nonces.size).toBe(50_000);
});

test("a secret is not printed, whatever turns it into text", () => {
  const secret = new Secret("abc8Q~value");
  for (const text of [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ deep: { secret } }, { depth: 9 }),
  ])
    expect(text).not.toContain("abc8Q");
  expect(secret.expose()).toBe("abc8Q~value");
});
