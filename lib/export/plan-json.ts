import { z } from "zod";
import { RESOURCE_APP_ID } from "../graph/graph.ts";
import { type Blueprint, byHand } from "./blueprint.ts";
import { endOf } from "./words.ts";

const permission = z.strictObject({
  resourceAppId: z.guid(),
  kind: z.enum(["application", "delegated"]),
  value: z.string(),
  because: z.string(),
  risk: z.enum(["low", "medium", "high"]),
  features: z.array(z.string()),
  toConfirm: z.string().optional(),
  grantedBy: z.enum(["entra", "exchange"]),
});

/** The plan as JSON. */
export const PlanJson = z.strictObject({
  $schema: z.string(),
  product: z.strictObject({ id: z.string(), name: z.string(), vendor: z.string(), manifestVersion: z.int() }),
  tenant: z.strictObject({ id: z.guid(), domain: z.string() }).nullable(),
  writtenAt: z.iso.datetime(),
  registrations: z.array(
    z.strictObject({
      id: z.string(),
      displayName: z.string(),
      existingApplicationId: z.guid().nullable(),
      signInAudience: z.literal("AzureADMyOrg"),
      isFallbackPublicClient: z.boolean(),
      redirectUris: z.strictObject({ web: z.array(z.string()), spa: z.array(z.string()), publicClient: z.array(z.string()) }),
      permissions: z.array(permission),
      consent: z.strictObject({ type: z.enum(["AllPrincipals", "Principal"]), account: z.string().nullable() }),
      credential: z
        .discriminatedUnion("kind", [
          z.strictObject({ kind: z.literal("secret"), months: z.int(), endDate: z.iso.date() }),
          z.strictObject({ kind: z.literal("certificate"), thumbprint: z.string(), endsAt: z.iso.datetime(), der: z.string() }),
          z.strictObject({
            kind: z.literal("federated"),
            name: z.string(),
            issuer: z.string(),
            subject: z.string(),
            audience: z.string(),
          }),
        ])
        .nullable(),
    }),
  ),
  prerequisites: z.array(z.strictObject({ id: z.string(), title: z.string(), owner: z.string(), body: z.string() })),
  byHand: z.array(
    z.strictObject({
      id: z.string(),
      title: z.string(),
      owner: z.string(),
      body: z.string(),
      scripts: z.array(z.strictObject({ registration: z.string().nullable(), script: z.string() })),
    }),
  ),
});

/** Its schema, as the portal publishes it. */
export const planSchema = () => z.toJSONSchema(PlanJson);

export function planJson(plan: Blueprint): string {
  const { manifest, registrations, tenant, now } = plan;
  const { prerequisites, steps } = byHand(plan);
  const value: z.infer<typeof PlanJson> = {
    $schema: `${plan.portalUrl}/plan.schema.json`,
    product: { id: manifest.id, name: manifest.name, vendor: manifest.vendor.name, manifestVersion: manifest.version },
    tenant,
    writtenAt: now.toISOString(),
    registrations: registrations.map((desired) => ({
      id: desired.id,
      displayName: desired.displayName,
      existingApplicationId: desired.adopts,
      signInAudience: desired.signInAudience,
      isFallbackPublicClient: desired.isFallbackPublicClient,
      redirectUris: {
        web: [...desired.webRedirectUris],
        spa: [...desired.spaRedirectUris],
        publicClient: [...desired.publicClientRedirectUris],
      },
      permissions: (["entra", "exchange"] as const).flatMap((grantedBy) =>
        (grantedBy === "entra" ? desired.permissions : desired.scoped).map(
          ({ api, kind, value: name, because, risk, features, toConfirm }) => ({
            ...{ resourceAppId: RESOURCE_APP_ID[api], kind, value: name, because, risk, features: [...features], grantedBy },
            ...(toConfirm ? { toConfirm } : {}),
          }),
        ),
      ),
      consent: { type: desired.consentAccount ? "Principal" : "AllPrincipals", account: desired.consentAccount },
      credential: credentialOf(desired.credential, now),
    })),
    prerequisites: prerequisites.map(({ id, title, owner, body }) => ({ id, title, owner, body })),
    byHand: steps.map(({ id, title, owner, body, scripts }) => ({ id, title, owner, body, scripts })),
  };
  return `${JSON.stringify(PlanJson.parse(value), null, 2)}\n`;
}

function credentialOf(credential: Blueprint["registrations"][number]["credential"], now: Date) {
  switch (credential?.kind) {
    case undefined:
      return null;
    case "secret":
      return { kind: credential.kind, months: credential.months, endDate: endOf(now, credential.months) };
    case "certificate": {
      const { kind, thumbprint, endsAt, der } = credential;
      return { kind, thumbprint, endsAt, der };
    }
    case "federated":
      return credential;
  }
}
