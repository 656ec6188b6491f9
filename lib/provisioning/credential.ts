/** Issuing a client secret: once, by a name that finds it again, and never past a policy of the tenant. The other kinds are plain writes. */
import type { Made } from "../audit/events.ts";
import { GraphError, type GraphRequest } from "../graph/graph.ts";
import type { Operation } from "./plan.ts";
import { credentialWrite } from "./public-credential.ts";
import { type RunResult, requireSignIn, type Site } from "./site.ts";

/** Shorter lifetimes that are tried, longest first, when the admin lets the tenant's policy decide. */
const SHORTER_DAYS = [365, 180, 90, 60, 30, 14, 7, 1];
const TRIES_AFTER_LOSS = 3;
const DAY_MS = 86_400_000;

const inMonths = (now: Date, months: number) => {
  const end = new Date(now);
  end.setUTCMonth(end.getUTCMonth() + months);
  return end;
};
const request = (site: Site, tag: string, name: string, end: Date): GraphRequest => ({
  method: "POST",
  path: `/applications/${site.objectId}/addPassword`,
  body: { passwordCredential: { displayName: name, endDateTime: end.toISOString() } },
  // Not repeatable: a second one would be a second credential.
  repeatable: false,
  fresh: true,
  tag,
});
/** The one write that gives the application its credential, and what it makes besides a secret, which has a record of its own. */
export function credentialRequest(site: Site, tag: string, name: string): { request: GraphRequest; makes: Made[] } {
  const credential = site.desired.credential!;
  if (credential.kind === "secret") return { request: request(site, tag, name, inMonths(site.run.now(), credential.months)), makes: [] };
  const write = credentialWrite(credential, site.existing, site.objectId);
  const made: Made =
    credential.kind === "certificate"
      ? { kind: "certificate", thumbprint: credential.thumbprint }
      : { kind: "federated", name: credential.name };
  return { request: { ...write, repeatable: true, fresh: true, tag }, makes: [made] };
}
const monthsOf = ({ desired: { credential } }: Site) => (credential?.kind === "secret" ? credential.months : 0);

/** Nothing came back, or nothing that is Graph's: whether the credential was made is unknown. */
export const isLost = (error: GraphError) => error.meaning === "outage" || error.meaning === "not-json";

/**
 * After the first try failed. A refusal for the lifetime is answered with shorter ones when the admin allowed it. A lost
 * answer is answered with a new credential of a new name; what the lost call may have made is found by its name and removed
 * when everything is read back.
 */
export async function issueAlone(
  site: Site,
  operation: Operation,
  first: GraphError,
  firstName: string,
): Promise<{ body: unknown; name: string } | RunResult> {
  let error = first;
  let name = firstName;
  let losses = 0;
  const longest = inMonths(site.run.now(), monthsOf(site)).getTime() - site.run.now().getTime();
  const lifetimes = SHORTER_DAYS.map((days) => days * DAY_MS).filter((ms) => ms < longest);
  let lifetime = longest;
  for (;;) {
    const isUnknown = isLost(error);
    if (!isUnknown) site.knowsCredential(name);
    const mayShorten = error.meaning === "credential-lifetime" && site.desired.mayShorten;
    const shorter = mayShorten ? lifetimes.shift() : undefined;
    if (isUnknown && losses < TRIES_AFTER_LOSS) losses += 1;
    else if (shorter !== undefined) lifetime = shorter;
    else return site.refused(operation.id, error, "issue a client secret", operation.roles);
    name = `${site.desired.mark} ${site.run.newNonce()}`;
    site.startsCredential(operation.id, name);
    try {
      const { body } = await site.tenant.call(request(site, operation.id, name, new Date(site.run.now().getTime() + lifetime)));
      return { body, name };
    } catch (cause) {
      if (!(cause instanceof GraphError)) throw cause;
      requireSignIn(cause);
      error = cause;
    }
  }
}
