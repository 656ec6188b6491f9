import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

type Package = { license?: string; dev?: boolean; integrity?: string; resolved?: string; link?: boolean };
const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, Package> };
const installed = Object.entries(packages).flatMap(([place, about]) =>
  place ? [{ name: place.replace(/^.*node_modules\//, ""), ...about }] : [],
);

/** Licences under which the portal may be run and passed on as it is. */
const FINE = ["MIT", "MIT-0", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "BlueOak-1.0.0", "Unlicense", "CC0-1.0"];
/** Others, and why they are no obstacle. */
const BECAUSE: Record<string, string> = {
  "MPL-2.0": "its own files stay under it, unchanged",
  "EPL-2.0": "its own files stay under it, unchanged",
  "LGPL-3.0-or-later": "libvips, loaded as a library of its own; the portal scales no pictures",
  "CC-BY-4.0": "data about browsers, used to build",
};
/** Packages whose file does not say it. */
const SAID_ELSEWHERE: Record<string, string> = { "seq-queue": "MIT" };

test("every package that is installed has a licence that was thought about", () => {
  const others = installed
    .map(({ name, license }) => ({ name, license: license ?? SAID_ELSEWHERE[name] ?? "none" }))
    .filter(({ license }) => {
      const parts = license.replaceAll(/[()]/g, "").split(/ (?:OR|AND|and) /);
      return (
        !parts.every((part) => FINE.includes(part) || BECAUSE[part]) &&
        !(license.includes(" OR ") && parts.some((part) => FINE.includes(part)))
      );
    });
  expect(others).toEqual([]);
});

test("every package is held to its content, and none to a registry of somebody's", () => {
  expect(installed.filter(({ integrity, link }) => !integrity && !link).map(({ name }) => name)).toEqual([]);
  expect(
    installed.filter(({ resolved }) => resolved && !resolved.startsWith("https://registry.npmjs.org/")).map(({ name }) => name),
  ).toEqual([]);
});
