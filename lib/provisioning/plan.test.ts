import fc from "fast-check";
import { expect, test } from "vitest";
import type { Made } from "../audit/events";
import { readCatalogue } from "../catalogue/catalogue";
import type { Choices } from "../catalogue/schema";
import { nothingChosen } from "../catalogue/selection";
import { RESOURCE_APP_ID } from "../graph/graph";
import { applicationBody } from "./application";
import { departurePlan } from "./departure";
import { desired } from "./desired";
import { findingsOf } from "./health";
import { assumedEmpty, grantsNeeding, isWithin, plan, planDigest, restrictedTo } from "./plan";
import { abilitiesOf } from "./roles";
import type { Actual, Api } from "./snapshot";
import { undoPlan } from "./undo";

const manifest = readCatalogue(["lib/catalogue/vendors"]).get("cirrus-connect")!;
const all = abilitiesOf(["62e90394-69f5-4237-9190-012177145e10"]);
const cloudApplicationAdministrator = abilitiesOf(["158c047a-c907-4556-b7ef-446551a6b5f7"]);
const CALLBACK = "https://portal.example/approve/consented";
const wanted = (choices: Choices, isCallbackWanted = false) =>
  desired(manifest, choices, {
    mark: "Vestibule 12345678",
    mayShorten: false,
    consentCallback: { uri: CALLBACK, isWanted: isCallbackWanted },
  });
const everything: Choices = { ...nothingChosen, features: manifest.features.map(({ id }) => id) };

/** What a tenant holds once the plan for `choices` was carried out on `before`. */
function applied(choices: Choices, before: Actual): Actual {
  const after: Actual = { resources: before.resources, registrations: {}, namesakes: {}, lookalikes: {}, accounts: {} };
  for (const registration of wanted(choices)) {
    const body = applicationBody(registration, before);
    const existing = before.registrations[registration.id];
    const grantedRoles = [...(existing?.grantedRoles ?? [])];
    const scopes = new Map((existing?.grantedScopes ?? []).map(({ resourceId, scopes: held }) => [resourceId, new Set(held)]));
    for (const { api, kind, value } of registration.permissions) {
      const resource = before.resources[api as Api]!;
      if (kind === "application")
        grantedRoles.push({ resourceId: resource.servicePrincipalId, appRoleId: resource.roles[value]!, assignmentId: `a-${value}` });
      else scopes.set(resource.servicePrincipalId, (scopes.get(resource.servicePrincipalId) ?? new Set()).add(value));
    }
    after.registrations[registration.id] = {
      appId: "app",
      objectId: "object",
      displayName: body.displayName,
      signInAudience: body.signInAudience,
      isFallbackPublicClient: body.isFallbackPublicClient,
      publicClientRedirectUris: body.publicClient.redirectUris,
      webRedirectUris: body.web.redirectUris,
      spaRedirectUris: [],
      certificates: [],
      federated: [],
      tags: body.tags,
      declared: body.requiredResourceAccess,
      credentials: [{ keyId: "key", displayName: "Vestibule 12345678 x", endDateTime: "2027-11-22T00:00:00Z" }],
      servicePrincipalId: "principal",
      isDisabled: false,
      grantedRoles,
      grantedScopes: [...scopes].map(([resourceId, held]) => ({
        grantId: `grant-${resourceId}`,
        resourceId,
        principalId: null,
        scopes: [...held],
      })),
    };
  }
  return after;
}
const known = { verifiedKeyId: "key" };
const knownFor = (choices: Choices) => Object.fromEntries(wanted(choices).map(({ id }) => [id, known]));
const emptyTenant = () =>
  assumedEmpty(wanted({ ...everything, variants: { "user-presence": "delegated" }, answers: { "directory-sync": "on-premises" } }));
const fullTenant = (): Actual => {
  const a = assumedEmpty(wanted(everything));
  const b = emptyTenant();
  return {
    resources: {
      graph: {
        servicePrincipalId: "graph",
        roles: { ...a.resources.graph!.roles, ...b.resources.graph!.roles },
        scopes: { ...a.resources.graph!.scopes, ...b.resources.graph!.scopes },
      },
    },
    registrations: {},
    namesakes: {},
    lookalikes: {},
    accounts: {},
  };
};

const choices = fc.record({
  features: fc.shuffledSubarray(everything.features, { minLength: 1 }),
  variants: fc.constantFrom<Record<string, string>>({}, { "user-presence": "application" }, { "user-presence": "delegated" }),
  answers: fc.constantFrom<Record<string, string>>({}, { "directory-sync": "entra" }, { "directory-sync": "on-premises" }),
  layout: fc.constantFrom("single" as const, "per-feature" as const),
  variables: fc.constant<Record<string, string>>({}),
  instances: fc.constant<Record<string, number>>({}),
  adopt: fc.constant<Record<string, string>>({}),
});

test("planning on the result of applying is empty", () => {
  fc.assert(
    fc.property(choices, (choice) => {
      const after = applied(choice, fullTenant());
      expect(plan(wanted(choice), after, all, knownFor(choice)).filter(({ effect }) => effect !== "same")).toEqual([]);
    }),
  );
});

test("adding features later changes only what is missing, and then nothing", () => {
  fc.assert(
    fc.property(choices, choices, (first, second) => {
      const both: Choices = { ...second, layout: "single", features: [...new Set([...first.features, ...second.features])] };
      const between = applied({ ...first, layout: "single" }, fullTenant());
      const operations = plan(wanted(both), between, all, knownFor(both));
      expect(operations.find(({ kind }) => kind === "application")?.effect).not.toBe("create");
      const after = applied(both, between);
      expect(plan(wanted(both), after, all, knownFor(both)).every(({ effect }) => effect === "same")).toBe(true);
    }),
  );
});

test("the order of the features does not matter", () => {
  fc.assert(
    fc.property(choices, (choice) => {
      const reversed = { ...choice, features: choice.features.toReversed() };
      expect(plan(wanted(reversed), fullTenant(), all)).toEqual(plan(wanted(choice), fullTenant(), all));
    }),
  );
});

test("a Cloud Application Administrator needs an approver for application permissions of Microsoft Graph and for nothing else", () => {
  const operations = plan(wanted(everything), fullTenant(), cloudApplicationAdministrator);
  expect(operations.filter(({ needsRole }) => needsRole).map(({ kind, needsRole }) => [kind, needsRole])).toEqual([
    ["grant-application", "Privileged Role Administrator"],
  ]);
});

test("a permission that the tenant does not know blocks its line and names itself", () => {
  const tenant = fullTenant();
  delete tenant.resources.graph!.roles["Calendars.Read"];
  const blocked = plan(wanted(everything), tenant, all).filter(({ effect }) => effect === "blocked");
  expect(blocked).toHaveLength(1);
  expect(blocked[0]!.detail).toContain("Calendars.Read");
});

test("what a customer added to the application stays", () => {
  const choice: Choices = { ...everything, features: ["outlook-calendar"] };
  const before = applied(choice, fullTenant());
  const server = before.registrations.server!;
  server.publicClientRedirectUris.push("https://customer.example/callback");
  server.declared.push({ resourceAppId: "00000009-0000-0000-c000-000000000000", resourceAccess: [{ id: "own", type: "Scope" }] });
  server.displayName = "Renamed by the customer";
  const body = applicationBody(wanted(everything)[0]!, before);
  expect(body.publicClient.redirectUris).toContain("https://customer.example/callback");
  expect(body.requiredResourceAccess.map(({ resourceAppId }) => resourceAppId)).toEqual([
    RESOURCE_APP_ID.graph,
    "00000009-0000-0000-c000-000000000000",
  ]);
  expect(body.displayName).toBe("Renamed by the customer");
});

test("scopes that the customer granted beside ours are kept in the request", () => {
  const choice: Choices = { ...everything, features: ["outlook-mail"] };
  const before = applied({ ...choice }, fullTenant());
  before.registrations.server!.grantedScopes[0]!.scopes = ["Tasks.Read", "openid"];
  const grant = plan(wanted(choice), before, all).find(({ kind }) => kind === "grant-delegated")!;
  expect(grant.effect).toBe("change");
  expect((grant.requests[0]!.body as { scope: string }).scope.split(" ")).toEqual(
    expect.arrayContaining(["Tasks.Read", "openid", "Mail.Send.Shared"]),
  );
});

test("an approval covers a retry, but neither somebody else's application nor anything more", () => {
  const tenant = fullTenant();
  const approved = Object.fromEntries(plan(wanted(everything), tenant, all).map(({ id, effect }) => [id, effect]));
  const half = applied({ ...everything, features: ["outlook-calendar"] }, tenant);
  expect(isWithin(approved, plan(wanted(everything), half, all), wanted(everything), half), "our own unfinished work").toBe(true);
  half.registrations.server!.tags = ["Vestibule", "vestibule:cirrus-connect"];
  expect(
    isWithin(approved, plan(wanted(everything), half, all), wanted(everything), half),
    "an application that this onboarding did not make",
  ).toBe(false);
  const small = wanted({ ...everything, features: ["outlook-calendar"] });
  const approvedSmall = Object.fromEntries(plan(small, tenant, all).map(({ id, effect }) => [id, effect]));
  expect(isWithin(approvedSmall, plan(wanted(everything), tenant, all), wanted(everything), tenant), "more than was approved").toBe(false);
});

test("the digest of an approval does not depend on ids that are known only later", () => {
  const read = plan(wanted(everything), fullTenant(), all);
  const assumed = plan(wanted(everything), assumedEmpty(wanted(everything)), all);
  expect(planDigest(read)).toBe(planDigest(assumed));
});

test("an application with our key but without our tag is never touched, and the plan says whose it is", () => {
  const tenant = applied(everything, fullTenant());
  tenant.registrations.server!.tags = [];
  const operations = plan(wanted(everything), tenant, all);
  expect(operations).toHaveLength(1);
  expect(operations[0]).toMatchObject({ effect: "blocked", requests: [] });
  expect(operations[0]!.detail).toContain("left alone");
});

test("an application of the same name is left alone, and named", () => {
  const tenant = fullTenant();
  tenant.namesakes.server = ["11111111-1111-4111-8111-111111111111"];
  const [application] = plan(wanted(everything), tenant, all);
  expect(application).toMatchObject({ effect: "create" });
  expect(application!.detail).toContain("11111111-1111-4111-8111-111111111111");
});

test("each line says which roles may do it, the least first", () => {
  for (const { kind, roles } of plan(wanted(everything), fullTenant(), all))
    expect(roles[0], kind).toBe(kind === "grant-application" ? "Privileged Role Administrator" : "Cloud Application Administrator");
});

test("a resource that the tenant does not show is added first, and its permissions are looked up afterwards", () => {
  const tenant = fullTenant();
  delete tenant.resources.graph;
  const operations = plan(wanted(everything), tenant, all);
  expect(operations[0]).toMatchObject({ kind: "resource", effect: "create", title: "Add Microsoft Graph to your tenant" });
  expect(operations.filter(({ effect }) => effect === "blocked")).toEqual([]);
});

test("the portal's own redirect URI is there while Microsoft's consent page needs it, and no longer", () => {
  const before = applied(everything, fullTenant());
  const [during] = wanted(everything, true);
  expect(applicationBody(during!, before).web.redirectUris).toContain(CALLBACK);
  before.registrations.server!.webRedirectUris.push(CALLBACK, "https://customer.example/own");
  expect(applicationBody(wanted(everything)[0]!, before).web.redirectUris).toEqual(["https://customer.example/own"]);
  expect(plan(wanted(everything), before, all, knownFor(everything)).find(({ effect }) => effect === "change")?.detail).toContain(CALLBACK);
});

test("a colleague is asked for exactly the grants that need the higher role", () => {
  const items = grantsNeeding(plan(wanted(everything), fullTenant(), cloudApplicationAdministrator));
  expect(items.map(({ kind, value }) => `${kind} ${value}`)).toEqual([
    "application Calendars.Read",
    "application Group.Read.All",
    "application Presence.ReadWrite.All",
    "application User.Read.All",
  ]);
  const some = items.filter(({ value }) => value === "Group.Read.All");
  const [operation, ...others] = restrictedTo(some, plan(wanted(everything), fullTenant(), all));
  expect(others).toEqual([]);
  expect(operation!.permissions.map(({ value }) => value)).toEqual(["Group.Read.All"]);
});

// ---- Undo --------------------------------------------------------------------------------------------------------

const ours = (after: Actual, before: Actual): Made[] => {
  const had = before.registrations.server;
  const now = after.registrations.server!;
  if (!had) return [{ kind: "application" }, { kind: "service-principal" }, { kind: "credential", name: "Vestibule 12345678 x" }];
  const resourceId = now.grantedScopes[0]?.resourceId ?? "graph";
  return [
    ...now.grantedRoles
      .filter(({ appRoleId }) => !had.grantedRoles.some((each) => each.appRoleId === appRoleId))
      .map((each): Made => ({ kind: "role", resourceId: each.resourceId, appRoleId: each.appRoleId, value: each.appRoleId })),
    ...(now.grantedScopes[0]?.scopes ?? [])
      .filter((value) => !had.grantedScopes[0]?.scopes.includes(value))
      .map((value): Made => ({ kind: "scope", resourceId, value })),
    { kind: "credential", name: "Vestibule 12345678 x" },
  ];
};

test("undoing removes what was made here, and leaves alone what was there before", () => {
  fc.assert(
    fc.property(choices, choices, (first, second) => {
      const single = (choice: Choices): Choices => ({ ...choice, layout: "single", variables: {}, instances: {}, adopt: {} });
      const before = applied(single(first), fullTenant());
      before.registrations.server!.credentials = [{ keyId: "theirs", displayName: "By hand", endDateTime: "2027-01-01T00:00:00Z" }];
      const both = single({ ...second, features: [...new Set([...first.features, ...second.features])] });
      const after = applied(both, before);
      after.registrations.server!.credentials.push(...before.registrations.server!.credentials);
      const made = { server: ours(after, before) };
      const removed = undoPlan(wanted(both), after, made).flatMap(({ calls }) =>
        calls.map(({ method, path, body }) => ({ method, path, body })),
      );
      for (const { assignmentId, appRoleId } of before.registrations.server!.grantedRoles)
        expect(
          removed.some(({ path }) => path.endsWith(assignmentId)),
          `${appRoleId} was there`,
        ).toBe(false);
      for (const { scopes } of before.registrations.server!.grantedScopes) {
        const patched = removed.find(({ path }) => path.startsWith("/oauth2PermissionGrants/"));
        if (patched) {
          expect(patched.method, "a grant that held something stays").toBe("PATCH");
          expect((patched.body as { scope: string }).scope.split(" ").toSorted()).toEqual(scopes.toSorted());
        }
      }
      expect(removed.some(({ body }) => (body as { keyId?: string } | undefined)?.keyId === "theirs")).toBe(false);
      expect(removed.some(({ method, path }) => method === "DELETE" && path.startsWith("/applications/"))).toBe(false);
    }),
  );
});

test("an application that was made here goes as a whole, and says what of others goes with it", () => {
  const after = applied(everything, fullTenant());
  after.registrations.server!.credentials.push({ keyId: "theirs", displayName: "By hand", endDateTime: "2027-01-01T00:00:00Z" });
  const [removal, ...others] = undoPlan(wanted(everything), after, { server: ours(after, fullTenant()) });
  expect(others).toEqual([]);
  expect(removal!.calls).toMatchObject([{ method: "DELETE", path: "/applications/object" }]);
  expect(removal!.detail).toContain("1 credential");
  after.registrations.server = null;
  expect(undoPlan(wanted(everything), after, { server: [{ kind: "application" }] }), "nothing is left").toEqual([]);
});

// ---- Health ------------------------------------------------------------------------------------------------------

const NOW = new Date("2027-01-01T00:00:00Z");
const health = (choice: Choices, actual: Actual, now = NOW) => findingsOf(wanted(choice), actual, knownFor(choice), now);
/** The tenant as it was handed over, with one thing changed. */
function drifted(change: (registration: NonNullable<Actual["registrations"][string]>, actual: Actual) => void) {
  const actual = applied(everything, fullTenant());
  change(actual.registrations.server!, actual);
  return health(everything, actual).map(({ kind, title, detail, remedy }) => ({ kind, remedy, text: `${title}. ${detail}` }));
}

test("what was handed over and is as it was has no findings", () => {
  fc.assert(
    fc.property(choices, (choice) => {
      expect(health(choice, applied(choice, fullTenant()))).toEqual([]);
    }),
  );
});

test("each thing that somebody took away is found, as something that a plan makes again", () => {
  const missing = (text: string) => [{ kind: "missing", remedy: "plan", text: expect.stringContaining(text) }];
  expect(drifted((own) => Object.assign(own, { isDisabled: true }))).toEqual(missing("service principal is disabled"));
  expect(drifted((own) => void own.grantedRoles.pop())).toEqual(missing("1 application permission not granted any more"));
  expect(drifted((own) => Object.assign(own, { credentials: [] }))).toEqual(missing("credential that was handed over is gone"));
  expect(drifted((own) => Object.assign(own, { isFallbackPublicClient: !own.isFallbackPublicClient }))).toEqual(missing("was changed"));
  expect(drifted((_, { registrations }) => Object.assign(registrations, { server: null }))).toEqual(missing("app registration is gone"));
  const withoutPrincipal = drifted((own) => Object.assign(own, { servicePrincipalId: null, grantedRoles: [], grantedScopes: [] }));
  expect(withoutPrincipal[0]).toMatchObject({ text: expect.stringContaining("service principal is gone") });
});

test("each thing that somebody added is found, and nothing here takes it away", () => {
  const added = (kind: string, text: string) => [{ kind, remedy: "entra", text: expect.stringContaining(text) }];
  const secret = { keyId: "theirs", displayName: "By hand", startDateTime: "2026-12-24T00:00:00Z", endDateTime: "2027-12-24T00:00:00Z" };
  expect(drifted((own) => void own.credentials.push(secret))).toEqual(added("unknown-credential", "“By hand”, since 2026-12-24"));
  const trust = { name: "ci", issuer: "https://issuer.example", subject: "repo", audiences: [] };
  expect(drifted((own) => void own.federated.push(trust))).toEqual(added("unknown-credential", "repo of https://issuer.example"));
  expect(drifted((own) => void own.webRedirectUris.push("https://evil.example"))).toEqual(
    added("extra-redirect-uri", "https://evil.example"),
  );
  expect(drifted((own) => void own.grantedScopes[0]!.scopes.push("Mail.ReadWrite.All"))).toEqual(
    added("extra-permission", "Mail.ReadWrite.All"),
  );
  const role = { resourceId: "graph", appRoleId: "unheard-of", assignmentId: "a" };
  expect(drifted((own) => void own.grantedRoles.push(role))).toEqual(added("extra-permission", "application permission unheard-of"));
});

test("a secret that ends soon asks for another one in time; a finding keeps its key", () => {
  const actual = applied(everything, fullTenant());
  const at = (day: string) => health(everything, actual, new Date(`${day}T12:00:00Z`));
  expect(at("2027-10-01")).toEqual([]);
  expect(at("2027-11-15")).toMatchObject([{ kind: "ending", remedy: "rotate", title: "The client secret ends in 6 days" }]);
  expect(at("2027-12-01")).toMatchObject([{ kind: "ending", title: "The client secret has ended", key: at("2027-11-15")[0]!.key }]);
});

test("leaving takes back every consent before the service principal; where there is nothing, nothing is done", () => {
  const grant = (grantId: string, principalId: string | null, scopes: string[]) => ({ grantId, resourceId: "graph", principalId, scopes });
  const nothing = { servicePrincipalId: null, isDisabled: false, grantedRoles: [], grantedScopes: [] };
  expect(departurePlan(nothing)).toEqual([]);
  const there = {
    ...nothing,
    servicePrincipalId: "sp",
    grantedScopes: [grant("a", null, ["User.Read"]), grant("b", "adele", ["User.Read", "Mail.Read"])],
  };
  const plan = departurePlan(there);
  expect(plan.flatMap(({ calls }) => calls.map(({ method, path }) => `${method} ${path}`))).toEqual([
    "DELETE /oauth2PermissionGrants/a",
    "DELETE /oauth2PermissionGrants/b",
    "DELETE /servicePrincipals/sp",
  ]);
  expect(plan[0]).toMatchObject({ detail: "Delegated permissions, for everyone and for 1 person" });
  expect(plan[0]!.permissions.map(({ value }) => value)).toEqual(["User.Read", "Mail.Read"]);
});
