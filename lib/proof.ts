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
  /** The session's row: it stays when the cookie changes. */
  readonly sessionId: string;
  /** Known only while this request runs: derived from the cookie, never stored. */
  readonly holdKey: Buffer;
  /** When they signed in. */
  readonly since: Date;
};

/** The vendor's own system: with an app-only token for the portal and the role to fetch handoffs, or with an API key that may. */
export type VendorSystem = { readonly [proved]: "VendorSystem"; readonly applicationId: string; readonly vendors: Vendors };

/** An onboarding that was found for whoever is asking: by their tenant, their vendor or their link (lib/onboarding/find.ts). */
export type Found = { readonly [proved]: "Found"; readonly id: string };

export type Vendors = "all" | readonly string[];
/** What somebody may do at the desk, and for which vendors. */
export type Desk = {
  readonly vendors: Vendors;
  /** Invite, renew, cancel, write notes. */
  readonly mayChange: boolean;
  /** API keys and webhooks. */
  readonly mayManage: boolean;
  /** The state of the installation itself. */
  readonly mayOperate: boolean;
  readonly name: string;
  readonly username: string;
};
/** Staff with an app role of the portal, from the tenant of whoever runs it (`vendors` is then "all") or of one of the vendors. */
export type Support = SignedIn & Desk;
/** A vendor's program, with an API key. */
export type Program = Desk & { readonly [proved]: "Program"; readonly keyId: string };
/** Staff or a program. */
export type AtDesk = Support | Program;
/** Whether what belongs to this vendor is theirs to see. */
export const isOwn = ({ vendors }: Pick<Desk, "vendors">, vendorId: string): boolean => vendors === "all" || vendors.includes(vendorId);
