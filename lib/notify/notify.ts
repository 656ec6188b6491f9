/**
 * Mail to people outside. A link goes into the text once and is stored nowhere: what cannot be sent now is not queued,
 * the caller is told. Mails carry no secret and no tenant id.
 */
import { createTransport } from "nodemailer";
import { config } from "../config.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";

const NOT_SENT = { code: "notify.not-sent", status: 503, message: "The mail could not be sent." } as const;

export type Mail = { to: string; subject: string; lines: string[] };

const processWide = globalThis as { vestibuleMail?: ReturnType<typeof createTransport> };

/** Hands the mail to the SMTP server. A refusal says that it was not accepted; the reason is not shown, since servers quote addresses. */
export async function send({ to, subject, lines }: Mail): Promise<Outcome<null, typeof NOT_SENT>> {
  processWide.vestibuleMail ??= createTransport({
    url: config().SMTP_URL,
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
    });
    return accept(null);
  } catch {
    return refuse(NOT_SENT);
  }
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

export const handoffMail = (about: { to: string; product: string; customer: string; link: string; expiresAt: Date }): Mail => ({
  to: about.to,
  subject: `${about.customer} sends you the values for ${about.product}`,
  lines: [
    `${about.customer} has set up ${about.product} in Microsoft 365. The values are shown once, to whoever opens this link and asks for them:`,
    about.link,
    `Have your secret store open first. The link works until ${withZone(about.expiresAt)}. Opening the page uses nothing up.`,
    "If you did not expect this, do not open it, and tell the sender.",
  ],
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
