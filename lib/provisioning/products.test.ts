import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { newCertificate } from "../../e2e/certificate";
import { parseManifest } from "../catalogue/parse";
import type { Choices, Manifest } from "../catalogue/schema";
import { nothingChosen } from "../catalogue/selection";
import { applicationBody } from "./application";
import { type DesiredRegistration, desired } from "./desired";
import { assumedEmpty, plan } from "./plan";
import { credentialWrite } from "./public-credential";
import { abilitiesOf } from "./roles";
import type { Actual, ActualRegistration, Api } from "./snapshot";

const all = abilitiesOf(["62e90394-69f5-4237-9190-012177145e10"]);
const VALUES = {
  "service-account": "cirrus@contoso.com",
  "shared-mailboxes": "a@contoso.com",
  "test-account": "nora@contoso.com",
  "mailbox-group": "group@contoso.com",
  "tenant-host": "acme.brightpattern.com",
  "frontend-url": "https://lucs.contoso.com/x",
  "recording-account": "rec@contoso.com",
  "redirect-uri": "https://app.example.com/x",
  workspace: "contoso-prod",
};
const read = (file: string) => parseManifest(readFileSync(file, "utf8"), file);
const products = [
  ...readdirSync("lib/catalogue/vendors").map((name) => read(`lib/catalogue/vendors/${name}`)),
  read("e2e/catalogue/northwind-insights.yaml"),
];
const everything = (manifest: Manifest): Choices => ({
  ...nothingChosen,
  features: manifest.features.map(({ id }) => id),
  variables: VALUES,
});
const wantedBy = (manifest: Manifest, choices: Choices) =>
  desired(manifest, choices, {
    mark: "Vestibule 12345678",
    mayShorten: false,
    consentCallback: { uri: "https://portal.example/x", isWanted: false },
  });

let pem = "";
beforeAll(async () => {
  pem = (await newCertificate()).pem;
});

/** What a registration is once its plan was carried out on what was there. */
function carriedOut(wanted: DesiredRegistration, before: Actual): ActualRegistration {
  const existing = before.registrations[wanted.id] ?? null;
  const body = applicationBody(wanted, before);
  const account = wanted.consentAccount ? before.accounts[wanted.consentAccount]! : null;
  const scopes = new Map<string, string[]>();
  const roles = [...(existing?.grantedRoles ?? [])];
  for (const { api, kind, value } of wanted.permissions) {
    const resource = before.resources[api as Api]!;
    if (kind === "application")
      roles.push({ resourceId: resource.servicePrincipalId, appRoleId: resource.roles[value]!, assignmentId: value });
    else scopes.set(resource.servicePrincipalId, [...(scopes.get(resource.servicePrincipalId) ?? []), value]);
  }
  const { credential } = wanted;
  const write =
    credential && credential.kind !== "secret" ? (credentialWrite(credential, existing, "o").body as Record<string, unknown>) : {};
  return {
    ...{ appId: "app", objectId: "object", displayName: body.displayName, signInAudience: body.signInAudience },
    isFallbackPublicClient: body.isFallbackPublicClient,
    publicClientRedirectUris: body.publicClient.redirectUris,
    webRedirectUris: body.web.redirectUris,
    spaRedirectUris: body.spa?.redirectUris ?? [],
    tags: body.tags,
    declared: body.requiredResourceAccess,
    credentials:
      credential?.kind === "secret" ? [{ keyId: "key", displayName: "Vestibule 12345678 x", endDateTime: "2027-11-22T00:00:00Z" }] : [],
    certificates: ((write.keyCredentials as { customKeyIdentifier: string }[]) ?? existing?.certificates ?? []).map((each) => ({
      ...{ keyId: "cert", displayName: null, endDateTime: "2027-11-22T00:00:00Z" },
      ...each,
      // Graph does not give a certificate's content back unless it is asked for.
      key: null,
    })),
    federated: credential?.kind === "federated" ? [write as never] : [],
    servicePrincipalId: "principal",
    isDisabled: false,
    grantedRoles: roles,
    grantedScopes: [
      ...(existing?.grantedScopes ?? []),
      ...[...scopes].map(([resourceId, held]) => ({ grantId: resourceId, resourceId, principalId: account, scopes: held })),
    ],
  };
}
const after = (wanted: readonly DesiredRegistration[], before: Actual): Actual => ({
  ...before,
  registrations: Object.fromEntries(wanted.map((each) => [each.id, carriedOut(each, before)])),
});
const known = (wanted: readonly DesiredRegistration[]) => Object.fromEntries(wanted.map(({ id }) => [id, { verifiedKeyId: "key" }]));
const left = (wanted: readonly DesiredRegistration[], actual: Actual) =>
  plan(wanted, actual, all, known(wanted)).filter(({ effect }) => effect !== "same");

test.each(products.map((manifest) => [manifest.name, manifest] as const))(
  "%s: planning on the result of its own plan is empty, in every way of choosing",
  (_, manifest) => {
    const ways: Partial<Choices>[] = [
      {},
      { layout: manifest.registrations.some(({ perFeature }) => perFeature) ? "per-feature" : "single" },
      { consent: "account" },
      { credential: "certificate", certificate: pem },
      { answers: Object.fromEntries(manifest.questions.map(({ id, options }) => [id, options.at(-1)!.id])) },
      { answers: Object.fromEntries(manifest.questions.map(({ id, options }) => [id, options[1]!.id])) },
      { variants: Object.fromEntries(manifest.features.flatMap(({ id, variants }) => (variants ? [[id, variants.at(-1)!.id]] : []))) },
      { instances: Object.fromEntries(manifest.registrations.flatMap(({ id, instances }) => (instances ? [[id, 3]] : []))) },
    ];
    for (const way of ways) {
      const wanted = wantedBy(manifest, { ...everything(manifest), ...way });
      const empty = assumedEmpty(wanted);
      expect(plan(wanted, empty, all).every(({ effect }) => effect === "create")).toBe(true);
      expect(left(wanted, after(wanted, empty)), JSON.stringify(way).slice(0, 80)).toEqual([]);
    }
  },
);

const emi = products.find(({ id }) => id === "bright-pattern-emi")!;

test("a registration that is adopted keeps its name, audience, addresses, grants and credentials, and they are listed", () => {
  const [wanted] = wantedBy(emi, { ...everything(emi), adopt: { "emi-server": "99999999-2222-4333-8444-555555555555" } });
  const empty = assumedEmpty([wanted!]);
  const there: ActualRegistration = {
    ...carriedOut(wanted!, empty),
    ...{ displayName: "Old EMI", signInAudience: "AzureADMultipleOrgs", isFallbackPublicClient: true },
    webRedirectUris: ["https://old.example/x"],
    declared: [],
    tags: [],
    credentials: [{ keyId: "theirs", displayName: "by hand", endDateTime: "2027-01-01T00:00:00Z" }],
    grantedRoles: [{ resourceId: "{Microsoft Graph}", appRoleId: "unknown-role", assignmentId: "x" }],
    grantedScopes: [{ grantId: "g", resourceId: "{Microsoft Graph}", principalId: null, scopes: ["Mail.Read"] }],
  };
  const actual: Actual = { ...empty, registrations: { "emi-server": there } };
  const body = applicationBody(wanted!, actual);
  expect(body).toMatchObject({ displayName: "Old EMI", signInAudience: "AzureADMultipleOrgs", isFallbackPublicClient: true });
  expect(body.web.redirectUris).toContain("https://old.example/x");
  const [application, , ...grants] = plan([wanted!], actual, all);
  expect(application?.effect).toBe("change");
  expect(application?.detail).toMatch(
    /Kept as it is, not ours: 1 redirect URI \(https:\/\/old\.example\/x\); 2 permissions \(unknown-role, Mail\.Read\); 1 secret/,
  );
  expect(grants.find(({ kind }) => kind === "grant-delegated")?.requests[0]?.body).toMatchObject({
    scope: expect.stringContaining("Mail.Read "),
  });
});

test("one that was picked and is gone, and a second one where only one may be, stop the plan before anything is written", () => {
  const [wanted] = wantedBy(emi, everything(emi));
  const empty = assumedEmpty([wanted!]);
  const lookalike = { appId: "a", displayName: "Old EMI", because: "it carries this product's tag" };
  expect(plan([wanted!], { ...empty, lookalikes: { "emi-server": [lookalike] } }, all)).toMatchObject([
    { effect: "blocked", kind: "application" },
  ]);
  const [adopted] = wantedBy(emi, { ...everything(emi), adopt: { "emi-server": "99999999-2222-4333-8444-555555555555" } });
  expect(plan([adopted!], { ...empty, registrations: { "emi-server": null } }, all)).toMatchObject([{ effect: "blocked" }]);
});

test("permissions for one account: what everyone may already is not granted again, and an unknown account stops the plan", () => {
  const cirrus = products.find(({ id }) => id === "cirrus-connect")!;
  const wanted = wantedBy(cirrus, { ...everything(cirrus), features: ["outlook-mail"], consent: "account" });
  const empty = assumedEmpty(wanted);
  expect(
    plan(wanted, { ...empty, accounts: { "cirrus@contoso.com": null } }, all).find(({ kind }) => kind === "grant-delegated"),
  ).toMatchObject({
    effect: "blocked",
    detail: expect.stringContaining("no account cirrus@contoso.com"),
  });
  const done = after(wanted, empty);
  const forAll = structuredClone(done);
  for (const grant of forAll.registrations.server!.grantedScopes) grant.principalId = null;
  expect(left(wanted, forAll)).toEqual([]);
});
