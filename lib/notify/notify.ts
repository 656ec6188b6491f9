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
import type { Brand, Language } from "./layout.tsx";

export type { Brand, Language };

const NOT_SENT = { code: "notify.not-sent", status: 503, message: "The mail server cannot be reached, or did not take it now." } as const;
const BOUNCED = {
  code: "notify.bounced",
  status: 422,
  message: "The mail server refused the address for good: there is no such mailbox, or it takes no mail.",
} as const;

/** `lines` are paragraphs; one that is a URL becomes a button. `ics` is a calendar file. */
export type Mail = { to: string; subject: string; lines: string[]; brand: Brand; language?: Language; ics?: string };
/** One that waits in the queue: its type says that nobody put a bearer in. */
export type Notice = Mail & { readonly carries: "no bearer" };

const processWide = globalThis as { vestibuleMail?: ReturnType<typeof createTransport> };

const transport = () => {
  processWide.vestibuleMail ??= createTransport({
    url: config().SMTP_URL,
    pool: true,
    maxConnections: 2,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 20_000,
  });
  return processWide.vestibuleMail;
};
/** Null when the mail server can be reached and takes our name; else why not. */
export async function whyNotReachable(): Promise<string | null> {
  try {
    await transport().verify();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : "it cannot be reached";
  }
}

/** Whether the server's answer is its last word (RFC 5321, 4.2.1: 5yz), and about the address. */
const isForGood = (error: unknown) => {
  const code = error instanceof Error && "responseCode" in error ? Number(error.responseCode) : 0;
  return code >= 550 && code <= 559;
};

/**
 * Hands the mail to the SMTP server. A refusal says that it was not accepted, and whether to try again makes sense; the
 * server's own words are not passed on, since servers quote addresses.
 */
export async function send({
  to,
  subject,
  lines,
  brand,
  language = "en",
  ics,
}: Mail): Promise<Outcome<null, typeof NOT_SENT | typeof BOUNCED>> {
  try {
    // The mails' layout takes 50 MB: a process that sends none does not read it.
    const { htmlOf, textOf } = await import("./layout.tsx");
    await transport().sendMail({
      from: config().MAIL_FROM,
      to,
      subject: subject.replaceAll(/[\r\n]+/g, " "),
      text: textOf(brand, language, lines),
      html: await htmlOf(brand, language, lines),
      ...(ics
        ? { attachments: [{ filename: "expiry.ics", content: ics, contentType: "text/calendar; charset=utf-8; method=PUBLISH" }] }
        : {}),
    });
    return accept(null);
  } catch (error) {
    return refuse(isForGood(error) ? BOUNCED : NOT_SENT);
  }
}

/** Puts a mail without any bearer in the queue, where it is tried again until it is accepted. `onboardingId`: in whose timeline it stands. */
export const sendLater = (onboardingId: string, { carries: _, ...mail }: Notice): Promise<void> => enqueue("mail", { onboardingId, mail });

const instant = (at: Date) => new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }).format(at);
/** Absolute, with its zone. */
const withZone = (at: Date) => `${instant(at)} UTC`;

const ON: Record<Language, (at: Date) => string> = {
  en: withZone,
  de: (at) => `${new Intl.DateTimeFormat("de-DE", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" }).format(at)} UTC`,
};

type Invitation = {
  to: string;
  product: string;
  brand: Brand;
  language: Language;
  customer: string;
  invitedBy: string;
  link: string;
  expiresAt: Date;
};
export function invitationMail({ to, product, brand, language, customer, invitedBy, link, expiresAt }: Invitation): Mail {
  const until = ON[language](expiresAt);
  const words = {
    en: {
      subject: `${brand.name} invites ${customer} to set up ${product}`,
      lines: [
        `${invitedBy} of ${brand.name} invites you to connect ${product} with your Microsoft 365 tenant.`,
        "You choose the features, see every change before it is made, and approve it. Opening the link changes nothing:",
        link,
        `The link works until ${until}. If you don't administer the tenant, forward this mail to a colleague who does.`,
      ],
    },
    de: {
      subject: `${brand.name} lädt ${customer} ein, ${product} einzurichten`,
      lines: [
        `${invitedBy} von ${brand.name} lädt Sie ein, ${product} mit Ihrem Microsoft-365-Mandanten zu verbinden.`,
        "Sie wählen die Funktionen, sehen jede Änderung, bevor sie geschieht, und geben sie frei. Den Link zu öffnen ändert nichts:",
        link,
        `Der Link gilt bis ${until}. Wenn Sie den Mandanten nicht verwalten, leiten Sie diese Mail bitte an die zuständige Person weiter. Die Seiten selbst sind auf Englisch.`,
      ],
    },
  };
  return { to, brand, language, ...words[language] };
}

/** A friendly word to an admin at whom something stands still. `waits` says what, in English or German. */
export function nudgeMail({
  to,
  product,
  brand,
  language,
  customer,
  days,
  page,
  endsAt,
}: Omit<Invitation, "invitedBy" | "link" | "expiresAt"> & { days: number; page: string; endsAt: Date | null }): Mail {
  const words = {
    en: {
      subject: `Still open: ${product} for ${customer}`,
      lines: [
        `Setting up ${product} for ${customer} has been waiting for you for ${days} days. What was done is kept; it goes on where it stopped:`,
        page,
        ...(endsAt ? [`The invitation works until ${withZone(endsAt)}.`] : []),
        "If somebody else should do it, forward this mail. If you need help, answer whoever invited you.",
      ],
    },
    de: {
      subject: `Noch offen: ${product} für ${customer}`,
      lines: [
        `Die Einrichtung von ${product} für ${customer} wartet seit ${days} Tagen auf Sie. Was getan ist, bleibt; es geht dort weiter, wo es stehen blieb:`,
        page,
        ...(endsAt ? [`Die Einladung gilt bis ${ON.de(endsAt)}.`] : []),
        "Wenn jemand anderes zuständig ist, leiten Sie diese Mail weiter. Bei Fragen hilft, wer Sie eingeladen hat.",
      ],
    },
  };
  return { to, brand, language, ...words[language] };
}

const CHALLENGE_WORDS: Record<Challenge, string> = {
  code: "The page sends a code to this address first, and asks for it.",
  passphrase: "The page asks for a passphrase. The sender tells it to you by another way, for instance by phone.",
  "sign-in": "The page asks you to sign in with your work account.",
  none: "The page shows them to whoever opens it and presses the button.",
};
export const handoffMail = (about: {
  to: string;
  product: string;
  brand: Brand;
  customer: string;
  link: string;
  challenge: Challenge;
  expiresAt: Date;
}): Mail => ({
  brand: about.brand,
  to: about.to,
  subject: `${about.customer} sends you the values for ${about.product}`,
  lines: [
    `${about.customer} has set up ${about.product} of ${about.brand.name} in Microsoft 365. The values are shown once, on this page:`,
    about.link,
    `${CHALLENGE_WORDS[about.challenge]} Have your secret store open. The link works until ${withZone(about.expiresAt)}. Opening the page uses nothing up.`,
    "If you did not expect this, do not open it, and tell the sender.",
  ],
});

/** The code that proves that whoever has the link also reads the contact's mail. */
export const codeMail = (about: { to: string; product: string; brand: Brand; customer: string; code: string }): Mail => ({
  brand: about.brand,
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
  brand: Brand;
  customer: string;
  page: string;
}): Notice => ({
  carries: "no bearer",
  brand: about.brand,
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
  brand: Brand;
  customer: string;
  page: string | null;
  ics: string;
}): Notice => ({
  carries: "no bearer",
  brand: about.brand,
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
  brand: Brand;
  customer: string;
  message: string;
  link: string;
  expiresAt: Date;
}): Mail => ({
  brand: about.brand,
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
  brand: Brand;
  customer: string;
  link: string;
}): Mail => ({
  brand: about.brand,
  to: about.to,
  subject: `${about.what}: ${about.product} for ${about.customer}`,
  lines: [`${about.what}.`, about.detail, "How it stands, and what is next:", about.link],
});
