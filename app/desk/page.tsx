import Form from "next/form";
import { TopBar } from "@/components/onboarding/frame";
import { statusWord, WAITING_FOR } from "@/components/onboarding/status-pill";
import { Live } from "@/components/ui/live";
import { buttonClass, Card } from "@/components/ui/ui";
import { requireSupport } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";
import { isFiltered, queryOf, type Sort, STATUSES, type View, viewFrom, WAITING } from "@/lib/desk/view";
import { Choice, fieldClass } from "./choice";
import { type Item, Rows } from "./rows";

export const metadata = { title: "Desk" };

const EVERYTHING = viewFrom({});
const VIEWS: readonly (readonly [name: string, view: Partial<View>])[] = [
  ["All", {}],
  ["Waiting for us", { waiting: "vendor", sort: "waiting" }],
  ["Taken by nobody", { owner: desk.NOBODY }],
  ["Needs attention", { status: "attention", sort: "waiting" }],
  ["Stuck for 3 days", { stuck: 3, sort: "waiting" }],
  ["Awaiting approval", { status: "awaiting_approval", sort: "waiting" }],
  ["Ends within 30 days", { expiring: 30, sort: "expires" }],
  ["Live", { status: "live" }],
];
/** What is left out. The view is the page's address: saved, or sent to a colleague, it shows the same. */
function Filters({ view, products, me }: { view: View; products: { id: string; name: string }[]; me: string }) {
  return (
    <Form key={queryOf(view)} action="/desk" className="mt-4" role="search">
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-4">
        <label className="col-span-2 min-w-0 text-[13px] text-ink-2 sm:col-span-3 lg:col-span-1">
          Customer, domain, person, or any ID
          <input name="q" type="search" defaultValue={view.q} maxLength={200} autoComplete="off" className={fieldClass} />
        </label>
        <Choice name="status" label="Status" value={view.status} options={STATUSES.map((status) => [status, statusWord(status)])} />
        <Choice name="product" label="Product" value={view.product} options={products.map(({ id, name }) => [id, name])} />
        <Choice name="waiting" label="Waiting for" value={view.waiting} options={WAITING.map((whom) => [whom, WAITING_FOR[whom]])} />
        <Choice
          name="stuck"
          label="For at least"
          value={view.stuck}
          options={[1, 3, 7, 14, 30].map((days) => [days, days === 1 ? "1 day" : `${days} days`])}
        />
        <label className="min-w-0 text-[13px] text-ink-2">
          Owner
          <input name="owner" list="owners" defaultValue={view.owner ?? ""} maxLength={254} autoComplete="off" className={fieldClass} />
          <datalist id="owners">
            <option value={me}>Me</option>
            <option value={desk.NOBODY}>Taken by nobody</option>
          </datalist>
        </label>
        <label className="min-w-0 text-[13px] text-ink-2">
          Tag
          <input name="tag" defaultValue={view.tag ?? ""} maxLength={40} autoComplete="off" className={fieldClass} />
        </label>
        <Choice name="expiring" label="Ends within" value={view.expiring} options={[7, 14, 30, 60].map((days) => [days, `${days} days`])} />
      </div>
      {view.sort !== "moved" && <input type="hidden" name="sort" value={view.sort} />}
      <div className="mt-3 flex flex-wrap items-center gap-3">
        <button type="submit" className={buttonClass({ look: "quiet" })}>
          Show
        </button>
        {isFiltered(view) && (
          <a href={`/desk${queryOf(EVERYTHING, { sort: view.sort })}`} className="text-[14px]">
            Show all
          </a>
        )}
      </div>
    </Form>
  );
}

/** Nothing else of it is sent to the browser. */
function itemOf({ id, customerName, expectedDomain, product, status, waitingFor, waitingSince, ...rest }: desk.ListItem): Item {
  const { lastEvent, lastEventAt, endsAt, owner, tags } = rest;
  return {
    ...{ id, customerName, expectedDomain, product, status, waitingFor, waitingSince },
    ...{ lastEvent, lastEventAt, endsAt, owner, tags },
  };
}
const COLUMNS: readonly (readonly [title: string, sort: Sort | null, className?: string])[] = [
  ["Customer", "customer"],
  ["Product", null, "hidden sm:table-cell"],
  ["Status", null],
  ["Waiting for", null],
  ["Since", "waiting"],
  ["Last event", "moved"],
  ["Ends", "expires", "hidden lg:table-cell"],
];
const WAY: Record<Sort, "ascending" | "descending"> = {
  moved: "descending",
  waiting: "ascending",
  customer: "ascending",
  created: "descending",
  expires: "ascending",
};

export default async function Desk({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const query = await searchParams;
  const view = viewFrom(query);
  const support = await requireSupport(`/desk${queryOf(view, { after: view.after })}`);
  const now = new Date();
  const since = await desk.version(support);
  const { items, next, matches, isMore } = await desk.list(support, view, now);
  const isEmptyDesk = items.length === 0 && !isFiltered(view) && !view.after;
  const open = (change: Partial<View>) => `/desk${queryOf({ ...EVERYTHING, ...change })}`;
  const here = queryOf(view);
  return (
    <>
      <TopBar mark="V" title="Desk" person={support.username}>
        {support.mayChange && (
          <a href="/desk/new" className={buttonClass()}>
            New onboarding
          </a>
        )}
      </TopBar>
      <Live url="/desk/events" since={since} />
      <main className="mx-auto max-w-[1240px] px-4 py-7 sm:px-7">
        <h1>Onboardings</h1>
        {isEmptyDesk ? (
          <Card className="mt-6 p-6">
            <h2>Nobody has been invited yet</h2>
            <p className="mt-1 text-ink-2">
              Create an onboarding, and the customer’s admin gets a link by mail. You see here how far they are and who has to act next.
            </p>
            {support.mayChange && (
              <p className="mt-4">
                <a href="/desk/new" className={buttonClass()}>
                  New onboarding
                </a>
              </p>
            )}
          </Card>
        ) : (
          <>
            <nav aria-label="Views" className="mt-4 flex flex-wrap gap-2">
              {VIEWS.map(([name, change]) => (
                <a
                  key={name}
                  href={open(change)}
                  aria-current={queryOf({ ...EVERYTHING, ...change }) === here ? "page" : undefined}
                  className="rounded-full border border-line bg-surface px-3 py-1 text-[13.5px] text-ink-2 no-underline hover:bg-sunken aria-[current=page]:border-accent aria-[current=page]:bg-accent-soft aria-[current=page]:font-semibold aria-[current=page]:text-accent"
                >
                  {name}
                </a>
              ))}
            </nav>
            <Filters view={view} products={desk.products(support)} me={support.username} />
            <div className="mt-5 flex flex-wrap items-baseline justify-between gap-3">
              <p role="status" className="text-[14px] text-ink-2">
                {(items.length > 0 || !view.after) &&
                  `${isMore ? "More than " : ""}${matches.toLocaleString("en")} ${matches === 1 ? "onboarding" : "onboardings"}${view.after ? ", a later page" : ""}`}
              </p>
              <p className="flex flex-wrap gap-x-4 text-[14px]">
                <a href="/desk/funnel">How far they come</a>
                {support.mayManage && <a href="/desk/integrations">Integrations</a>}
                {support.mayOperate && <a href="/desk/doctor">Doctor</a>}
                <a href={`/desk/export${here}`} download>
                  Export as CSV
                </a>
              </p>
            </div>
            {items.length === 0 ? (
              <Card className="mt-2 p-6">
                <h2>{view.after ? "There is nothing further" : "Nothing matches"}</h2>
                <p className="mt-1 text-ink-2">
                  {view.q
                    ? "Every word has to be the beginning of a word of the customer, the domain, a person’s address or the product; or an ID of a tenant, an application, an onboarding or a request, in full."
                    : "No onboarding is like that now."}{" "}
                  <a href={view.after ? `/desk${here}` : "/desk"}>{view.after ? "Go to the first page" : "Show all"}</a>
                </p>
              </Card>
            ) : (
              <Rows
                columns={COLUMNS.map(([title, sort, className = ""]) => ({
                  title,
                  className,
                  href: sort && `/desk${queryOf(view, { sort })}`,
                  way: sort === view.sort ? WAY[sort] : undefined,
                }))}
                items={items.map(itemOf)}
                now={now}
              />
            )}
            {(next || view.after) && (
              <nav aria-label="Pages" className="mt-4 flex flex-wrap gap-3">
                {view.after && (
                  <a href={`/desk${here}`} className={buttonClass({ look: "quiet" })}>
                    First page
                  </a>
                )}
                {next && (
                  <a href={`/desk${queryOf(view, { after: next })}`} className={buttonClass({ look: "quiet" })}>
                    Next page
                  </a>
                )}
              </nav>
            )}
          </>
        )}
      </main>
    </>
  );
}
