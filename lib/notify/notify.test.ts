import type { AddressInfo } from "node:net";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as notify from "./notify";

const received: Email[] = [];
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ["STARTTLS"],
  onRcptTo: ({ address }, _, done) => done(address.startsWith("reject") ? new Error("550 no such mailbox") : null),
  onData: (stream, _, done) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      void PostalMime.parse(Buffer.concat(chunks)).then((mail) => {
        received.push(mail);
        done();
      });
    });
  },
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  Object.assign(process.env, {
    BASE_URL: "http://localhost:3000",
    AZURE_TENANT_ID: "11111111-1111-4111-8111-111111111111",
    AZURE_CLIENT_ID: "22222222-2222-4222-8222-222222222222",
    AZURE_CLIENT_SECRET: "not-used",
    SMTP_URL: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    VESTIBULE_KEYS: `k1:${Buffer.alloc(32, 1).toString("base64url")}`,
  });
});
// Not waited for: the pool keeps a connection open.
afterAll(() => void server.close());

const link = "https://portal.example/h/0b6f1b0e-9a51-4a1c-9d3e-0f7c1c1d2e3f#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const about = { product: "Connect <b>", brand: { name: "Cirrus" }, customer: 'Contoso "&" Co\r\nBcc: x@evil.example', link };

test("a handoff's mail has the link once in each part, the vendor's name, and nothing that counts openings", async () => {
  const sent = await notify.send(
    notify.handoffMail({ to: "maria@cirrus.example", ...about, challenge: "code", expiresAt: new Date("2026-11-25T12:00:00Z") }),
  );
  expect(sent.ok).toBe(true);
  const { text = "", html = "", subject = "", to, bcc } = received.at(-1)!;
  expect([text.split(link).length, html.split(link).length], "once each").toEqual([2, 2]);
  expect(text).toContain("of Cirrus");
  expect(text).toContain("25 Nov 2026, 12:00 UTC");
  expect(html).toContain("Connect &lt;b&gt;");
  expect(html).not.toMatch(/<img|<script|src=|url\(/i);
  expect(subject, "a name cannot add a header").not.toMatch(/[\r\n]/);
  expect([to?.map(({ address }) => address), bcc]).toEqual([["maria@cirrus.example"], undefined]);
});

test("a code's mail has the code and no link, so that a mailbox rule that follows links finds none", async () => {
  await notify.send(
    notify.codeMail({ to: "maria@cirrus.example", product: "Connect", brand: { name: "Cirrus" }, customer: "Contoso", code: "ABCD-EFGH" }),
  );
  const { text = "", html = "" } = received.at(-1)!;
  expect(text).toContain("ABCD-EFGH");
  expect(text).not.toMatch(/https?:/);
  expect(html).not.toMatch(/href=/);
});

test("what the server refuses is said, without the address", async () => {
  const refused = await notify.send({ to: "reject@cirrus.example", subject: "x", brand: { name: "Cirrus" }, lines: ["y"] });
  expect(refused).toMatchObject({ ok: false, refusal: { code: "notify.bounced" } });
  expect(JSON.stringify(refused)).not.toContain("reject@");
});

test("a reminder carries its calendar file", async () => {
  const { carries: _, ...mail } = notify.expiryNotice({
    ...{
      to: "a@contoso.com",
      days: 7,
      endsAt: new Date("2026-11-29T00:00:00Z"),
      name: "Cirrus Server",
      product: "Connect",
      brand: { name: "Cirrus" },
      customer: "Contoso",
    },
    ...{ page: "https://portal.example/o/1/run", ics: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n" },
  });
  await notify.send(mail);
  const { subject, attachments } = received.at(-1)!;
  expect(subject).toBe("7 days left: the secret of Connect for Contoso");
  expect(attachments).toMatchObject([{ filename: "expiry.ics", mimeType: "text/calendar" }]);
});
