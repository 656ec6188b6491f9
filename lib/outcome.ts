/** A refusal the caller must handle and a person may read. Bugs and outages are thrown instead. */
export type Refusal<Code extends string = string> = {
  readonly code: Code; // stable and dotted: "handoff.gone"
  readonly status: 401 | 403 | 404 | 409 | 410 | 422 | 429 | 503;
  readonly message: string; // fit to show: what happened, what to do, who can
  readonly retryAt?: Date; // when trying again makes sense
};

export type Outcome<T, R extends Refusal = Refusal> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: R };

export const accept = <T>(value: T) => ({ ok: true, value }) as const;
export const refuse = <R extends Refusal>(refusal: R) => ({ ok: false, refusal }) as const;
