/**
 * How often one address may ask for what, counted in the database, so that any number of processes count together. What
 * needs a key or a link's proof has limits of its own: programs in lib/api, handoffs in lib/handoff.
 */
import { take } from "./allowance.ts";
import { config } from "./config.ts";
import { db } from "./db.ts";
import { networkOf } from "./http.ts";
import type { Refusal } from "./outcome.ts";

const MINUTE_MS = 60_000;
/** In a minute, each address; the first line that fits counts. `RATE_LIMIT_FACTOR` multiplies them all. */
const LIMITS: readonly { what: string; on: RegExp; most: number }[] = [
  { what: "sign-ins", on: /^POST \/api\/session$/, most: 60 },
  { what: "links", on: /^POST \/(o|approve)\/[^/]*\/open$/, most: 60 },
  { what: "exports", on: /^GET \/(desk|o\/[^/]*|desk\/[^/]*)\/(export|audit|diagnostics)(\/|$)/, most: 120 },
  { what: "changes", on: /^(POST|PUT|PATCH|DELETE) \/(?!api\/(v1|h)\/)/, most: 600 },
];

/** Null when it may be asked; else a 429 that says from when. */
export async function overLimit(method: string, path: string, address: string): Promise<Refusal | null> {
  const limit = LIMITS.find(({ on }) => on.test(`${method} ${path}`));
  if (!limit) return null;
  const most = Math.ceil(limit.most * config().RATE_LIMIT_FACTOR);
  const whose = address.includes(":") ? networkOf(address) : address;
  const { left, endsAt } = await take(db(), `limit|${limit.what}|${whose}`, most, MINUTE_MS);
  if (left >= 0) return null;
  return {
    code: "http.too-many",
    status: 429,
    message: "Too many requests came from your network within a minute. Nothing was changed. Wait a moment, then try again.",
    retryAt: endsAt,
  };
}
