/** What many ask for at once and may be a moment old: asked for once in this time, however many want it. */
export function keptFor<T>(ms: number) {
  const known = new Map<string, { until: number; answer: Promise<T> }>();
  return (key: string, ask: () => Promise<T>): Promise<T> => {
    const now = Date.now();
    const before = known.get(key);
    if (before && before.until > now) return before.answer;
    const answer = ask();
    known.set(key, { until: now + ms, answer });
    answer.catch(() => known.delete(key));
    return answer;
  };
}
