import clsx from "clsx";
import { TopBar } from "@/components/onboarding/frame";
import { wordsOf } from "@/components/onboarding/record-list";
import { StatusPill, WAITING_FOR } from "@/components/onboarding/status-pill";
import { Live } from "@/components/ui/live";
import { buttonClass, Card, Since } from "@/components/ui/ui";
import { requireSupport } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";

export const metadata = { title: "Desk" };

export default async function Desk() {
  const support = await requireSupport("/desk");
  const now = new Date();
  const since = await desk.version(support);
  const items = await desk.list(support, now);
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
      <main className="mx-auto max-w-[1160px] px-4 py-7 sm:px-7">
        <h1>Onboardings</h1>
        {items.length === 0 ? (
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
          <Card className="mt-6 overflow-x-auto">
            <table className="w-full border-collapse text-[14px]">
              <thead>
                <tr className="border-b border-line text-left text-[12.5px] text-ink-3">
                  {["Customer", "Product", "Status", "Waiting for", "Since", "Last event"].map((title) => (
                    <th
                      key={title}
                      scope="col"
                      className={clsx("px-3.5 py-2.5 font-medium", title === "Product" && "hidden sm:table-cell")}
                    >
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody className="divide-y divide-line">
                {items.map(({ id, customerName, expectedDomain, product, standing, lastEvent, lastEventAt }) => (
                  <tr key={id} className="align-top hover:bg-sunken">
                    <td className="max-w-40 sm:max-w-70 px-3.5 py-3">
                      <a href={`/desk/${id}`} className="font-medium break-words">
                        {customerName}
                      </a>
                      <small className="block text-ink-3">
                        {expectedDomain}
                        <span className="sm:hidden"> · {product}</span>
                      </small>
                    </td>
                    <td className="hidden px-3.5 py-3 sm:table-cell">{product}</td>
                    <td className="px-3.5 py-3">
                      <StatusPill status={standing.status} />
                    </td>
                    <td className="px-3.5 py-3">{WAITING_FOR[standing.waitingFor]}</td>
                    <td className="px-3.5 py-3">{standing.waitingFor === "nobody" ? "–" : <Since at={standing.since} now={now} />}</td>
                    <td className="px-3.5 py-3">
                      {wordsOf(lastEvent)}
                      <small className="block text-ink-3">
                        <Since at={lastEventAt} now={now} />
                      </small>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Card>
        )}
      </main>
    </>
  );
}
