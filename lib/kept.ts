/**
 * What many ask for at once and may be a moment old: asked for once in this time, however many want it. Whoever knows of a
 * change gets no answer that was asked for before it, nor in the same ms: `since`, in ms since 1970.
 */
export function keptFor<T>(ms: number) {
  const known = new Map<string, { askedAt: number; answer: Promise<T> }>();
  return (key: string, ask: () => Promise<T>, since = 0): Promise<T> => {
    const askedAt = Date.now();
    const before = known.get(key);
    if (before && before.askedAt + ms > askedAt && before.askedAt > since) return before.answer;
    const answer = ask();
    known.set(key, { askedAt, answer });
    answer.catch(() => known.delete(key));
    return answer;
  };
}
