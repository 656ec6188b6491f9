/** Proof: a plan on the tenant as it then is comes back empty, the new credential works, and each feature can be used. */
import * as auth from "../auth/auth.ts";
import { connect, GraphError } from "../graph/graph.ts";
import type { Secret } from "../secret.ts";
import type { DesiredRegistration } from "./desired.ts";
import { type Operation, plan } from "./plan.ts";
import { explain, type RunResult, type Site, StepStopped } from "./site.ts";
import { type Actual, readBack } from "./snapshot.ts";

/**
 * What the run knows of the credential: its text when it was issued just now, its id in any case. It is being sealed while the
 * tenant is read back, and nothing more is written before `sealed`.
 */
export type Issued = { credential: Secret | null; keyId: string | null; sealed: Promise<void> };

/** A directory write is believed once this many reads in a row agree; one is enough where no lag was met. */
const AGREEING_READS = 3;
const PROOF_DEADLINE_MS = 15 * 60_000;
const PROOF_PAUSE_MS = 700;
/** Microsoft shows a new credential within 10 to 15 seconds; one that is not seen for this long was never made. */
const CREDENTIAL_SHOWS_MS = 20_000;
const pause = () => new Promise((resolve) => setTimeout(resolve, PROOF_PAUSE_MS));

export const proofSteps = ({ id, credential, probes }: DesiredRegistration) => [
  { id: `${id}.read-back`, title: "Read everything back" },
  // Only who holds the key can sign in with it: of the other kinds that is the vendor.
  ...(credential?.kind !== "secret"
    ? []
    : [
        { id: `${id}.token`, title: "Sign in with the new secret" },
        ...probes.map(({ title }, index) => ({ id: `${id}.probe.${index}`, title })),
      ]),
];

/** Waits, in words, until the proof holds or the deadline is over. */
class Patience {
  readonly #until: number;
  readonly #site: Site;
  constructor(site: Site, deadlineMs: number) {
    this.#site = site;
    this.#until = site.run.now().getTime() + deadlineMs;
  }
  async wait(words: string, failed: () => StepStopped) {
    const now = this.#site.run.now().getTime();
    if (now > this.#until) throw failed();
    await this.#site.wait(words, new Date(now + PROOF_PAUSE_MS));
    await pause();
  }
}

/** Reads until what is left of the plan is nothing, several times in a row where Microsoft was seen to lag. */
export async function agree(
  site: Site,
  leftOf: (actual: Actual) => readonly Operation[] | Promise<readonly Operation[]>,
  deadlineMs = PROOF_DEADLINE_MS,
): Promise<Actual> {
  const patience = new Patience(site, deadlineMs);
  for (let agreeing = 0; ; ) {
    const actual = await readBack(site.tenant, site.desired, site.run.actual, site);
    const left = await leftOf(actual);
    agreeing = left.length === 0 ? agreeing + 1 : 0;
    if (agreeing >= (site.metLag ? AGREEING_READS : 1)) return actual;
    if (left.length === 0) {
      await pause();
      continue;
    }
    site.metLag = true;
    const titles = left.map(({ title }) => title).join("; ");
    await patience.wait(
      `Your tenant does not show everything yet (${titles}). Usually under a minute, up to 15.`,
      () =>
        new StepStopped("failed", {
          message: `Your tenant does not show this yet: ${titles}.`,
          action: "Wait some minutes and try again. If somebody in your tenant changed it meanwhile, review the plan.",
          who: "Microsoft",
        }),
    );
  }
}

/** Removes credentials of this onboarding other than the one that counts. */
async function removeOrphans(site: Site, actual: Actual, keyId: string | null): Promise<number> {
  const credentials = actual.registrations[site.desired.id]?.credentials ?? [];
  // One that a newer secret takes the place of stays until everything works with that.
  const kept = [keyId, ...(site.run.known[site.desired.id]?.formerKeys ?? []).map((former) => former.keyId)];
  const orphans = credentials.filter((each) => each.displayName?.startsWith(site.desired.mark) && !kept.includes(each.keyId));
  for (const orphan of orphans) {
    await site.tenant
      .call({
        method: "POST",
        path: `/applications/${site.objectId}/removePassword`,
        body: { keyId: orphan.keyId },
        repeatable: true,
        fresh: true,
      })
      .catch((error: unknown) => {
        // Already gone is what was wanted; a copy that lags may still show it.
        if (!(error instanceof GraphError && error.meaning === "not-found" && error.status === 400)) throw error;
      });
    site.knowsCredential(orphan.displayName ?? "");
  }
  return orphans.length;
}

/** Everything that was planned is there, and of our credentials only the one that counts. */
async function everythingIsThere(site: Site, { keyId, sealed }: Issued): Promise<Actual> {
  const { desired, run } = site;
  const known = { [desired.id]: { verifiedKeyId: keyId } };
  const patience = new Patience(site, PROOF_DEADLINE_MS);
  for (;;) {
    let removed = 0;
    const actual = await agree(site, async (read) => {
      await sealed;
      removed += await removeOrphans(site, read, keyId);
      return plan([desired], read, run.abilities, known).filter(({ effect }) => effect !== "same");
    });
    const newest = Math.max(0, ...site.openCredentials.map(({ at }) => new Date(at).getTime()));
    if (run.now().getTime() > newest + CREDENTIAL_SHOWS_MS) {
      if (removed === 0) return actual;
      continue;
    }
    await patience.wait(
      "An answer of Microsoft's was lost while a secret was issued. We look for one that nobody knows, for up to 20 seconds, and remove it.",
      () =>
        new StepStopped("failed", { message: "It could not be proved that no unknown secret is left.", action: "Try again.", who: "You" }),
    );
  }
}

export async function prove(site: Site, issued: Issued): Promise<RunResult> {
  const { desired, run } = site;
  const { credential, keyId, sealed } = issued;
  let actual: Actual = run.actual;
  const readBackStep = await site.step({ id: `${desired.id}.read-back`, doing: "let us read everything back" }, async () => {
    // Whatever becomes of the reading, the secret is not lost.
    actual = await everythingIsThere(site, issued).finally(() => sealed);
    return { note: "A new plan on the tenant as it is now is empty", facts: { openCredentials: [] } };
  });
  if (readBackStep) return readBackStep;
  if (desired.credential?.kind !== "secret") return { outcome: "done" };
  if (!credential) {
    for (const { id } of proofSteps(desired).slice(1)) site.ends(id, "skipped", { note: "Proved when the secret was issued" });
    return { outcome: "done" };
  }
  let token: Secret | null = null;
  const proved = { facts: { verifiedKeyId: keyId } };
  const signedIn = await site.step({ id: `${desired.id}.token`, doing: "accept the new secret" }, async () => {
    const result = await signInAsApplication(site, credential, actual);
    token = result.token;
    return { note: result.note, ...(desired.probes.length === 0 ? proved : {}) };
  });
  if (signedIn) return signedIn;
  return probe(site, token!, proved);
}

async function signInAsApplication(site: Site, secret: Secret, actual: Actual): Promise<{ token: Secret; note: string }> {
  const { desired, run, appId } = site;
  const expected = desired.permissions.filter(({ api, kind }) => api === "graph" && kind === "application").map(({ value }) => value);
  const nameOf = new Map(Object.entries(actual.resources.graph?.roles ?? {}).map(([value, id]) => [id, value]));
  const others = (actual.registrations[desired.id]?.grantedRoles ?? []).flatMap(({ appRoleId }) => nameOf.get(appRoleId) ?? []);
  const patience = new Patience(site, PROOF_DEADLINE_MS);
  for (;;) {
    const answer = await auth.appToken({ tenantId: run.admin.tenantId, appId, secret });
    const roles = answer.ok ? answer.value.roles : [];
    const beside = roles.filter((role) => !expected.includes(role));
    if (answer.ok && expected.every((role) => roles.includes(role)) && beside.every((role) => others.includes(role)))
      return {
        token: answer.value.token,
        note: `The token's roles are ${expected.toSorted().join(", ") || "none"}${beside.length > 0 ? `; beside them, granted before: ${beside.join(", ")}` : ", exactly"}`,
      };
    const passes = answer.ok || answer.refusal.code.startsWith("sts.");
    const words = answer.ok ? `The token holds ${roles.join(", ") || "no roles"} so far.` : answer.refusal.message;
    const failed = () =>
      new StepStopped("failed", {
        message: `The new secret does not work. ${words}`,
        action: "Wait some minutes and try again; a fresh secret is issued then.",
        who: "Microsoft",
        ...(answer.ok ? {} : { code: answer.refusal.aadsts ? `AADSTS${answer.refusal.aadsts}` : answer.refusal.code }),
        tried: `POST /${run.admin.tenantId}/oauth2/v2.0/token`,
      });
    if (!passes) throw failed();
    await patience.wait(`${words} Usually some seconds, up to 15 minutes.`, failed);
  }
}

/** Each feature is used once, reading only, as the application itself. */
async function probe(site: Site, token: Secret, proved: { facts: { verifiedKeyId: string | null } }): Promise<RunResult> {
  const { desired, run } = site;
  const probes = desired.probes.map((each, index) => ({ ...each, step: `${desired.id}.probe.${index}` }));
  for (const { step } of probes) site.starts(step);
  const asApplication = connect({
    token: async () => token,
    onCall: ({ tag, ...call }) => site.note({ type: "graph.called", detail: { step: tag ?? "", ...call } }),
    onWait: ({ words, retryAt, reason }) => site.wait(words, retryAt, reason),
  });
  const answers = await asApplication.batch(
    probes.map(({ path, step }) => ({ method: "GET", path: path.replaceAll("{user}", run.admin.objectId), tag: step })),
  );
  let failed: RunResult | null = null;
  for (const [index, { step, title }] of probes.entries()) {
    const answer = answers[index]!;
    const isLast = index === probes.length - 1;
    if (!(answer instanceof GraphError)) site.ends(step, "done", isLast && !failed ? proved : {});
    // The person exists but has no mailbox: the permission was enough to find that out.
    else if (answer.meaning === "not-found")
      site.ends(step, "done", { note: "Allowed; this account has no such content", ...(isLast && !failed ? proved : {}) });
    else
      failed = site.stopped(
        step,
        new StepStopped("failed", {
          ...explain(answer, `let the application do this: ${title.toLowerCase()}`),
          action: "Try again in some minutes. If it stays, send the details to the vendor's support.",
          who: "The vendor's support",
        }),
      );
  }
  return failed ?? { outcome: "done" };
}
