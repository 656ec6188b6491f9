// What goes wrong on purpose: single faults by path, chaos by a seed, and requests that are held until somebody dies.
import { createHash } from "node:crypto";
import type { World } from "./world.ts";

/** `times` answers of Graph (or, with `sts`, of Entra) are replaced by this one. */
export type Fault = {
  method?: string;
  path: string;
  times: number;
  /** Only for this tenant: its id or one of its domains. */
  tenant?: string;
  status?: number;
  code?: string;
  message?: string;
  details?: { code: string; message: string; target?: string }[];
  retryAfter?: number;
  /** Close the connection before the effect, after it, or in the middle of a batch. */
  reset?: "before" | "after" | "middle";
  delayMs?: number;
  /** Answers 200 with this text, which is not JSON. */
  text?: string;
  /** Only the n-th request of the tenant, from 1; never answered, before or after its effect, unless `when` is never. */
  hold?: { request: number; when: "before" | "after" | "never" };
  /** An AADSTS number; `path` is then authorize, code, on-behalf-of, client-credentials or refresh. */
  sts?: number;
  /** With `sts`: the claims that a new sign-in has to bring. */
  claims?: string;
};

/** Disturbs a share of all Graph calls. Which call meets what follows from the seed, the tenant and the call's number. */
export type Chaos = { seed: number; rate: number };

const isFor = (world: World, fault: Fault, tenantId: string | null) =>
  !fault.tenant || world.tenants.some(({ id, domains }) => id === tenantId && (id === fault.tenant || domains.includes(fault.tenant!)));

/** The next fault that fits the call; each serves `times` calls. */
export function takeFault(
  world: World,
  tenantId: string | null,
  method: string,
  path: string,
  fits: (fault: Fault) => boolean,
): Fault | undefined {
  const fault = world.faults.find(
    (candidate) =>
      candidate.times > 0 &&
      (!candidate.method || candidate.method === method) &&
      isFor(world, candidate, tenantId) &&
      new RegExp(candidate.path).test(path) &&
      fits(candidate),
  );
  if (fault) fault.times -= 1;
  return fault;
}

/** Of the wire: it concerns the whole request, a batch as one. */
export const isTransport = ({ status, sts }: Fault) => status === undefined && sts === undefined;

/** A number from 0 to 1 that is the same whenever the same things are asked. */
function chance(...parts: (string | number)[]): number {
  return createHash("sha256").update(parts.join("|")).digest().readUInt32BE(0) / 2 ** 32;
}

const CALL_KINDS = ["429", "500", "502", "503", "504", "lag", "conflict"] as const;
const WIRE_KINDS = ["reset-before", "reset-after", "slow"] as const;
/** Requests carry several calls, so the wire is disturbed less often. */
const WIRE_SHARE = 1 / 3;

/** What chaos does to this call, or with `isRequest` to this request on the wire; null for most. */
export function chaosFor(chaos: Chaos | null, tenantId: string, number: number, isRequest: boolean): Fault | null {
  if (!chaos) return null;
  const layer = isRequest ? "request" : "call";
  if (chance(chaos.seed, tenantId, number, layer) >= chaos.rate * (isRequest ? WIRE_SHARE : 1)) return null;
  const kinds = isRequest ? WIRE_KINDS : CALL_KINDS;
  const kind = kinds[Math.floor(chance(chaos.seed, tenantId, number, layer, "kind") * kinds.length)]!;
  const base = { path: "", times: 1 };
  switch (kind) {
    case "reset-before":
      return { ...base, reset: "before" };
    case "reset-after":
      return { ...base, reset: "after" };
    case "slow":
      return { ...base, delayMs: 150 };
    case "429":
      return { ...base, status: 429, ...(number % 2 ? { retryAfter: 1 } : {}) };
    case "500":
    case "502":
    case "503":
    case "504":
      return { ...base, status: Number(kind) };
    case "lag":
      return {
        ...base,
        status: 404,
        code: "Request_ResourceNotFound",
        message: "Resource 'x' does not exist or one of its queried reference-property objects are not present.",
      };
    case "conflict":
      return {
        ...base,
        status: 409,
        code: "Directory_ConcurrencyViolation",
        message: "Error due to concurrent requests being made to the tenant. Please wait briefly and retry.",
      };
  }
}
