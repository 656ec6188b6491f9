/**
 * Who may call what: every page, route, server action, operation of the API and call of a handoff's page. The build fails
 * when one is missing here, and e2e/access.spec.ts asks each of them as everybody. What enforces it are the proofs of
 * lib/proof: a room gives nothing to whoever cannot show the right one.
 */

/**
 * - `anybody`: signed in or not; what is behind it names no customer
 * - `link`: whoever holds the link that it is about
 * - `admin`: of the tenant that the onboarding belongs to, by its link or by a directory role that administers applications
 * - `approver`: signed in to that tenant, with the link of the request
 * - `viewer` < `agent` < `manager`: staff of the vendor whose onboarding, key or webhook it is; `operator`: of whoever runs the portal
 * - `read`, `write`, `collect`: a program with an API key of that vendor and this right
 */
export type Who = "anybody" | "link" | "admin" | "approver" | "viewer" | "agent" | "manager" | "operator" | "read" | "write" | "collect";

export const PAGES: Record<string, Who> = {
  "/": "anybody",
  "/api-reference": "anybody",
  "/sign-in": "anybody",
  "/signed-in": "anybody",
  "/no-access": "anybody",
  "/auth/callback": "anybody",
  "/approve/consented": "anybody",
  // Without the link they say that the link is needed, and nothing else.
  "/o/[onboarding]": "anybody",
  "/o/[onboarding]/tenant": "anybody",
  "/approve/[approval]": "anybody",
  "/o/[onboarding]/features": "admin",
  "/o/[onboarding]/plan": "admin",
  "/o/[onboarding]/run": "admin",
  "/o/[onboarding]/by-hand": "admin",
  "/o/[onboarding]/undo": "admin",
  "/o/[onboarding]/leave": "admin",
  "/o/[onboarding]/audit": "admin",
  // And whoever holds the invitation: it is read before anybody signs in.
  "/o/[onboarding]/dossier": "admin",
  "/desk": "viewer",
  "/desk/[onboarding]": "viewer",
  "/desk/funnel": "viewer",
  // Whoever may only watch is told whom to ask.
  "/desk/new": "viewer",
  "/desk/integrations": "viewer",
  "/desk/doctor": "operator",
};

export const ROUTES: Record<string, Who> = {
  "/api/session": "anybody",
  "/audit-checkpoints.json": "anybody",
  // Each operation has its own line in API.
  "/api/v1/[...path]": "anybody",
  "/icon.svg": "anybody",
  "/manifest.schema.json": "anybody",
  "/plan.schema.json": "anybody",
  "/o/[onboarding]/open": "link",
  "/approve/[approval]/open": "link",
  "/o/[onboarding]/events": "admin",
  "/o/[onboarding]/export/[format]": "admin",
  "/o/[onboarding]/audit/export": "admin",
  "/approve/[approval]/events": "approver",
  "/desk/events": "viewer",
  "/desk/export": "viewer",
  "/desk/[onboarding]/audit": "viewer",
  "/desk/[onboarding]/diagnostics": "viewer",
};

const each = (file: string, who: Who, ...names: string[]) => Object.fromEntries(names.map((name) => [`${file}#${name}`, who]));
export const ACTIONS: Record<string, Who> = {
  ...each("app/auth/callback/actions.ts", "anybody", "explain"),
  // Microsoft's answer, by its one-time state.
  ...each("app/approve/consented/actions.ts", "link", "returned"),
  ...each("app/approve/[approval]/actions.ts", "approver", "approve", "reject", "grant"),
  ...each("app/o/[onboarding]/actions.ts", "link", "enter", "askForFreshLink"),
  ...each(
    "app/o/[onboarding]/actions.ts",
    "admin",
    ...["choose", "takeNewerEdition", "adopt", "searchRegistrations", "approve", "start", "undo", "checkConsent", "shortenSecret"],
    ...["ask", "withdrawRequest", "leaveOut", "prepareConsentPage", "consentPageLinks", "mailHandoff", "copyHandoff", "releaseToMachine"],
    ...["checkHealth", "acceptFinding", "leave"],
    ...["withdrawHandoff", "rotate", "removeHandedOver", "removeDue", "nameRecipient", "reissue", "tick"],
  ),
  ...each("app/o/[onboarding]/by-hand/actions.ts", "admin", "checkByHand", "sealByHand"),
  ...each("app/desk/actions.ts", "agent", ...["invite", "renew", "revoke", "extend", "changeContact", "addNote", "assign", "setTags"]),
  ...each(
    "app/desk/integrations/actions.ts",
    "manager",
    ...["createKey", "revokeKey", "createWebhook", "rotateWebhook", "removeWebhook", "testWebhook", "replayDelivery"],
  ),
};

export const API: Record<string, Who> = {
  "get /products": "read",
  "get /onboardings": "read",
  "post /onboardings": "write",
  "get /onboardings/{id}": "read",
  "get /onboardings/{id}/timeline": "read",
  "post /onboardings/{id}/renew": "write",
  "post /onboardings/{id}/revoke": "write",
  "post /onboardings/{id}/handoff": "collect",
};

/** The calls of a handoff's page: the link's key proves itself in each. */
export const HANDOFF: Record<string, Who> = { status: "link", code: "link", reveal: "link", said: "link" };
