/** Microsoft's own admin consent page for the new application: the other way to a colleague's approval. What it says is a hint; the tenant is read. */
import { config } from "../config.ts";
import { db } from "../db.ts";
import { accept, type Outcome, refuse } from "../outcome.ts";
import type { SignedIn } from "../proof.ts";
import * as provisioning from "../provisioning/provisioning.ts";
import { digestOf, newToken } from "../secret.ts";
import { accessOf, findForErrand, requireOpen } from "./find.ts";
import { isRunning } from "./onboarding.ts";
import * as runs from "./runs.ts";
import { actorOf, record } from "./store.ts";

const CONSENT_PAGE_DAYS = 7;

const FOR_EVERYONE = {
  code: "onboarding.consent-page",
  status: 409,
  message: "Microsoft's page grants for everyone in the tenant, and you chose one account only. Ask your colleague by link instead.",
} as const;

/** Puts the portal's redirect URI on the application, for as long as Microsoft's consent page is in use. */
export async function prepareConsentPage(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (isRunning(found.value)) return refuse(runs.BUSY);
  if (found.value.progress.run?.outcome !== "awaiting-approval") return refuse(runs.NO_PLAN);
  if (accessOf(found.value).namesAccount) return refuse(FOR_EVERYONE);
  await record(id, actorOf(person, "admin"), now, { type: "consent-page.prepared", detail: {} });
  return runs.provision(person, id);
}

/** The address of Microsoft's consent page for each application, each with a `state` that is good once. */
export async function consentPageLinks(person: SignedIn, id: string, now: Date): Promise<Outcome<{ name: string; link: string }[]>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  const { progress } = found.value;
  if (!progress.consentPage || progress.consentPage.returnedAt) return refuse(runs.NO_PLAN);
  const applications = Object.values(progress.registrations).flatMap(({ appId, displayName = "" }) =>
    appId ? [{ appId, displayName }] : [],
  );
  const links: { name: string; link: string }[] = [];
  for (const { appId, displayName } of applications) {
    const state = newToken();
    await db().ticket.create({
      data: {
        digest: digestOf(state),
        onboardingId: id,
        purpose: "consent-page",
        subject: appId,
        createdAt: now,
        expiresAt: new Date(now.getTime() + CONSENT_PAGE_DAYS * 86_400_000),
      },
      select: { digest: true },
    });
    const query = new URLSearchParams({
      client_id: appId,
      scope: `${config().GRAPH_URL}/.default`,
      redirect_uri: provisioning.consentCallback(),
      state,
    });
    links.push({ name: displayName, link: `${config().AZURE_AUTHORITY_HOST}/${person.tenantId}/v2.0/adminconsent?${query}` });
  }
  return accept(links);
}

const STATE_UNKNOWN = {
  code: "onboarding.consent-state",
  status: 404,
  message: "This answer does not belong to a consent page that is in use here, or it was used already. Nothing was changed.",
} as const;
/**
 * Microsoft's consent page came back. What it says is a hint only: `admin_consent=True` stands beside an error, too. What
 * counts is what the tenant shows at the next run. Anybody may bring the answer; its `state` is good once.
 */
export async function consentPageReturned(
  answer: { state: string; error: string | null },
  now: Date,
): Promise<Outcome<{ error: string | null; product: string }, typeof STATE_UNKNOWN>> {
  const digest = digestOf(answer.state);
  const { count } = await db().ticket.updateMany({
    where: { digest, purpose: "consent-page", endedAt: null, expiresAt: { gt: now } },
    data: { endedAt: now },
  });
  if (count === 0) return refuse(STATE_UNKNOWN);
  const { onboardingId } = await db().ticket.findUniqueOrThrow({ where: { digest }, select: { onboardingId: true } });
  const error = answer.error?.slice(0, 40) || null;
  await record(onboardingId, { kind: "invited" }, now, { type: "consent-page.returned", detail: { error } });
  const onboarding = await findForErrand(onboardingId, now);
  return accept({ error, product: onboarding?.manifest.name ?? "" });
}

/** Looks into the tenant whether Microsoft's consent page was used, and goes on. */
export async function checkConsentPage(person: SignedIn, id: string, now: Date): Promise<Outcome<runs.Started>> {
  const found = await requireOpen(person, id, now);
  if (!found.ok) return found;
  if (!found.value.progress.consentPage?.returnedAt)
    await record(id, actorOf(person, "admin"), now, { type: "consent-page.returned", detail: { error: null } });
  return runs.provision(person, id);
}
