/**
 * Mail to people outside. What carries a link or a code is sent at once or not at all, and the caller is told: a queue is a
 * table, and a bearer does not belong in one. What carries neither is put in the queue and tried again. Mails carry no
 * secret and no tenant id.
 */
import { createTransport } from "nodemailer";
import type { Challenge } from "../audit/events.ts";
import { config } from "../config.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import { enqueue } from "../queue.ts";

const NOT_SENT = { code: "notify.not-sent", status: 503, message: "The mail could not be sent." } as const;

/** `lines` are paragraphs; one that is a URL becomes a link. `ics` is a calendar file. */
export type Mail = { to: string; subject: string; lines: string[]; ics?: string };
/** One that waits in the queue: its type says that nobody put a bearer in. */
export type Notice = Mail & { readonly carries: "no bearer" };

const processWide = globalThis as { vestibuleMail?: ReturnType<typeof createTransport> };

/** Hands the mail to the SMTP server. A refusal says that it was not accepted; the reason is not shown, since servers quote addresses. */
export async function send({ to, subject, lines, ics }: Mail): Promise<Outcome<null, typeof NOT_SENT>> {
  processWide.vestibuleMail ??= createTransport({
    url: config().SMTP_URL,
    pool: true,
    maxConnections: 2,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 20_000,
  });
  try {
    await processWide.vestibuleMail.sendMail({
      from: config().MAIL_FROM,
      to,
      subject: subject.replaceAll(/[\r\n]+/g, " "),
      text: lines.join("\n\n"),
      html: html(lines),
      ...(ics
        ? { attachments: [{ filename: "expiry.ics", content: ics, contentType: "text/calendar; charset=utf-8; method=PUBLISH" }] }
        : {}),
    });
    return accept(null);
  } catch {
    return refuse(NOT_SENT);
  }
}

/** Puts a mail without any bearer in the queue, where it is tried again until it is accepted. */
export const sendLater = ({ to, subject, lines, ics }: Notice): Promise<void> =>
  enqueue("mail", { to, subject, lines, ...(ics ? { ics } : {}) });

const escaped = (text: string) =>
  text.replaceAll(/[&<>"]/g, (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[character]!);
/** The same words for mail programs that show HTML: no picture, no style sheet, nothing from elsewhere, nothing that counts openings. */
function html(lines: readonly string[]): string {
  const paragraph = (line: string) =>
    /^https?:\/\/\S+$/.test(line)
      ? `<p><a href="${escaped(line)}" style="color:#0b5c63;font-weight:600">Open the page</a></p>`
      : `<p style="margin:0 0 14px">${escaped(line)}</p>`;
  return `<!doctype html><html lang="en"><body style="font:15px/1.55 'Segoe UI',system-ui,sans-serif;color:#1c1a17;max-width:560px">${lines.map(paragraph).join("")}</body></html>`;
}

const instant = (at: Date) => new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }).format(at);
/** Absolute, with its zone. */
const withZone = (at: Date) => `${instant(at)} UTC`;

export const invitationMail = (about: {
  to: string;
  product: string;
  vendor: string;
  customer: string;
  invitedBy: string;
  link: string;
  expiresAt: Date;
}): Mail => ({
  to: about.to,
  subject: `${about.vendor} invites ${about.customer} to set up ${about.product}`,
  lines: [
    `${about.invitedBy} of ${about.vendor} invites you to connect ${about.product} with your Microsoft 365 tenant.`,
    "You choose the features, see every change before it is made, and approve it. Opening the link changes nothing:",
    about.link,
    `The link works until ${withZone(about.expiresAt)}. If you don't administer the tenant, forward this mail to a colleague who does.`,
  ],
});

const CHALLENGE_WORDS: Record<Challenge, string> = {
  code: "The page sends a code to this address first, and asks for it.",
  passphrase: "The page asks for a passphrase. The sender tells it to you by another way, for instance by phone.",
  "sign-in": "The page asks you to sign in with your work account.",
  none: "The page shows them to whoever opens it and presses the button.",
};
export const handoffMail = (about: {
  to: string;
  product: string;
  vendor: string;
  customer: string;
  link: string;
  challenge: Challenge;
  expiresAt: Date;
}): Mail => ({
  to: about.to,
  subject: `${about.customer} sends you the values for ${about.product}`,
  lines: [
    `${about.customer} has set up ${about.product} of ${about.vendor} in Microsoft 365. The values are shown once, on this page:`,
    about.link,
    `${CHALLENGE_WORDS[about.challenge]} Have your secret store open. The link works until ${withZone(about.expiresAt)}. Opening the page uses nothing up.`,
    "If you did not expect this, do not open it, and tell the sender.",
  ],
});

/** The code that proves that whoever has the link also reads the contact's mail. */
export const codeMail = (about: { to: string; product: string; customer: string; code: string }): Mail => ({
  to: about.to,
  subject: `Your code for the values of ${about.product}`,
  lines: [
    `Somebody opened the link to the values that ${about.customer} sends you for ${about.product}, and asked for this code:`,
    about.code,
    "It works for ten minutes, on the page that asked for it. If that was not you, do nothing: without the code nothing is shown.",
  ],
});

/** Something happened to a handoff that somebody should know of. The page that is named wants a sign-in. */
export const handoffNotice = (about: {
  to: string;
  what: string;
  detail: string;
  product: string;
  customer: string;
  page: string;
}): Notice => ({
  carries: "no bearer",
  to: about.to,
  subject: `${about.what}: ${about.product} for ${about.customer}`,
  lines: [`${about.what}.`, about.detail, about.page],
});

export const expiryNotice = (about: {
  to: string;
  days: number;
  endsAt: Date;
  name: string;
  product: string;
  customer: string;
  page: string | null;
  ics: string;
}): Notice => ({
  carries: "no bearer",
  to: about.to,
  subject: `${about.days === 1 ? "One day" : `${about.days} days`} left: the secret of ${about.product} for ${about.customer}`,
  lines: [
    `The client secret of ${about.name} ends on ${withZone(about.endsAt)}. From then on ${about.product} cannot sign in any more.`,
    about.page
      ? "An administrator can issue another one, which works beside the old one until everything has gone over to it:"
      : "The customer's administrator can issue another one; they are reminded too.",
    ...(about.page ? [about.page] : []),
    "The calendar file in this mail has the date.",
  ],
  ics: about.ics,
});

export const approvalMail = (about: {
  to: string;
  by: string;
  product: string;
  customer: string;
  message: string;
  link: string;
  expiresAt: Date;
}): Mail => ({
  to: about.to,
  subject: `${about.by} asks you to approve permissions for ${about.product}`,
  lines: [
    `${about.by} is connecting ${about.product} with the Microsoft 365 tenant of ${about.customer}. Some permissions need a directory role that ${about.by} does not hold.`,
    ...(about.message.trim() ? [`“${about.message.trim()}”`] : []),
    "This link shows exactly which permissions are missing, why each is needed and what it could do in the wrong hands. You sign in with your own account and approve all, some or none. Opening it changes nothing:",
    about.link,
    `It works until ${withZone(about.expiresAt)}.`,
  ],
});

export const decisionMail = (about: {
  to: string;
  what: string;
  detail: string;
  product: string;
  customer: string;
  link: string;
}): Mail => ({
  to: about.to,
  subject: `${about.what}: ${about.product} for ${about.customer}`,
  lines: [`${about.what}.`, about.detail, "How it stands, and what is next:", about.link],
});
