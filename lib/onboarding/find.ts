/** Finding an onboarding, for whom it may be found, and whether the customer can go on with it. Reads only. */
import { type Progress, type Standing, standing } from "../audit/status.ts";
import type { Access } from "../auth/auth.ts";
import { Choices, type Manifest } from "../catalogue/schema.ts";
import { consentAccountOf, registrationsFor } from "../catalogue/selection.ts";
import { db, isUuid } from "../db.ts";
import * as handoff from "../handoff/handoff.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import { type AtDesk, type Found, isOwn, type SignedIn } from "../proof.ts";
import { abilitiesOf } from "../provisioning/provisioning.ts";
import { digestOf } from "../secret.ts";
import { manifestOf, newerThan } from "./manifests.ts";
import { Given } from "./schema.ts";

export const UNKNOWN = {
  code: "onboarding.unknown",
  status: 404,
  message: "This invitation doesn't exist, or not for you. Check that you have the whole link, or ask the sender for a new one.",
} as const;
export const REVOKED = {
  code: "onboarding.revoked",
  status: 410,
  message: "The vendor withdrew this invitation. Ask the sender for a new one.",
} as const;
export const EXPIRED = {
  code: "onboarding.expired",
  status: 410,
  message: "This invitation has expired. Nothing was changed in your tenant.",
} as const;

export type Onboarding = Found & {
  vendorId: string;
  manifest: Manifest;
  /** A newer edition of the manifest, which the admin may go over to. */
  newer: Manifest | null;
  customerName: string;
  expectedDomain: string;
  adminEmail: string;
  contactEmail: string;
  /** All whom the vendor named to get the values; the first is `contactEmail`. */
  contacts: string[];
  offered: string[];
  /** Offered features that cannot be left out, and values that the vendor filled in. */
  locked: string[];
  given: Given;
  language: "en" | "de";
  reference: string | null;
  invitedBy: string;
  createdAt: Date;
  expiresAt: Date;
  tenantId: string | null;
  /** Whose it is at the desk, and how support sorts it: for support's eyes. */
  owner: string | null;
  tags: string[];
  /** How many events the trail has. */
  headSeq: number;
  progress: Progress;
  standing: Standing;
};

const FIELDS = {
  id: true,
  vendorId: true,
  productId: true,
  customerName: true,
  expectedDomain: true,
  adminEmail: true,
  contactEmail: true,
  contacts: true,
  offered: true,
  locked: true,
  given: true,
  language: true,
  reference: true,
  invitedBy: true,
  createdAt: true,
  expiresAt: true,
  tenantId: true,
  owner: true,
  tags: true,
  headSeq: true,
  state: true,
} as const;
type Row = Omit<Onboarding, keyof Found | "manifest" | "newer" | "progress" | "standing" | "given" | "language"> & {
  id: string;
  productId: string;
  state: unknown;
  given: unknown;
  language: string;
};

async function fromRow({ productId, state, given, language, ...row }: Row, now: Date): Promise<Onboarding> {
  const stored = state as Progress;
  // What was chosen under an older edition of this program may lack what choices have now.
  const progress = stored.choices ? { ...stored, choices: Choices.parse(stored.choices) } : stored;
  const manifest = await manifestOf(productId, progress.manifestDigest);
  const wishes = { given: Given.parse(given), language: language === "de" ? ("de" as const) : ("en" as const) };
  const found = { ...row, ...wishes, manifest, newer: newerThan(manifest), progress, standing: standing(progress, now) };
  return found as unknown as Onboarding;
}

/** What is known of the tenant and of what was made in it; scripts name it. */
export const knownOf = ({ progress: { signedIn, registrations } }: Pick<Onboarding, "progress">) => ({
  tenant: signedIn ? { id: signedIn.tenantId, domain: signedIn.domain } : null,
  registrations: Object.entries(registrations).map(([id, { appId, servicePrincipalId, displayName = "" }]) => ({
    ...{ id, appId, servicePrincipalId, displayName },
  })),
});

/** What the plan needs of the tenant. */
export const accessOf = ({ manifest, progress: { choices } }: Pick<Onboarding, "manifest" | "progress">): Access => ({
  isWriting: true,
  namesAccount:
    choices !== undefined && registrationsFor(manifest, choices).some(({ definition }) => consentAccountOf(manifest, choices, definition)),
});

/** Whoever it belongs to: for this room alone, which has a link's key, a lease or an errand of the queue to show for it. */
export async function findForErrand(id: string, now: Date): Promise<Onboarding | null> {
  if (!isUuid(id)) return null;
  const row = await db().onboarding.findUnique({ where: { id }, select: FIELDS });
  return row && fromRow(row, now);
}

/** An onboarding of one of their vendors, for support; of another it is as if it did not exist. */
export async function findForSupport(support: AtDesk, id: string, now: Date): Promise<Onboarding | null> {
  const onboarding = await findForErrand(id, now);
  return onboarding && isOwn(support, onboarding.vendorId) ? onboarding : null;
}

/** The onboarding that this link locates, whatever its state. */
export async function findByLink(id: string, token: string, now: Date): Promise<Onboarding | null> {
  if (!isUuid(id)) return null;
  const digest = digestOf(token);
  const further = { some: { digest, purpose: "invitation", endedAt: null } };
  const row = await db().onboarding.findFirst({ where: { id, OR: [{ inviteDigest: digest }, { tickets: further }] }, select: FIELDS });
  return row && fromRow(row, now);
}

export type Availability = Outcome<null, typeof REVOKED | typeof EXPIRED>;
/** Whether the customer can go on with it. An invitation that was taken up in time does not expire. */
export function availability({ progress }: Onboarding, now: Date): Availability {
  if (progress.revokedAt) return refuse(REVOKED);
  if (!progress.signedIn && new Date(progress.expiresAt) <= now) return refuse(EXPIRED);
  return accept(null);
}

/**
 * The onboarding, for an admin of the tenant that it belongs to: whoever came in by the invitation's link, and whoever
 * administers applications there anyway. Everybody else learns nothing, other members of that tenant included.
 */
export async function findForAdmin(person: SignedIn, id: string, now: Date): Promise<Onboarding | null> {
  const onboarding = await findForErrand(id, now);
  if (onboarding?.tenantId !== person.tenantId) return null;
  const isAdmin = onboarding.progress.admins?.includes(person.objectId) || abilitiesOf(person.directoryRoles).canGrantDelegated;
  return isAdmin ? onboarding : null;
}

/** The onboarding, for the colleague who approved its request by the link: nothing but the approved part is theirs to run. */
export async function findForApprover(person: SignedIn, id: string, now: Date): Promise<Onboarding | null> {
  const onboarding = await findForErrand(id, now);
  const isTheirs = onboarding?.tenantId === person.tenantId && onboarding.progress.approval?.decidedByObjectId === person.objectId;
  return isTheirs ? onboarding : null;
}

/** What an admin may do with an onboarding: the same question before each action. */
export async function requireOpen(
  person: SignedIn,
  id: string,
  now: Date,
): Promise<Outcome<Onboarding, typeof UNKNOWN | typeof REVOKED | typeof EXPIRED>> {
  const onboarding = await findForAdmin(person, id, now);
  if (!onboarding) return refuse(UNKNOWN);
  const open = availability(onboarding, now);
  return open.ok ? accept(onboarding) : open;
}

/** Whether somebody is at work on it right now; a run without a lease was interrupted and can be resumed. */
export async function isAtWork({ id }: Found): Promise<boolean> {
  const [row] = await db().$queryRaw<
    { busy: boolean }[]
  >`SELECT ("leaseUntil" IS NOT NULL AND "leaseUntil" > now()) AS busy FROM "Onboarding" WHERE "id" = ${id}::uuid`;
  return row?.busy === true;
}

/**
 * Changes whenever the onboarding moves. Whether somebody is at work counts too, since a run that was interrupted
 * records nothing. Asked twice a second by every open page, so it reads two columns and no state.
 */
export async function version(person: SignedIn, id: string): Promise<string> {
  const [row] = await db().$queryRaw<{ headSeq: number; busy: boolean }[]>`
    SELECT "headSeq", ("leaseUntil" IS NOT NULL AND "leaseUntil" > now()) AS busy FROM "Onboarding" WHERE "id" = ${id}::uuid AND "tenantId" = ${person.tenantId}`;
  return row ? versionShown(row, row.busy) : "";
}
/** The version that a page shows which read this. */
export const versionShown = ({ headSeq }: { headSeq: number }, atWork: boolean) => `${headSeq}.${atWork}`;

/** Whether the handoff under way can still take values, and whether this session may mail or show its link. */
export const canGiveLink = async (person: SignedIn, { handoff: sealed }: Progress): Promise<boolean> =>
  sealed?.state === "sealed" && handoff.isHeld(sealed.id, person.holdKey);
