"use client";

import clsx from "clsx";
import { wordsOf } from "@/components/onboarding/record-words";
import { StatusPill, WAITING_FOR } from "@/components/onboarding/status-pill";
import { useReady } from "@/components/ui/ready";
import { Card, Since, Time } from "@/components/ui/ui";
import type { ListItem } from "@/lib/desk/desk";

/** A person who has not acted for so long is asked about. */
const STUCK_MS = 3 * 86_400_000;

/** What a row shows of an onboarding. */
export type Item = Pick<
  ListItem,
  | "id"
  | "customerName"
  | "expectedDomain"
  | "product"
  | "status"
  | "waitingFor"
  | "waitingSince"
  | "lastEvent"
  | "lastEventAt"
  | "endsAt"
  | "owner"
  | "tags"
>;
type Column = { title: string; className: string; href: string | null; way: "ascending" | "descending" | undefined };

function Row({ item, now }: { item: Item; now: Date }) {
  const { id, customerName, expectedDomain, product, status, waitingFor, waitingSince, lastEvent, lastEventAt, endsAt, owner, tags } = item;
  const isStuck = waitingFor !== "nobody" && now.getTime() - waitingSince.getTime() >= STUCK_MS;
  return (
    <tr className="align-top hover:bg-sunken">
      <td className="max-w-40 px-3.5 py-3 sm:max-w-70">
        <a href={`/desk/${id}`} className="line-clamp-2 font-medium break-words" title={customerName.slice(0, 300)}>
          <bdi>{customerName}</bdi>
        </a>
        <small className="block truncate text-ink-3">
          {expectedDomain}
          <span className="sm:hidden"> · {product}</span>
        </small>
        {tags.length > 0 && <small className="block truncate text-ink-2">{tags.map((tag) => `#${tag}`).join(" ")}</small>}
      </td>
      <td className="hidden px-3.5 py-3 sm:table-cell">{product}</td>
      <td className="px-3.5 py-3">
        <StatusPill status={status} />
      </td>
      <td className="px-3.5 py-3">
        {WAITING_FOR[waitingFor]}
        {owner && <small className="block max-w-40 truncate text-ink-3">{owner}</small>}
      </td>
      <td className={clsx("px-3.5 py-3", isStuck && "font-semibold text-wait")}>
        {waitingFor === "nobody" ? "–" : <Since at={waitingSince} now={now} />}
      </td>
      <td className="px-3.5 py-3">
        {wordsOf(lastEvent)}
        <small className="block text-ink-3">
          <Since at={lastEventAt} now={now} />
        </small>
      </td>
      <td className="hidden px-3.5 py-3 text-[13px] lg:table-cell">{endsAt ? <Time at={endsAt} /> : "–"}</td>
    </tr>
  );
}

/**
 * The rows of a page. They are drawn in the browser: drawing fifty of them on the server costs three times what the rest of
 * the page does, and every board that is open asks for them again whenever something moves.
 */
export function Rows({ columns, items, now }: { columns: Column[]; items: Item[]; now: Date }) {
  const isReady = useReady();
  return (
    <Card className="mt-2 overflow-x-auto">
      <table className="w-full border-collapse text-[14px]" aria-busy={!isReady}>
        <thead>
          <tr className="border-b border-line text-left text-[12.5px] text-ink-3">
            {columns.map(({ title, className, href, way }) => (
              <th key={title} scope="col" aria-sort={way} className={clsx("whitespace-nowrap px-3.5 py-2.5 font-medium", className)}>
                {href ? (
                  <a href={href} className={clsx("text-inherit", way && "font-semibold text-ink")}>
                    {title}
                    {way && <span aria-hidden>{way === "ascending" ? " ↑" : " ↓"}</span>}
                  </a>
                ) : (
                  title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {isReady ? (
            items.map((item) => <Row key={item.id} item={item} now={now} />)
          ) : (
            <tr>
              <td colSpan={columns.length} className="px-3.5 py-6 text-ink-2">
                {items.length === 1 ? "One onboarding" : `${items.length} onboardings`}…
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Card>
  );
}
