/** What of the board somebody looks at: search, filters, order and place, as they stand in the page's address. */
import { z } from "zod";
import type { Status, WaitingFor } from "../audit/status.ts";

export const STATUSES = [
  ...["invited", "opened", "signed_in", "choosing", "planned", "provisioning", "awaiting_approval", "blocked", "attention"],
  ...["ready_for_handoff", "handed_off", "live", "expired", "offboarding", "offboarded", "cancelled"],
] as readonly Status[];
export const WAITING = ["admin", "approver", "contact", "vendor", "microsoft", "nobody"] as const satisfies readonly WaitingFor[];
export const SORTS = ["moved", "waiting", "customer", "created", "expires"] as const;
export type Sort = (typeof SORTS)[number];

const one = (value: unknown) => (Array.isArray(value) ? value[0] : value);
const anything = <T extends z.ZodType>(schema: T, otherwise: z.output<T>) => z.preprocess(one, schema).catch(otherwise);
const days = (most: number) => anything(z.coerce.number().int().min(1).max(most).nullable(), null);
function unpacked(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return null;
  }
}
const cursor = z.preprocess(unpacked, z.tuple([z.string().max(400), z.uuid()]));

/** Whatever an address does not say, or says in a way that is not understood, is left out of the view. */
const View = z.object({
  q: anything(
    z.string().transform((text) => text.trim().slice(0, 200)),
    "",
  ),
  status: anything(z.enum(STATUSES as [Status, ...Status[]]).nullable(), null),
  product: anything(z.string().max(60).nullable(), null),
  waiting: anything(z.enum(WAITING).nullable(), null),
  owner: anything(z.string().trim().toLowerCase().max(254).nullable(), null),
  tag: anything(z.string().trim().toLowerCase().max(40).nullable(), null),
  /** Somebody has had to act for at least so many days. */
  stuck: days(3650),
  /** The invitation or a secret ends within so many days. */
  expiring: days(3650),
  sort: anything(z.enum(SORTS), "moved"),
  /** Where the page before ended: the value that is sorted by, and the id. */
  after: anything(cursor.nullable(), null),
});
export type View = z.output<typeof View>;

/** The view that an address names. */
export const viewFrom = (query: Record<string, string | string[] | undefined>): View => View.parse(query);

/** The query of an address for this view; a change of it starts from the first page again. */
export function queryOf(view: View, change: Partial<View> = {}): string {
  const { after, ...wanted } = { ...view, after: null, ...change };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(wanted)) if (value && !(name === "sort" && value === "moved")) query.set(name, String(value));
  if (after) query.set("after", JSON.stringify(after));
  return query.size > 0 ? `?${query}` : "";
}

/** Whether a view leaves something out. */
export const isFiltered = ({ after: _, sort: __, ...filters }: View) => Object.values(filters).some(Boolean);
