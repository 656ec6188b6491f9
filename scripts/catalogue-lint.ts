// Reads manifests strictly and says everything that is wrong with them: `npm run catalogue:lint [-- file or folder …]`.
// Without arguments: the catalogue's own, and those in CATALOGUE_DIR. Exit code 1 when one cannot be used.
// With `-- --schema` it writes lib/catalogue/manifest.schema.json anew.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { jsonSchema, readManifest } from "../lib/catalogue/parse.ts";

const OWN = path.join("lib", "catalogue", "vendors");
const SCHEMA = path.join("lib", "catalogue", "manifest.schema.json");

const given = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
if (process.argv.includes("--schema")) {
  writeFileSync(SCHEMA, `${JSON.stringify(jsonSchema(), null, 2)}\n`);
  console.log(`${SCHEMA} is written.`);
}
const places = given.length > 0 ? given : [OWN, ...(process.env.CATALOGUE_DIR ? [process.env.CATALOGUE_DIR] : [])];
const files = places.flatMap((place) => {
  if (!statSync(place, { throwIfNoEntry: false })) {
    console.error(`${place} does not exist.`);
    process.exit(1);
  }
  if (!statSync(place).isDirectory()) return [place];
  return readdirSync(place)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => path.join(place, name));
});
let errors = 0;
let warnings = 0;
const seen = new Map<string, string>();
for (const file of files) {
  const { manifest, findings } = readManifest(readFileSync(file, "utf8"), file);
  for (const { level, at, message } of findings) {
    console.log(`${at}: ${level === "error" ? "" : "warning: "}${message}`);
    if (level === "error") errors += 1;
    else warnings += 1;
  }
  if (!manifest) continue;
  const before = seen.get(manifest.id);
  if (before) {
    console.log(`${file}:1:1: a product with the id "${manifest.id}" is there already, in ${before}`);
    errors += 1;
  }
  seen.set(manifest.id, file);
}
console.log(
  `${files.length} ${files.length === 1 ? "manifest" : "manifests"}: ${errors} to mend, ${warnings} ${warnings === 1 ? "warning" : "warnings"}.`,
);
process.exit(errors > 0 ? 1 : 0);
