/**
 * Takes back what this portal made, and nothing else: computed from the journal's intents and compared with the tenant,
 * so that what was there before stays as it was.
 */
import type { Made } from "../audit/events.ts";
import { GraphError, type GraphRequest } from "../graph/graph.ts";
import type { DesiredRegistration } from "./desired.ts";
import type { Operation } from "./plan.ts";
import { thumbprintOf } from "./public-credential.ts";
import { type Run, type RunResult, Site, StepStopped } from "./site.ts";
import type { Actual, ActualRegistration, Api } from "./snapshot.ts";
import { agree } from "./verify.ts";
import { apiName, counted } from "./words.ts";

export type MadeByRegistration = Readonly<Record<string, readonly Made[]>>;

const REGISTER = ["Cloud Application Administrator", "Application Administrator", "Global Administrator"];
const CONSENT = ["Cloud Application Administrator", "Application Administrator", "Privileged Role Administrator", "Global Administrator"];

type Removal = Operation & { calls: GraphRequest[] };
const of = <K extends Made["kind"]>(made: readonly Made[], kind: K) =>
  made.filter((each): each is Extract<Made, { kind: K }> => each.kind === kind);

type ScopeMade = Extract<Made, { kind: "scope" }>;
const isOf = (made: ScopeMade, grant: { resourceId: string; principalId: string | null }) =>
  made.resourceId === grant.resourceId && (made.principalId ?? null) === grant.principalId;

/** What others put on an application that goes as a whole. */
function addedByOthers(existing: ActualRegistration, made: readonly Made[], desired: DesiredRegistration): string[] {
  const credentials = existing.credentials.filter(({ displayName }) => !displayName?.startsWith(desired.mark));
  const scopes = existing.grantedScopes.flatMap(({ scopes: held, ...grant }) =>
    held.filter((value) => !of(made, "scope").some((each) => isOf(each, grant) && each.value === value)),
  );
  const roles = existing.grantedRoles.filter(({ appRoleId }) => !of(made, "role").some((each) => each.appRoleId === appRoleId));
  return [
    ...(credentials.length > 0 ? [counted(credentials.length, "credential")] : []),
    ...(scopes.length > 0 ? [`the delegated permissions ${scopes.join(", ")}`] : []),
    ...(roles.length > 0 ? [counted(roles.length, "application permission")] : []),
  ];
}

function removalsOf(desired: DesiredRegistration, existing: ActualRegistration, made: readonly Made[], actual: Actual): Removal[] {
  const removal = (
    what: string,
    kind: Operation["kind"],
    roles: readonly string[],
    title: string,
    detail: string,
    calls: GraphRequest[],
    permissions: string[] = [],
  ): Removal => ({
    id: `${desired.id}.undo.${what}`,
    registration: desired.id,
    kind,
    effect: "remove",
    needsRole: null,
    roles,
    title,
    detail,
    permissions: permissions.map((value) => ({ value, id: value, isGranted: true })),
    requests: calls.map(({ method, path, body }) => ({ method, path: `/v1.0${path}`, ...(body === undefined ? {} : { body }) })),
    calls: calls.map((call) => ({ ...call, repeatable: true })),
  });
  const application = `/applications/${existing.objectId}`;
  if (of(made, "application").length > 0 && existing.tags.includes(desired.mark)) {
    const others = addedByOthers(existing, made, desired);
    return [
      removal(
        "application",
        "application",
        REGISTER,
        `Delete the app registration ${existing.displayName}`,
        `With its service principal, its permissions and its credentials. You can restore it for 30 days under Deleted applications.${others.length > 0 ? ` It takes along what others added: ${others.join(", ")}.` : ""}`,
        [{ method: "DELETE", path: application }],
      ),
    ];
  }
  const removals: Removal[] = [];
  const sp = existing.servicePrincipalId;
  if (sp && of(made, "service-principal").length > 0)
    removals.push(
      removal(
        "service-principal",
        "service-principal",
        REGISTER,
        "Delete its service principal",
        "With every permission that was granted to it. It was not there before.",
        [{ method: "DELETE", path: `/servicePrincipals/${sp}` }],
      ),
    );
  else if (sp) {
    const roles = existing.grantedRoles.flatMap((granted) => {
      const own = of(made, "role").find((each) => each.resourceId === granted.resourceId && each.appRoleId === granted.appRoleId);
      return own ? [{ ...granted, value: own.value }] : [];
    });
    if (roles.length > 0)
      removals.push(
        removal(
          "roles",
          "grant-application",
          CONSENT,
          `Take back ${counted(roles.length, "application permission")}`,
          "Granted by this portal",
          roles.map(({ assignmentId }) => ({ method: "DELETE", path: `/servicePrincipals/${sp}/appRoleAssignments/${assignmentId}` })),
          roles.map(({ value }) => value),
        ),
      );
    for (const { grantId, resourceId, principalId, scopes } of existing.grantedScopes) {
      const own = of(made, "scope").filter((each) => isOf(each, { resourceId, principalId }) && scopes.includes(each.value));
      if (own.length === 0) continue;
      const kept = scopes.filter((value) => !own.some((each) => each.value === value));
      const api = (Object.keys(actual.resources) as Api[]).find((each) => actual.resources[each]?.servicePrincipalId === resourceId);
      removals.push(
        removal(
          `scopes.${api ?? resourceId}${principalId ? ".account" : ""}`,
          "grant-delegated",
          CONSENT,
          `Take back ${counted(own.length, "delegated permission")}`,
          kept.length > 0 ? `${kept.join(", ")} ${kept.length === 1 ? "stays" : "stay"}` : `Of ${api ? apiName(api) : "the resource"}`,
          [
            kept.length > 0
              ? { method: "PATCH", path: `/oauth2PermissionGrants/${grantId}`, body: { scope: kept.join(" ") } }
              : { method: "DELETE", path: `/oauth2PermissionGrants/${grantId}` },
          ],
          own.map(({ value }) => value),
        ),
      );
    }
  }
  if (sp && !existing.isDisabled && of(made, "service-principal").length === 0 && of(made, "enabled").length > 0)
    removals.push(
      removal(
        "enabled",
        "service-principal",
        REGISTER,
        "Disable its service principal again",
        "It was disabled before this portal enabled it.",
        [{ method: "PATCH", path: `/servicePrincipals/${sp}`, body: { accountEnabled: false } }],
      ),
    );
  const names = new Set(of(made, "credential").map(({ name }) => name));
  const credentials = existing.credentials.filter(({ displayName }) => displayName && names.has(displayName));
  if (credentials.length > 0)
    removals.push(
      removal(
        "credentials",
        "credential",
        REGISTER,
        `Remove ${counted(credentials.length, "client secret")}`,
        "Issued by this portal. Whoever uses it is locked out at once.",
        credentials.map(({ keyId }) => ({ method: "POST", path: `${application}/removePassword`, body: { keyId } })),
      ),
    );
  const thumbprints = new Set(of(made, "certificate").map(({ thumbprint }) => thumbprint));
  const certificatesLeft = existing.certificates.filter((held) => !thumbprints.has(thumbprintOf(held)));
  if (certificatesLeft.length < existing.certificates.length)
    removals.push(
      removal(
        "certificates",
        "credential",
        REGISTER,
        "Remove the vendor's certificate",
        "Added by this portal. Whoever uses it is locked out at once.",
        [{ method: "PATCH", path: application, body: { keyCredentials: certificatesLeft } }],
      ),
    );
  const federated = new Set(of(made, "federated").map(({ name }) => name));
  const trusts = existing.federated.filter(({ name }) => federated.has(name));
  if (trusts.length > 0)
    removals.push(
      removal(
        "federated",
        "credential",
        REGISTER,
        "Remove the federated identity credential",
        "Added by this portal. Whoever uses it is locked out at once.",
        trusts.map(({ name }) => ({ method: "DELETE", path: `${application}/federatedIdentityCredentials(name='${name}')` })),
      ),
    );
  const uris = of(made, "redirect-uri");
  const left = (platform: "web" | "publicClient" | "spa", held: readonly string[]) =>
    held.filter((uri) => !uris.some((each) => each.platform === platform && each.uri === uri));
  const declared = new Set(of(made, "declared").map(({ resourceAppId, id }) => `${resourceAppId}/${id}`));
  const declaredLeft = existing.declared
    .map(({ resourceAppId, resourceAccess }) => ({
      resourceAppId,
      resourceAccess: resourceAccess.filter(({ id }) => !declared.has(`${resourceAppId}/${id}`)),
    }))
    .filter(({ resourceAccess }) => resourceAccess.length > 0);
  const web = left("web", existing.webRedirectUris);
  const publicClient = left("publicClient", existing.publicClientRedirectUris);
  const spa = left("spa", existing.spaRedirectUris);
  const properties = of(made, "property").filter(({ name, before }) => existing[name] !== before);
  const sizeOf = (list: ActualRegistration["declared"]) => list.reduce((sum, { resourceAccess }) => sum + resourceAccess.length, 0);
  const isChanged =
    web.length < existing.webRedirectUris.length ||
    publicClient.length < existing.publicClientRedirectUris.length ||
    spa.length < existing.spaRedirectUris.length ||
    sizeOf(declaredLeft) < sizeOf(existing.declared) ||
    properties.length > 0;
  if (isChanged)
    removals.push(
      removal(
        "application",
        "application",
        REGISTER,
        `Put the app registration ${existing.displayName} back as it was`,
        "Redirect URIs, declared permissions and settings that this portal added",
        [
          {
            method: "PATCH",
            path: application,
            body: {
              web: { redirectUris: web },
              publicClient: { redirectUris: publicClient },
              ...(existing.spaRedirectUris.length > 0 ? { spa: { redirectUris: spa } } : {}),
              requiredResourceAccess: declaredLeft,
              ...Object.fromEntries(properties.map(({ name, before }) => [name, before])),
            },
          },
        ],
      ),
    );
  return removals;
}

/** Everything that undoing would do now. Pure: on the result of it, nothing is left. */
export const undoPlan = (desired: readonly DesiredRegistration[], actual: Actual, made: MadeByRegistration): Removal[] =>
  desired.flatMap((registration) => {
    const existing = actual.registrations[registration.id];
    const own = made[registration.id] ?? [];
    return existing && own.length > 0 ? removalsOf(registration, existing, own, actual) : [];
  });

export const undoSteps = (desired: readonly DesiredRegistration[], operations: readonly Operation[]) => [
  ...operations.map(({ id, title }) => ({ id, title })),
  ...desired.map(({ id }) => ({ id: `${id}.undo.read-back`, title: "Read back that it is gone" })),
];

/** Takes everything back and reads that it is gone. */
export async function undo(run: Run, made: MadeByRegistration): Promise<RunResult> {
  for (const registration of run.desired) {
    const site = new Site(run, registration);
    // Something was deleted: copies of the directory may show it for a while.
    site.metLag = true;
    try {
      for (const removal of undoPlan([registration], run.actual, made)) {
        const stopped = await site.step({ id: removal.id, doing: lower(removal.title), roles: removal.roles }, async () => {
          for (const request of removal.calls)
            await site.tenant.call(request).catch((error: unknown) => {
              // Already gone is what was wanted.
              if (!(error instanceof GraphError && error.meaning === "not-found")) throw error;
            });
          return {};
        });
        if (stopped) return { outcome: "failed", failure: stopped.failure! };
      }
      const failed = await site.step({ id: `${registration.id}.undo.read-back`, doing: "show that it is gone" }, async () => {
        if (site.appId) await agree(site, (actual) => undoPlan([registration], actual, made));
        return { note: "Nothing that this portal made is left" };
      });
      if (failed) return failed;
    } catch (error) {
      if (error instanceof StepStopped) return { outcome: "failed", failure: error.failure };
      throw error;
    } finally {
      await site.flush();
    }
  }
  return { outcome: "done" };
}

const lower = (title: string) => `${title[0]?.toLowerCase()}${title.slice(1)}`;
