/**
 * The manifest that an onboarding was planned with. It is kept by what it says, so that a file which changes, or goes away,
 * changes nothing for an onboarding that is under way; a newer edition is offered with its differences.
 */
import { createHash } from "node:crypto";
import { findProduct, requireProduct } from "../catalogue/catalogue.ts";
import { Manifest } from "../catalogue/schema.ts";
import { db, type Transaction } from "../db.ts";

const processWide = globalThis as { vestibuleManifests?: Map<string, Manifest> };
const KEPT = 200;

/** Every request asks for the digest of the catalogue's own manifests, which never change while the process lives. */
const digests = new WeakMap<Manifest, string>();
function digestOfManifest(manifest: Manifest): string {
  let digest = digests.get(manifest);
  if (!digest) {
    digest = createHash("sha256").update(JSON.stringify(manifest)).digest("base64url");
    digests.set(manifest, digest);
  }
  return digest;
}

/** Makes sure that the manifest can be found again by its digest. */
export async function keep(tx: Transaction, manifest: Manifest, now: Date): Promise<string> {
  const digest = digestOfManifest(manifest);
  // Many onboardings may be the first of this edition: an upsert of Prisma's would refuse all but one.
  const data = [{ digest, productId: manifest.id, version: manifest.version, content: manifest, createdAt: now }];
  await tx.manifestVersion.createMany({ data, skipDuplicates: true });
  return digest;
}

/** @throws when neither it nor its product is there any more */
export async function manifestOf(productId: string, digest: string | undefined): Promise<Manifest> {
  if (!digest) return requireProduct(productId);
  const current = findProduct(productId);
  if (current && digestOfManifest(current) === digest) return current;
  processWide.vestibuleManifests ??= new Map();
  const known = processWide.vestibuleManifests.get(digest);
  if (known) return known;
  const row = await db().manifestVersion.findUnique({ where: { digest }, select: { content: true } });
  if (!row) return requireProduct(productId);
  const manifest = Manifest.parse(row.content);
  if (processWide.vestibuleManifests.size >= KEPT) processWide.vestibuleManifests.clear();
  processWide.vestibuleManifests.set(digest, manifest);
  return manifest;
}

/** The edition that the catalogue has now, when it is a newer one than this. */
export function newerThan(manifest: Manifest): Manifest | null {
  const current = findProduct(manifest.id);
  return current && current.version > manifest.version ? current : null;
}
