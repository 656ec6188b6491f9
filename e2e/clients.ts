import { ConfidentialClientApplication } from "@azure/msal-node";
import type { Page } from "@playwright/test";
import { importPKCS8, SignJWT } from "jose";
import { stack } from "./fixtures";

/** A client that is not ours, with nothing but the revealed values. */
export async function foreignClient({ tenantId, applicationId, secret }: { tenantId: string; applicationId: string; secret: string }) {
  const host = new URL(stack.sandboxUrl).host;
  const base = `${stack.sandboxUrl}/${tenantId}`;
  const client = new ConfidentialClientApplication({
    auth: {
      clientId: applicationId,
      clientSecret: secret,
      authority: `https://${host}/${tenantId}`,
      knownAuthorities: [host],
      authorityMetadata: JSON.stringify({
        issuer: `${base}/v2.0`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
      }),
      cloudDiscoveryMetadata: JSON.stringify({
        tenant_discovery_endpoint: `${base}/v2.0/.well-known/openid-configuration`,
        metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
      }),
    },
  });
  const token = await client.acquireTokenByClientCredential({ scopes: [`${stack.sandboxUrl}/.default`] });
  return (path: string) => fetch(`${stack.sandboxUrl}/v1.0${path}`, { headers: { authorization: `Bearer ${token!.accessToken}` } });
}

/** A value that the handoff page shows. */
export const shownValue = (page: Page, label: string) => page.locator(".field", { hasText: label }).locator("code").innerText();

/** A cell of the table that a handoff with several registrations shows. */
export const shownCell = (page: Page, registration: string, label: string) =>
  page
    .getByRole("row", { name: registration, exact: false })
    .filter({ has: page.getByRole("rowheader", { name: registration, exact: true }) })
    .locator(`td[data-label="${label}"] code`)
    .innerText();

type Assertion = { privateKey: string; header: Record<string, string>; issuer: string; subject: string; audience: string };
/** A client that has no secret: it signs an assertion with a key of its own (RFC 7523). Gives Graph, or the error of the token endpoint. */
export async function assertingClient(
  { tenantId, applicationId }: { tenantId: string; applicationId: string },
  { privateKey, header, issuer, subject, audience }: Assertion,
) {
  const assertion = await new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: "RS256", ...header })
    .setIssuer(issuer)
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(await importPKCS8(privateKey, "RS256"));
  const answer = await fetch(`${stack.sandboxUrl}/${tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: applicationId,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertion,
      scope: `${stack.sandboxUrl}/.default`,
    }),
  });
  const { access_token: token, error_description: refusal } = (await answer.json()) as {
    access_token?: string;
    error_description?: string;
  };
  if (!token) throw new Error(refusal);
  return (path: string) => fetch(`${stack.sandboxUrl}/v1.0${path}`, { headers: { authorization: `Bearer ${token}` } });
}
