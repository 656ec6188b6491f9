import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { readCatalogue } from "./catalogue";
import { ManifestError, parseManifest } from "./parse";
import type { Choices } from "./schema";
import {
  manualStepsFor,
  nothingChosen,
  permissionsFor,
  type RegistrationChoice,
  refusalOf,
  registrationsFor,
  variablesFor,
} from "./selection";

const source = readFileSync("lib/catalogue/vendors/cirrus-connect.yaml", "utf8");
const cirrus = parseManifest(source, "cirrus-connect.yaml");
const choose = (features: string[], rest: Partial<Choices> = {}): Choices => ({ ...nothingChosen, features, ...rest });
const months = ({ credential }: RegistrationChoice) => (credential?.kind === "secret" ? credential.months : null);
const names = (choices: Choices) => permissionsFor(cirrus, choices).map(({ kind, value }) => `${kind} ${value}`);

test("a vendor's colour and logo are taken when they can be shown", () => {
  const logo = `data:image/png;base64,${Buffer.from("png").toString("base64")}`;
  const branded = source.replace("  id: cirrus\n", `  id: cirrus\n  accent: "#0b5c63"\n  logo: ${logo}\n`);
  expect(parseManifest(branded, "x.yaml").vendor).toMatchObject({ accent: "#0b5c63", logo });
});

test("each feature of Cirrus Connect asks for exactly the permissions of the vendor's how-to", () => {
  expect(names(choose(["active-directory"]))).toEqual(["application Group.Read.All", "application User.Read.All"]);
  expect(names(choose(["outlook-calendar"]))).toEqual(["application Calendars.Read"]);
  const signIn = ["delegated offline_access", "delegated openid", "delegated profile"];
  expect(names(choose(["outlook-mail"]))).toEqual(["delegated Mail.ReadWrite.Shared", "delegated Mail.Send.Shared", ...signIn]);
  expect(names(choose(["user-presence"]))).toEqual(["application Presence.ReadWrite.All"]);
  const delegated = { variants: { "user-presence": "delegated" } };
  expect(names(choose(["user-presence"], delegated))).toEqual(["delegated Presence.Read.All", ...signIn]);
  expect(names(choose(["user-presence"], { ...delegated, answers: { "directory-sync": "on-premises" } }))).toEqual([
    "delegated Presence.Read.All",
    "delegated User.Read.All",
    ...signIn,
  ]);
});

test("a secret is issued only where an application permission was chosen", () => {
  expect(registrationsFor(cirrus, choose(["outlook-mail"])).map(months)).toEqual([null]);
  expect(registrationsFor(cirrus, choose(["outlook-mail", "outlook-calendar"])).map(months)).toEqual([12]);
});

test("one registration for each feature holds only that feature's permissions", () => {
  const registrations = registrationsFor(cirrus, choose(["outlook-mail", "outlook-calendar"], { layout: "per-feature" }));
  expect(registrations.map((each) => [each.displayName, each.permissions.length, months(each)])).toEqual([
    ["Cirrus Server – Outlook Calendar", 1, 12],
    ["Cirrus Server – Outlook mail", 5, null],
  ]);
});

test("manual steps follow the choice", () => {
  const steps = (choices: Choices) => manualStepsFor(cirrus, choices).map(({ id }) => id);
  expect(steps(choose(["active-directory"]))).toEqual([]);
  expect(steps(choose(["outlook-mail"]))).toEqual(["mailbox-rights", "sign-in-frequency", "service-account-sign-in"]);
  expect(steps(choose(["user-presence"], { variants: { "user-presence": "delegated" } }))).toEqual([
    "sign-in-frequency",
    "service-account-sign-in",
  ]);
});

test("a value that brings a step about is asked for before the step is there", () => {
  const adatum = parseManifest(readFileSync("e2e/catalogue/adatum-suite.yaml", "utf8"), "adatum-suite.yaml");
  const asked = (choices: Choices) => variablesFor(adatum, choices).map(({ id }) => id);
  expect(asked(choose(["archive"]))).toEqual(["footer"]);
  expect(asked(choose(["add-in"]))).toEqual(["host"]);
  const steps = (variables: Record<string, string>) => manualStepsFor(adatum, choose(["archive"], { variables })).map(({ id }) => id);
  expect([steps({}), steps({ footer: "x" })]).toEqual([[], ["footer"]]);
});

test("unknown features, variants and answers are refused with a reason", () => {
  const offered = cirrus.features.map(({ id }) => id);
  expect(refusalOf(cirrus, offered, choose(["active-directory"]))).toBeNull();
  expect(refusalOf(cirrus, offered, choose(["everything"]))).toMatch(/does not offer a feature "everything"/);
  expect(refusalOf(cirrus, ["outlook-mail"], choose(["active-directory"])), "known, but not offered").toMatch(/does not offer/);
  expect(refusalOf(cirrus, offered, choose([]))).toMatch(/at least one/);
  expect(refusalOf(cirrus, offered, choose(["user-presence"], { variants: { "user-presence": "both" } }))).toMatch(/no variant "both"/);
  const adopt = { server: "99999999-2222-4333-8444-555555555555" };
  expect(refusalOf(cirrus, offered, choose(["active-directory"], { adopt }))).toBeNull();
  const alone = { ...cirrus, registrations: cirrus.registrations.map(({ adopt: _, ...each }) => each) };
  expect(refusalOf(alone, offered, choose(["active-directory"], { adopt }))).toMatch(/an existing one cannot be used/);
  expect(refusalOf(cirrus, offered, choose(["active-directory"], { adopt: { other: adopt.server } }))).toMatch(/not part of the plan/);
  expect(refusalOf(cirrus, offered, choose(["active-directory"], { credential: "certificate" }))).toMatch(/cannot use this kind/);
  expect(refusalOf(cirrus, offered, choose(["active-directory"], { instances: { server: 3 } }))).toMatch(/one registration only/);
  expect(refusalOf(cirrus, offered, choose(["outlook-mail"], { consent: "account" }))).toMatch(/Service account: name the account/);
  expect(refusalOf(cirrus, offered, choose(["outlook-mail"], { variables: { "shared-mailboxes": "no address" } }))).toMatch(
    /Shared mailboxes: “no” is not an e-mail address/,
  );
  expect(refusalOf(cirrus, offered, choose(["user-presence"], { answers: { "directory-sync": "maybe" } }))).toMatch(/cannot be answered/);
});

test.each([
  [
    "a misspelt permission",
    "value: Group.Read.All",
    "value: Groups.Read.All",
    /^x\.yaml:\d+:\d+: .*no application permission "Groups\.Read\.All"; did you mean "Group\.Read\.All"\?$/,
  ],
  [
    "a kind that does not exist",
    "kind: application, value: Presence.ReadWrite.All",
    "kind: delegated, value: Presence.ReadWrite.All",
    /exists only as application/,
  ],
  [
    "a misspelt field",
    "    note: Reaches",
    "    note_: Reaches",
    /^x\.yaml:\d+:5: unknown field "note_" in features\.2; did you mean "note"\?$/,
  ],
  ["a misspelt word", "risk: low", "risk: lo", /"lo" is not one of low, medium, high; did you mean "low"\?/],
  [
    "a dangling question",
    "question: directory-sync, is",
    "question: directory-sink, is",
    /no question "directory-sink"; did you mean "directory-sync"\?/,
  ],
  [
    "a dangling feature",
    "features: [outlook-mail]",
    "features: [outlook-male]",
    /no feature "outlook-male"; did you mean "outlook-mail"\?/,
  ],
  ["a permission without a reason", ", because: Reads groups and who is in them", "", /because/],
  [
    "a colour that white text cannot be read on",
    "  id: cirrus\n",
    '  id: cirrus\n  accent: "#ffd400"\n',
    /^x\.yaml:\d+:\d+: .*too hard to read.*4\.5 to 1/,
  ],
  ["no colour", "  id: cirrus\n", "  id: cirrus\n  accent: teal\n", /a colour such as #0b5c63/],
  ["a logo from elsewhere", "  id: cirrus\n", "  id: cirrus\n  logo: https://cirrus.example/logo.png\n", /data:image\/png;base64/],
  ["broken YAML", "features:\n", "features: [\n", /^x\.yaml:\d+:\d+: /],
])("%s is refused with file, line and the nearest name", (_, from, to, message) => {
  expect(source).toContain(from);
  expect(() => parseManifest(source.replace(from, to), "x.yaml")).toThrow(ManifestError);
  expect(() => parseManifest(source.replace(from, to), "x.yaml")).toThrow(message);
});

test("a further folder adds a product by its file alone, and the same id twice is refused", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "catalogue-"));
  writeFileSync(
    path.join(folder, "northwind.yaml"),
    source.replace("id: cirrus-connect", "id: northwind-backup").replace("name: Cirrus Connect", "name: Northwind Backup"),
  );
  const before = [...readCatalogue(["lib/catalogue/vendors"]).keys()];
  expect([...readCatalogue(["lib/catalogue/vendors", folder]).keys()]).toEqual([...before, "northwind-backup"]);
  expect(() => readCatalogue(["lib/catalogue/vendors", "lib/catalogue/vendors"])).toThrow(/is there already/);
});
