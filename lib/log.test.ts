import fc from "fast-check";
import { expect, test } from "vitest";
import { logTo, scrubbed } from "./log";
import { newToken } from "./secret";

/** What a line of the log would be. */
function lineOf(what: string, thrown: unknown, facts: Record<string, unknown> = {}): string {
  let line = "";
  logTo({ write: (text: string) => (line += text) }).failed(what, thrown, facts);
  return line;
}

const token = fc.constant(null).map(newToken);
const SECRETS = {
  "a client secret of Entra ID": fc.stringMatching(/^[A-Za-z0-9]{3}8Q~[A-Za-z0-9_.~-]{34}$/),
  "a link's key": token,
  "an API key": token.map((text) => `vst_${text}`),
  "a JSON Web Token": token.map((text) => `eyJhbGciOiJSUzI1NiJ9.${text}.${text}`),
  "an address of a person": fc.emailAddress({ size: "small" }).filter((address) => !/["'<>(),;:]/.test(address)),
  "a code": fc.stringMatching(/^[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}$/),
  "a key of the ring": fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("base64")),
};
/** Where it might stand by mistake. */
const PLACES: Record<string, (secret: string) => [string, unknown, Record<string, unknown>?]> = {
  "in the words": (secret) => [`The run of ${secret} failed`, new Error("x")],
  "in an error's message": (secret) => ["x", new Error(`Request with ${secret} was refused`)],
  "in quotes": (secret) => ["x", new Error(`got "${secret}", expected nothing`)],
  "in an address": (secret) => ["x", new Error(`GET https://portal.example/h/x#${secret} and https://portal.example/?code=${secret}`)],
  "in a header": (secret) => ["x", new Error(`authorization: Bearer ${secret}`)],
  "in JSON": (secret) => ["x", new Error(JSON.stringify({ client_secret: secret, nested: { token: secret } }))],
  "as what was thrown": (secret) => ["x", secret],
  "in an object that was thrown": (secret) => ["x", { secret, message: secret }],
  "in further properties of an error": (secret) => [
    "x",
    Object.assign(new Error("x"), { config: { headers: secret }, body: secret, code: secret }),
  ],
  "in its cause": (secret) => ["x", new Error("x", { cause: new Error(secret) })],
  "in its name": (secret) => ["x", Object.assign(new Error("x"), { name: secret })],
  "in a statement's arguments": (secret) => [
    "x",
    Object.assign(
      new Error(`Invalid \`prisma.session.create()\` invocation:\n\n{ data: { digest: "${secret}" } }\n\nUnique constraint failed`),
      {
        name: "PrismaClientKnownRequestError",
      },
    ),
  ],
  "in a fact": (secret) => ["x", new Error("x"), { onboardingId: secret, code: secret }],
  "in a fact that nobody named": (secret) => ["x", new Error("x"), { password: secret, user: { mail: secret } }],
};

for (const [what, secret] of Object.entries(SECRETS))
  test(`${what} never reaches a line, wherever it stands`, () => {
    fc.assert(
      fc.property(secret, fc.constantFrom(...Object.values(PLACES)), (value, place) => {
        expect(lineOf(...place(value))).not.toContain(value);
      }),
      { numRuns: 600 },
    );
  });

test("what an operator needs is there: when, what, which onboarding, what kind of error, its words, where", () => {
  const onboardingId = "0ea668a9-380c-467d-a48e-9df1d1b74002";
  const line = JSON.parse(
    lineOf("A run failed", Object.assign(new TypeError(`fetch failed for ${onboardingId}`), { code: "ECONNREFUSED" }), { onboardingId }),
  );
  expect(line).toMatchObject({
    level: "error",
    msg: "A run failed",
    onboardingId,
    error: { kind: "TypeError", code: "ECONNREFUSED", words: `fetch failed for ${onboardingId}` },
  });
  expect(line.error.at[0]).toMatch(/log\.test\.ts:\d+/);
  expect(Date.parse(line.time)).toBeGreaterThan(0);
});

test("words that are no secret stay as they are", () => {
  for (const words of [
    "The mail server could not be reached: connect ECONNREFUSED 127.0.0.1:25",
    'relation "Onboarding" does not exist',
    "GraphError 403 Authorization_RequestDenied on PATCH /applications(uniqueName='vestibule-cirrus-connect-server')",
  ])
    expect(scrubbed(words)).toBe(words);
});
