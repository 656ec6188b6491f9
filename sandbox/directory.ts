// Directory objects as several replicas show them: a write is done on the primary, and each replica learns of it later.

/** How many copies of the directory answer reads. A caller cannot choose one, so it may see an object, then not, then again. */
const REPLICAS = 3;
export type Lag = { minMs: number; maxMs: number };
type Version<T> = { value: T | null; seenAt: number[] };

/** Which copy answers this call. */
export const someReplica = () => Math.floor(Math.random() * REPLICAS);

/** One kind of object. Values are never changed in place: `put` makes a new version, `remove` one that says "gone". */
export class Collection<T extends { id: string }> {
  readonly #versions = new Map<string, Version<T>[]>();
  readonly #lag: () => Lag;
  constructor(lag: () => Lag) {
    this.#lag = lag;
  }

  /** Everything that there is on the primary. */
  all(): T[] {
    return [...this.#versions.values()].flatMap((versions) => versions.at(-1)?.value ?? []);
  }
  find(fits: (value: T) => boolean): T | undefined {
    return this.all().find(fits);
  }

  /** What one replica shows now. */
  at(replica: number, now = Date.now()): T[] {
    return [...this.#versions.values()].flatMap((versions) => versions.findLast(({ seenAt }) => seenAt[replica]! <= now)?.value ?? []);
  }

  /** `settled`: every replica knows at once, as of things that have been there for long. */
  put(value: T, settled = false): T {
    this.#write(value.id, value, settled);
    return value;
  }
  remove(id: string, settled = false): void {
    if (this.#versions.has(id)) this.#write(id, null, settled);
  }

  #write(id: string, value: T | null, settled: boolean) {
    const now = Date.now();
    const { minMs, maxMs } = this.#lag();
    const before = this.#versions.get(id) ?? [];
    const last = before.at(-1)?.seenAt;
    const seenAt = Array.from({ length: REPLICAS }, (_, replica) =>
      // A replica learns of writes in their order.
      Math.max(last?.[replica] ?? 0, settled ? 0 : now + minMs + Math.random() * Math.max(0, maxMs - minMs)),
    );
    const known = before.filter((_, index) => !before.slice(index + 1).some((later) => later.seenAt.every((at) => at <= now)));
    this.#versions.set(id, [...known, { value, seenAt }]);
  }

  toJSON(): T[] {
    return this.all();
  }
}
