/** What every answer of the portal tells the browser: run our own scripts, talk to nobody else, tell nobody where you were. */
import { config } from "../lib/config.ts";

const NOTHING_OF_THE_DEVICE = [
  ...["accelerometer", "autoplay", "camera", "clipboard-read", "display-capture", "encrypted-media", "fullscreen", "geolocation"],
  ...["gyroscope", "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "usb"],
];

export const ALWAYS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-robots-tag": "noindex, nofollow, noarchive",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": [...NOTHING_OF_THE_DEVICE.map((feature) => `${feature}=()`), "clipboard-write=(self)"].join(", "),
  "strict-transport-security": "max-age=31536000; includeSubDomains",
};

/** No other origin learns where somebody was. Ours has to: a form that a browser sends by itself, before scripts are there, would say that it comes from nowhere. */
export const OF_PAGES = { ...ALWAYS, "referrer-policy": "same-origin" };

const policy = (directives: Record<string, string>) =>
  Object.entries(directives)
    .map(([name, value]) => `${name} ${value}`)
    .join("; ");
const STRICT = {
  "default-src": "'none'",
  "style-src": "'self'",
  "font-src": "'self'",
  "base-uri": "'none'",
  "frame-ancestors": "'none'",
  "require-trusted-types-for": "'script'",
};

/**
 * The policy of a page of Next's: scripts that carry the nonce, and what those load. Nothing but sign-in talks to another
 * origin. Trusted Types: server/page-script.ts has the one policy that turns a text into a script's address.
 */
export const pagePolicy = (nonce: string) =>
  policy({
    ...STRICT,
    "script-src": `'nonce-${nonce}' 'strict-dynamic'`,
    "connect-src": `'self' ${config().AZURE_AUTHORITY_HOST}`,
    "img-src": "'self' data:",
    "form-action": "'self'",
    "trusted-types": "default",
  });

/** The policy of the page that shows a secret: it needs less. */
export const HANDOFF_POLICY = policy({
  ...STRICT,
  "script-src": "'self'",
  "connect-src": "'self'",
  "img-src": "'self'",
  "form-action": "'none'",
  "trusted-types": "'none'",
});
