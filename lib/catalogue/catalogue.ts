/**
 * The products that can be onboarded, as data: one YAML file each, in `vendors/` and in the folder that
 * `CATALOGUE_DIR` names. Adding a product is adding a file; no code knows any product's permissions.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { config } from "../config.ts";
import { whyNotCertificate } from "./lint.ts";
import { jsonSchema, ManifestError, parseManifest } from "./parse.ts";
import type { Manifest } from "./schema.ts";

export { jsonSchema, whyNotCertificate };

const processWide = globalThis as { vestibuleCatalogue?: Map<string, Manifest> };

/**
 * Reads every `*.yaml` of the folders.
 * @throws ManifestError naming file, line and column; also when two files have the same id
 */
export function readCatalogue(folders: readonly string[]): Map<string, Manifest> {
  const products = new Map<string, Manifest>();
  for (const folder of folders)
    for (const name of readdirSync(folder)
      .filter((file) => /\.ya?ml$/.test(file))
      .sort()) {
      const file = path.join(folder, name);
      const manifest = parseManifest(readFileSync(file, "utf8"), file);
      if (products.has(manifest.id)) throw new ManifestError(`${file}:1:1: a product with the id "${manifest.id}" is there already`);
      products.set(manifest.id, manifest);
    }
  return products;
}

function catalogue(): Map<string, Manifest> {
  processWide.vestibuleCatalogue ??= readCatalogue([
    path.join(/* turbopackIgnore: true */ process.cwd(), "lib", "catalogue", "vendors"),
    ...(config().CATALOGUE_DIR ? [path.resolve(/* turbopackIgnore: true */ config().CATALOGUE_DIR!)] : []),
  ]);
  return processWide.vestibuleCatalogue;
}

export const listProducts = (): Manifest[] => [...catalogue().values()];
export const findProduct = (id: string): Manifest | null => catalogue().get(id) ?? null;

/** @throws when the product of a stored onboarding is no longer in the catalogue: the operator removed its file */
export function requireProduct(id: string): Manifest {
  const manifest = findProduct(id);
  if (!manifest) throw new Error(`The catalogue has no product "${id}"; put its manifest back or into CATALOGUE_DIR`);
  return manifest;
}
