/** Proofs of who is asking. Only `lib/auth` mints them; rooms ask for them in their types. */
declare const proved: unique symbol;

/** Somebody who signed in with Entra ID and whose session is alive. */
export type SignedIn = {
  readonly [proved]: "SignedIn";
  readonly tenantId: string;
  readonly objectId: string;
  readonly name: string;
  readonly username: string;
  /** Directory role template ids, from the `wids` claim of the last token. */
  readonly directoryRoles: readonly string[];
  /** The session's row; not the cookie. */
  readonly sessionDigest: string;
  /** Known only while this request runs: derived from the cookie, never stored. */
  readonly holdKey: Buffer;
};

/** The vendor's own system, with an app-only token for the portal and the role to fetch handoffs. */
export type VendorSystem = { readonly [proved]: "VendorSystem"; readonly applicationId: string };

/** Staff with an app role of the portal, from the tenant of whoever runs it (`vendors` is then "all") or of one of the vendors. */
export type Support = SignedIn & { readonly mayChange: boolean; readonly vendors: "all" | readonly string[] };
/** Whether what belongs to this vendor is theirs to see. */
export const isOwn = ({ vendors }: Support, vendorId: string): boolean => vendors === "all" || vendors.includes(vendorId);
