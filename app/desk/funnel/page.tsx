import Form from "next/form";
import { TopBar } from "@/components/onboarding/frame";
import { buttonClass, Card } from "@/components/ui/ui";
import type { Stage } from "@/lib/audit/stages";
import { requireSupport } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";
import { funnel } from "@/lib/desk/funnel";
import { Choice } from "../choice";

export const metadata = { title: "Funnel" };

const WORDS: Record<Stage, string> = {
  invited: "Invited",
  opened: "Opened the link",
  signedIn: "Signed in",
  planned: "Chose features",
  approved: "Approved the plan",
  provisioned: "Provisioned and proved",
  handedOver: "Handed over",
  live: "Live",
};
const PERIODS = [30, 90, 365] as const;

const span = new Intl.DurationFormat("en", { style: "short" });
/** The two largest units of a duration. */
function inWords(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return "under a minute";
  if (minutes < 60) return span.format({ minutes });
  if (minutes < 1440) return span.format({ hours: Math.floor(minutes / 60), minutes: minutes % 60 });
  return span.format({ days: Math.floor(minutes / 1440), hours: Math.floor((minutes % 1440) / 60) });
}
const percent = (share: number) => new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 }).format(share);

export default async function Funnel({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const { product, days } = await searchParams;
  const support = await requireSupport("/desk/funnel");
  const products = desk.products(support);
  const productId = products.find(({ id }) => id === product)?.id ?? null;
  const period = PERIODS.find((each) => String(each) === days) ?? null;
  const stages = await funnel(support, { productId, days: period }, new Date());
  const all = stages[0]?.reached ?? 0;
  return (
    <>
      <TopBar mark="V" title="Desk" person={support.username} />
      <main className="mx-auto max-w-[960px] px-4 py-7 sm:px-7">
        <p className="mb-3 text-[14px]">
          <a href="/desk">Onboardings</a>
        </p>
        <h1>How far onboardings come</h1>
        <Form key={`${productId} ${period}`} action="/desk/funnel" className="mt-4 flex flex-wrap items-end gap-3">
          <Choice name="product" label="Product" value={productId} options={products.map(({ id, name }) => [id, name])} />
          <Choice name="days" label="Invited within" value={period} options={PERIODS.map((each) => [each, `${each} days`])} />
          <button type="submit" className={buttonClass({ look: "quiet" })}>
            Show
          </button>
        </Form>
        {all === 0 ? (
          <Card className="mt-6 p-6">
            <h2>Nobody was invited</h2>
            <p className="mt-1 text-ink-2">Choose another product or a longer time.</p>
          </Card>
        ) : (
          <Card className="mt-6 overflow-x-auto">
            <table className="w-full border-collapse text-[14px]">
              <thead>
                <tr className="border-b border-line text-left text-[12.5px] text-ink-3">
                  <th scope="col" className="px-3.5 py-2.5 font-medium">
                    Stage
                  </th>
                  <th scope="col" className="px-3.5 py-2.5 text-right font-medium">
                    Reached
                  </th>
                  <th scope="col" className="hidden w-2/5 px-3.5 py-2.5 font-medium sm:table-cell">
                    Of those invited
                  </th>
                  <th scope="col" className="px-3.5 py-2.5 text-right font-medium">
                    Lost before it
                  </th>
                  <th scope="col" className="px-3.5 py-2.5 text-right font-medium">
                    Median time
                  </th>
                </tr>
              </thead>
              <tbody className="divide-y divide-line">
                {stages.map(({ stage, reached, medianMs }, index) => {
                  const before = stages[index - 1]?.reached ?? reached;
                  return (
                    <tr key={stage}>
                      <th scope="row" className="px-3.5 py-3 text-left font-medium">
                        {WORDS[stage]}
                      </th>
                      <td className="px-3.5 py-3 text-right tabular-nums">{reached.toLocaleString("en")}</td>
                      <td className="hidden px-3.5 py-3 sm:table-cell">
                        <span className="flex items-center gap-2.5">
                          <svg aria-hidden className="h-4 flex-1 rounded bg-sunken">
                            <rect width={`${(reached / all) * 100}%`} height="100%" rx={4} className="fill-accent" />
                          </svg>
                          <span className="w-10 text-right tabular-nums text-ink-2">{percent(reached / all)}</span>
                        </span>
                      </td>
                      <td className="px-3.5 py-3 text-right tabular-nums">
                        {index === 0
                          ? "–"
                          : before === reached
                            ? "0"
                            : `${(before - reached).toLocaleString("en")} (${percent((before - reached) / before)})`}
                      </td>
                      <td className="px-3.5 py-3 text-right whitespace-nowrap">{medianMs === null ? "–" : inWords(medianMs)}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </Card>
        )}
        <p className="mt-3 max-w-[70ch] text-[13px] text-ink-2">
          Each onboarding counts for a stage once, when it gets there for the first time. The median is from the stage before, of those that
          came that far. Onboardings that are still under way count as lost before the stages ahead of them.
        </p>
      </main>
    </>
  );
}
