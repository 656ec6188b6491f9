const LONGEST = 60;
const MOST = 200;

/** The words by which something is found: letters and digits of any script, without case and accents. */
export function searchWords(...texts: string[]): string[] {
  const words = texts.flatMap((text) =>
    text
      .normalize("NFKD")
      .toLowerCase()
      .replaceAll(/\p{M}/gu, "")
      .split(/[^\p{L}\p{N}]+/u),
  );
  return [...new Set(words.filter(Boolean).map((word) => [...word].slice(0, LONGEST).join("")))].slice(0, MOST);
}

/**
 * What was typed, as a `tsquery` of PostgreSQL: every word of it, each as the beginning of one. Words hold letters and
 * digits only, so nothing in them can be an operator. Null: there is nothing to search for.
 */
export const searchQuery = (typed: string): string | null =>
  searchWords(typed)
    .map((word) => `'${word}':*`)
    .join(" & ") || null;
