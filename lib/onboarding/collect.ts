/** The vendor's own system fetches the values, so that no person copies a secret. */
import * as handoff from "../handoff/handoff.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import { isOwn, type VendorSystem } from "../proof.ts";
import { tellLater } from "./contact.ts";
import { findForErrand } from "./find.ts";

const NOTHING = {
  code: "handoff.nothing-waiting",
  status: 404,
  message:
    "Nothing waits here for this system: the admin has not released it, it was fetched or revealed already, it is over, or the onboarding is unknown.",
} as const;

/** Each registration's values as a compact JWE (RFC 7516). The link of the same handoff, if there is one, is used up with it. */
export async function collectHandoff(system: VendorSystem, id: string, now: Date): Promise<Outcome<{ registrations: { jwe: string }[] }>> {
  const onboarding = await findForErrand(id, now);
  const collected = onboarding && isOwn(system, onboarding.vendorId) ? await handoff.collect(id, now) : null;
  if (!collected) return refuse(NOTHING);
  tellLater(
    id,
    "The values were fetched by the vendor's own system",
    `Sealed to its key, on ${now.toUTCString()}. No person saw the secret. How it stands:`,
  );
  return accept({ registrations: collected.jwes.map((jwe) => ({ jwe })) });
}
