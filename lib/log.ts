/**
 * What the portal tells its operator: one JSON object a line, for people and machines that must not learn anything by it.
 * Only the fields below get in; an error gives its kind, its code, where it was thrown, and its words without whatever
 * looks like a secret, a link, a token, an address of a person, or a value that was bound to a statement.
 */
import pino, { type DestinationStream } from "pino";

/** The fields of a line besides its words: ids and measures, never a person and never a value. */
export type Facts = { onboardingId?: string; runId?: string; code?: string; status?: number; errand?: string };
const FACTS: readonly (keyof Facts)[] = ["onboardingId", "runId", "code", "status", "errand"];
const PLAIN = /^[\w.:-]{1,80}$/;

/** Replaced wherever they stand, in this order. */
const NEVER: readonly (readonly [RegExp, string])[] = [
  // Whatever follows a question mark or a hash in an address.
  [/(https?:\/\/[^\s"'<>?#]*)[?#][^\s"'<>]*/gi, "$1?…"],
  [/\b(?:Bearer|Basic)\s+\S+/gi, "[token]"],
  [/\beyJ[\w-]*\.[\w-]*(?:\.[\w-]*)*/g, "[token]"],
  // name=value and "name": "value" of what is secret by its name.
  [
    /((?:secret|password|passphrase|token|assertion|authorization|cookie|code|key)["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&)}\]]+)/gi,
    "$1[hidden]",
  ],
  [/[^\s@"'<>(),;:]+@[^\s@"'<>(),;:]+/g, "[address]"],
  [/\b[A-HJ-NP-Z2-9]{4}(?:-[A-HJ-NP-Z2-9]{4})+\b/g, "[code]"],
  // Anything long enough to be a key or a secret of Entra ID. An id of 36 characters is none.
  [/(?<![\w~.+/=-])(?![0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-]))[\w~.+/=-]{32,}/gi, "[hidden]"],
];
const LONGEST = 400;
/** A text without what must not be read in a log. */
export const scrubbed = (text: string): string =>
  NEVER.reduce((clean, [pattern, instead]) => clean.replace(pattern, instead), text.slice(0, 20_000)).slice(0, LONGEST);

/** Where it was thrown: names and lines of files, which are ours. */
const placesOf = (stack: string): string[] =>
  stack
    .split("\n")
    .flatMap((line) => /^\s+at (?:(.*?) \()?.*?([\w.[\]-]+\.[cm]?[jt]sx?:\d+)/.exec(line)?.slice(1, 3).filter(Boolean).join(" ") ?? [])
    .map(scrubbed)
    .slice(0, 8);

/** What is kept of whatever was thrown. */
function errorFacts(thrown: unknown): { kind: string; code?: string; words: string; at?: string[] } {
  if (!(thrown instanceof Error)) return { kind: typeof thrown, words: scrubbed(typeof thrown === "string" ? thrown : "") };
  const code = "code" in thrown && typeof thrown.code === "string" && /^[A-Z0-9_]{1,40}$/.test(thrown.code) ? { code: thrown.code } : {};
  // Prisma puts the call with its arguments before the last paragraph.
  const words = thrown.name.startsWith("PrismaClient") ? (thrown.message.trim().split("\n").at(-1) ?? "") : thrown.message;
  return { kind: scrubbed(thrown.name), ...code, words: scrubbed(words), at: placesOf(thrown.stack ?? "") };
}

/** Only what is named above, and only what looks like what it should be. */
function factsOf(facts: Record<string, unknown>): Record<string, string | number> {
  const kept: Record<string, string | number> = {};
  for (const name of FACTS) {
    const value = facts[name];
    if (typeof value === "number" || (typeof value === "string" && PLAIN.test(value) && scrubbed(value) === value)) kept[name] = value;
  }
  return kept;
}

/** The log over a stream of lines. */
export function logTo(stream: DestinationStream) {
  const lines = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } }, stream);
  return {
    /** Something went wrong that an operator may have to look at. */
    failed: (what: string, thrown: unknown, facts: Facts = {}) =>
      lines.error({ ...factsOf(facts), error: errorFacts(thrown) }, scrubbed(what)),
  };
}

const processWide = globalThis as { vestibuleLog?: ReturnType<typeof logTo> };
/** The log of this process, on its standard error. */
export const log = (): ReturnType<typeof logTo> => {
  processWide.vestibuleLog ??= logTo(pino.destination({ fd: 2, sync: true }));
  return processWide.vestibuleLog;
};
