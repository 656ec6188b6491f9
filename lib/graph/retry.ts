/**
 * One table of what Graph's failures mean and what is done about them, by status, code, detail and (only where Graph
 * gives one code to several things) message. Sources: Graph errors, json-batching, throttling, claims-challenge, and
 * what azure-cli and the Terraform provider retry.
 */
import type { GraphMeaning } from "../vocabulary.ts";

export type WaitReason = "replication" | "throttled" | "outage";
export type Failure = { status: number; code: string; details: readonly string[]; message: string };

/**
 * `retry` says when the same call may be made again: `always`; `fresh`, when what it works on was made moments ago;
 * `repeatable`, when doing it twice does no harm; `never`.
 */
export type Rule = {
  status?: number | "5xx";
  code?: string | RegExp;
  detail?: string;
  message?: RegExp;
  means: GraphMeaning;
  retry: "always" | "fresh" | "repeatable" | "never";
  reason?: WaitReason;
};

/** The first rule that fits decides. */
const RULES: readonly Rule[] = [
  { status: 0, means: "outage", retry: "repeatable", reason: "outage" },
  { code: "NotJson", means: "not-json", retry: "repeatable", reason: "outage" },
  { status: 429, means: "throttled", retry: "always", reason: "throttled" },
  { status: 503, means: "outage", retry: "always", reason: "outage" },
  { status: "5xx", means: "outage", retry: "repeatable", reason: "outage" },
  { status: 401, code: "InsufficientClaims", means: "claims", retry: "never" },
  { status: 401, means: "unauthenticated", retry: "never" },
  { status: 424, means: "not-tried", retry: "never" },
  { code: "CredentialTypeNotAllowedAsPerAppPolicy", means: "credential-type", retry: "never" },
  { code: "CredentialInvalidLifetimeAsPerAppPolicy", means: "credential-lifetime", retry: "never" },
  { code: /AsPerAppPolicy$/, means: "audience-policy", retry: "never" },
  { code: "Directory_QuotaExceeded", means: "quota", retry: "never" },
  { code: "Directory_ConcurrencyViolation", means: "conflict", retry: "always", reason: "replication" },
  { detail: "NoBackingApplicationObject", means: "replicating", retry: "fresh", reason: "replication" },
  { status: 403, message: /backing application of the service principal/, means: "replicating", retry: "fresh", reason: "replication" },
  { message: /Not a valid reference update/, means: "replicating", retry: "fresh", reason: "replication" },
  { message: /Specified resourceId was not found/, means: "replicating", retry: "fresh", reason: "replication" },
  { message: /Permission being assigned was not found on application/, means: "replicating", retry: "fresh", reason: "replication" },
  {
    detail: "InvalidValue",
    message: /cannot be found in the AppPermissions sets/,
    means: "replicating",
    retry: "fresh",
    reason: "replication",
  },
  { message: /(Permission being assigned|Permission entry|EntitlementGrant entry) already exists/, means: "already-there", retry: "never" },
  { detail: "ObjectConflict", message: /service principal name .* is already in use/, means: "already-there", retry: "never" },
  { message: /EntitlementGrant being updated or deleted is not found|No password credential found/, means: "not-found", retry: "never" },
  { detail: "ObjectConflict", means: "name-taken", retry: "never" },
  { message: /conflicting object with one or more of the specified property values/, means: "name-taken", retry: "never" },
  { status: 409, code: "Request_MultipleObjectsWithSameKeyValue", means: "name-taken", retry: "never" },
  { status: 409, means: "conflict", retry: "fresh", reason: "replication" },
  { status: 404, code: "Directory_ObjectNotFound", means: "replicating", retry: "always", reason: "replication" },
  { status: 404, means: "not-found", retry: "fresh", reason: "replication" },
  { status: 403, means: "denied", retry: "never" },
];
const OTHERWISE: Rule = { means: "other", retry: "never" };

const fits = ({ status, code, detail, message }: Rule, failure: Failure) =>
  (status === undefined || (status === "5xx" ? failure.status >= 500 : status === failure.status)) &&
  (code === undefined || (typeof code === "string" ? code === failure.code : code.test(failure.code))) &&
  (detail === undefined || failure.details.includes(detail)) &&
  (message === undefined || message.test(failure.message));

export const ruleFor = (failure: Failure): Rule => RULES.find((rule) => fits(rule, failure)) ?? OTHERWISE;

/** How long a failure is waited for in all, and what is said meanwhile. */
export const WAITS: Record<WaitReason, { words: string; deadlineMs: number }> = {
  replication: { words: "Microsoft is still copying this, usually under a minute, up to 15.", deadlineMs: 15 * 60_000 },
  throttled: { words: "Microsoft asked us to slow down.", deadlineMs: 10 * 60_000 },
  outage: { words: "Microsoft did not answer properly. We try again.", deadlineMs: 90_000 },
};
/** Whatever the reasons, nothing is tried for longer than this. */
export const TOTAL_DEADLINE_MS = 15 * 60_000;
const BACKOFF_MS = [250, 500, 1000, 2000, 4000, 8000, 15_000];
/** A pause when Microsoft names none; longer each time. */
export const backoffMs = (tries: number) => BACKOFF_MS[Math.min(tries, BACKOFF_MS.length - 1)]!;
