/**
 * What became of a registration since it was made: compared with what was planned, reading only. What is missing is an
 * ordinary plan; what somebody added is shown and left alone, since nothing is taken away here that was not made here.
 */
import type { Finding, RegistrationFacts } from "../audit/events.ts";
import { union } from "./application.ts";
import type { DesiredRegistration } from "./desired.ts";
import { type Operation, plan } from "./plan.ts";
import { thumbprintOf } from "./public-credential.ts";
import type { Abilities } from "./roles.ts";
import type { Actual, ActualRegistration, Api } from "./snapshot.ts";
import { apiName, counted } from "./words.ts";

/** From how many days before its end a credential is to be renewed. */
const EXPIRES_SOON_DAYS = 30;
const DAY_MS = 86_400_000;
/** Whoever looks may not do everything; what is missing is missing all the same. */
const ALL: Abilities = { roleNames: [], canRegister: true, canGrantDelegated: true, canGrantApplication: true };

type Known = Readonly<Record<string, RegistrationFacts>>;
type About = { desired: DesiredRegistration; actual: Actual; known: RegistrationFacts; now: Date };

/** Everything that is not as it was handed over. `key` stays the same for the same thing, so that it can be accepted. */
export const findingsOf = (desired: readonly DesiredRegistration[], actual: Actual, known: Known, now: Date): Finding[] =>
  desired.flatMap((registration) => {
    const about: About = { desired: registration, actual, known: known[registration.id] ?? {}, now };
    const existing = actual.registrations[registration.id];
    const missing = plan([registration], actual, ALL, known).filter(({ effect }) => effect !== "same");
    if (!existing) return missing.slice(0, 1).map((operation) => found(about, "missing", operation.id, ...gone(operation), "plan"));
    return [
      ...missing.map((operation) => found(about, "missing", operation.id, ...gone(operation), "plan")),
      ...ending(about, existing),
      ...unknownCredentials(about, existing),
      ...extraRedirectUris(about, existing),
      ...extraPermissions(about, existing),
    ];
  });

const found = (
  { desired }: About,
  kind: Finding["kind"],
  what: string,
  title: string,
  detail: string,
  remedy: Finding["remedy"],
): Finding => ({ key: `${desired.id}|${kind}|${what}`, registration: desired.id, kind, title, detail, remedy });

/** What the plan would make again, as what is wrong now. */
function gone({ kind, effect, title, detail, permissions }: Operation): [title: string, detail: string] {
  const lacking = permissions.filter(({ isGranted }) => !isGranted).map(({ value }) => value);
  if (effect === "blocked") return [title, detail];
  switch (kind) {
    case "resource":
      return [`${title.replace(/^Add /, "").replace(/ to your tenant$/, "")} is not in your tenant any more`, detail];
    case "application":
      return effect === "create"
        ? ["The app registration is gone", "Nobody can sign in with it. It may still be among your Deleted applications, for 30 days."]
        : ["The app registration was changed", `Missing now: ${detail.replace(/^Adds /, "").split(". ")[0]}`];
    case "service-principal":
      return effect === "create"
        ? ["Its service principal is gone", "Nobody can sign in with the application, and everything that was granted to it is gone too."]
        : ["Its service principal is disabled", "Nobody can sign in with the application until it is enabled again."];
    case "grant-application":
    case "grant-delegated":
      return [
        `${counted(lacking.length, `${kind === "grant-application" ? "application" : "delegated"} permission`)} not granted any more`,
        lacking.join(", "),
      ];
    case "credential":
      return ["The credential that was handed over is gone", "The vendor cannot sign in with it. The plan issues another one."];
  }
}

/** Credentials of ours that end soon, or have ended. */
function ending(about: About, existing: ActualRegistration): Finding[] {
  const { desired, known, now } = about;
  const { credential } = desired;
  const held = [
    ...existing.credentials.filter(({ keyId }) => keyId === known.verifiedKeyId).map((each) => ({ ...each, name: "client secret" })),
    ...existing.certificates
      .filter((each) => credential?.kind === "certificate" && thumbprintOf(each) === credential.thumbprint)
      .map((each) => ({ ...each, name: "certificate" })),
  ];
  return held.flatMap(({ keyId, endDateTime, name }) => {
    const days = Math.floor((new Date(endDateTime).getTime() - now.getTime()) / DAY_MS);
    if (days >= EXPIRES_SOON_DAYS) return [];
    const title = days < 0 ? `The ${name} has ended` : `The ${name} ends in ${counted(days, "day")}`;
    const detail =
      name === "certificate"
        ? "Ask the vendor for a new certificate and choose it on the checklist; both work until the old one ends."
        : "Issue a new one in time: both work until the vendor has taken it over.";
    return [found(about, "ending", keyId, title, detail, name === "certificate" ? "choices" : "rotate")];
  });
}

const since = (start: string | null | undefined) => (start ? `, since ${start.slice(0, 10)}` : "");

/** Ways to sign in as the application that neither this portal made nor the vendor gave. */
function unknownCredentials(about: About, existing: ActualRegistration): Finding[] {
  const { desired, known } = about;
  const { credential } = desired;
  const own = [known.verifiedKeyId, known.keyId, ...(known.formerKeys ?? []).map(({ keyId }) => keyId)];
  const unknown = [
    ...existing.credentials
      .filter(({ keyId, displayName }) => !own.includes(keyId) && !displayName?.startsWith(desired.mark))
      .map(({ keyId, displayName, startDateTime }) => [keyId, `Client secret “${displayName ?? keyId}”${since(startDateTime)}`] as const),
    ...existing.certificates
      .filter((each) => !(credential?.kind === "certificate" && thumbprintOf(each) === credential.thumbprint))
      .map((each) => [each.keyId, `Certificate “${each.displayName ?? thumbprintOf(each)}”`] as const),
    ...existing.federated
      .filter((each) => !(credential?.kind === "federated" && each.issuer === credential.issuer && each.subject === credential.subject))
      .map(({ name, issuer, subject }) => [name, `Federated identity credential “${name}”: ${subject} of ${issuer}`] as const),
  ];
  return unknown.map(([id, what]) =>
    found(
      about,
      "unknown-credential",
      id,
      "A credential that this portal did not issue",
      `${what}. Whoever has it can act as the application.`,
      "entra",
    ),
  );
}

function extraRedirectUris(about: About, existing: ActualRegistration): Finding[] {
  const { desired } = about;
  const wanted = [desired.consentCallback.uri, ...desired.webRedirectUris, ...desired.spaRedirectUris, ...desired.publicClientRedirectUris];
  return union(existing.webRedirectUris, existing.spaRedirectUris, existing.publicClientRedirectUris)
    .filter((uri) => !wanted.includes(uri))
    .map((uri) =>
      found(about, "extra-redirect-uri", uri, "A redirect URI that is not planned", `Sign-ins can be sent to ${uri}.`, "entra"),
    );
}

function extraPermissions(about: About, existing: ActualRegistration): Finding[] {
  const { desired, actual } = about;
  const apis = Object.keys(actual.resources) as Api[];
  const apiOf = (resourceId: string) => apis.find((api) => actual.resources[api]?.servicePrincipalId === resourceId);
  const isWanted = (kind: "application" | "delegated", api: Api | undefined, value: string) =>
    desired.permissions.some((each) => each.kind === kind && each.api === api && each.value === value);
  const roles = existing.grantedRoles.flatMap(({ resourceId, appRoleId }) => {
    const api = apiOf(resourceId);
    const value = Object.entries((api && actual.resources[api]?.roles) ?? {}).find(([, id]) => id === appRoleId)?.[0] ?? appRoleId;
    return isWanted("application", api, value) ? [] : [{ kind: "application" as const, api, resourceId, value, isForOne: false }];
  });
  const scopes = existing.grantedScopes.flatMap(({ resourceId, principalId, scopes: held }) =>
    held
      .filter((value) => !isWanted("delegated", apiOf(resourceId), value))
      .map((value) => ({ kind: "delegated" as const, api: apiOf(resourceId), resourceId, value, isForOne: principalId !== null })),
  );
  return [...roles, ...scopes].map(({ kind, api, resourceId, value, isForOne }) =>
    found(
      about,
      "extra-permission",
      `${resourceId}/${kind}/${value}`,
      `The ${kind} permission ${value} is not planned`,
      `Of ${api ? apiName(api) : `the resource ${resourceId}`}, ${isForOne ? "for one account" : kind === "application" ? "for the whole tenant" : "for everyone"}.`,
      "entra",
    ),
  );
}
