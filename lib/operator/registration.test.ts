import { expect, test } from "vitest";
import { RESOURCE_APP_ID } from "../graph/graph.ts";
import { differences, type PortalApplication, SCOPES } from "./registration.ts";

const BASE = "https://onboarding.example.com";
const ids = new Map([...SCOPES, "Mail.Read"].map((name, index) => [name, `id-${index}`]));
const role = (value: string, member = "User") => ({
  ...{ id: value, value, displayName: value, description: value, isEnabled: true, allowedMemberTypes: [member] },
});
const right = (): PortalApplication => ({
  ...{ id: "o", appId: "a", displayName: "Vestibule", signInAudience: "AzureADMultipleOrgs", groupMembershipClaims: "DirectoryRole" },
  identifierUris: ["api://a"],
  spa: { redirectUris: [`${BASE}/auth/callback`] },
  api: { requestedAccessTokenVersion: 2, oauth2PermissionScopes: [{ id: "s", value: "access", isEnabled: true, type: "User" }] },
  appRoles: [
    ...["Support.Viewer", "Support.Agent", "Support.Manager", "Support.Operator"].map((value) => role(value)),
    role("Handoff.Collect", "Application"),
  ],
  requiredResourceAccess: [
    { resourceAppId: RESOURCE_APP_ID.graph, resourceAccess: SCOPES.map((name) => ({ id: ids.get(name)!, type: "Scope" })) },
  ],
  verifiedPublisher: { displayName: "Cirrus" },
});
const found = (change: Partial<PortalApplication>) => differences({ ...right(), ...change }, BASE, ids);

test("a registration as it has to be has nothing to mend", () => {
  expect(found({})).toEqual([]);
});

test.each<[string, Partial<PortalApplication>, RegExp]>([
  ["one tenant only", { signInAudience: "AzureADMyOrg" }, /Only accounts of its own tenant/],
  ["another redirect URI", { spa: { redirectUris: ["https://old.example.com/auth/callback"] } }, /redirect URI https:\/\/onboarding/],
  ["no role claims", { groupMembershipClaims: null }, /directory roles/],
  ["no application ID URI", { identifierUris: [] }, /api:\/\/a/],
  ["version 1 tokens", { api: { ...right().api!, requestedAccessTokenVersion: null } }, /version 1/],
  ["no scope", { api: { requestedAccessTokenVersion: 2, oauth2PermissionScopes: [] } }, /"access" is not exposed/],
  ["a role missing", { appRoles: right().appRoles.slice(1) }, /Support\.Viewer/],
  ["nothing declared", { requiredResourceAccess: [] }, /not declared: User\.Read/],
])("%s is found, and mended by exactly one change after which nothing is left", (_, change, words) => {
  const [first, ...others] = found(change);
  expect(first?.what).toMatch(words);
  expect(others).toEqual([]);
  expect(differences({ ...right(), ...change, ...first!.change } as PortalApplication, BASE, ids)).toEqual([]);
});

test("what is there already stays: other redirect URIs, other scopes, other permissions", () => {
  const spa = { redirectUris: ["https://old.example.com/auth/callback"] };
  expect(found({ spa })[0]!.change).toEqual({ spa: { redirectUris: [...spa.redirectUris, `${BASE}/auth/callback`] } });
});

test("a person is told of what only a person can mend: the publisher, and permissions that are too many", () => {
  const tooMany = right().requiredResourceAccess.map((each) => ({
    ...each,
    resourceAccess: [...each.resourceAccess, { id: ids.get("Mail.Read")!, type: "Scope" }],
  }));
  const all = found({ verifiedPublisher: null, requiredResourceAccess: tooMany });
  expect(all.map(({ what }) => what).join("; ")).toMatch(/more than the portal needs: Mail\.Read; .*not verified/);
  expect(all.every(({ change }) => change === undefined)).toBe(true);
});
