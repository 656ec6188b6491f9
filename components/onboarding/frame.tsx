import clsx from "clsx";
import { Check } from "lucide-react";
import type { ReactNode } from "react";
import { Account } from "@/components/ui/account";

/** The bar on every screen: whose product, which tenant, who is signed in. */
export function TopBar({
  brand,
  mark,
  title,
  chip,
  person,
  children,
}: {
  brand?: { name: string; accent?: string | undefined; logo?: string | undefined } | undefined;
  mark: string;
  title: string;
  chip?: string | undefined;
  person?: string | undefined;
  children?: ReactNode;
}) {
  return (
    <header className="no-print flex h-15 items-center gap-3.5 border-b border-line bg-surface px-4 sm:px-7">
      {brand?.logo ? (
        // biome-ignore lint/performance/noImgElement: it is a data: URI of the manifest, nothing to load or to scale
        <img src={brand.logo} alt={brand.name} width={30} height={30} className="size-7.5 shrink-0 rounded-lg object-contain" />
      ) : (
        <svg aria-hidden viewBox="0 0 30 30" className="size-7.5 shrink-0">
          <rect width={30} height={30} rx={8} {...(brand?.accent ? { fill: brand.accent } : { className: "fill-accent" })} />
          <text
            x={15}
            y={20.5}
            textAnchor="middle"
            fontSize={15}
            fontWeight={600}
            className={brand?.accent ? "fill-white" : "fill-accent-ink"}
          >
            {mark}
          </text>
        </svg>
      )}
      <b className="whitespace-nowrap font-semibold">{title}</b>
      {chip && <span className="min-w-0 truncate rounded-full border border-line bg-paper px-2.5 py-1 text-[13px] text-ink-2">{chip}</span>}
      <span className="flex-1" />
      {children}
      {person && <Account person={person} />}
    </header>
  );
}

const STEPS = ["Sign in", "Choose features", "Review the plan", "Provision", "Hand over"];
/** Where the admin is, 1 to 5. */
export function Steps({ current }: { current: number }) {
  return (
    <ol aria-label="Steps" className="mb-6 flex flex-wrap items-center gap-x-1.5 gap-y-2 text-[13px] text-ink-3">
      {STEPS.map((title, index) => {
        const number = index + 1;
        const isDone = number < current;
        const isNow = number === current;
        return (
          <li
            key={title}
            aria-current={isNow ? "step" : undefined}
            className={clsx("flex items-center gap-1.5 whitespace-nowrap", isNow && "font-semibold text-ink")}
          >
            {index > 0 && <span aria-hidden className="mr-1 h-px w-3 bg-line-strong sm:w-6" />}
            <span
              className={clsx(
                "grid size-5 place-items-center rounded-full border text-[11px]",
                isNow
                  ? "border-accent bg-accent text-accent-ink"
                  : isDone
                    ? "border-transparent bg-done-soft text-done"
                    : "border-line-strong",
              )}
            >
              {isDone ? <Check size={12} aria-label="done" /> : number}
            </span>
            <span className={clsx(!isNow && "hidden sm:inline")}>{title}</span>
          </li>
        );
      })}
    </ol>
  );
}

/** One column of text at reading width, one summary beside it; on a phone the summary is a bar at the bottom, or the end of the page when it holds no action. */
export function Columns({ children, aside, isPinned = true }: { children: ReactNode; aside: ReactNode; isPinned?: boolean }) {
  return (
    <div className="mx-auto grid max-w-[1160px] grid-cols-1 gap-5 px-4 pt-6 sm:px-7 sm:pt-9 md:grid-cols-[minmax(0,1fr)_328px] md:gap-10 md:pb-20">
      <main className="min-w-0">{children}</main>
      <aside
        aria-label="Summary"
        className={clsx(
          "self-start border border-line bg-surface p-4 shadow-card md:sticky md:top-6 md:bottom-auto md:rounded-[10px] md:p-5",
          isPinned ? "sticky bottom-0 -mx-4 rounded-t-[14px] sm:mx-0" : "mb-8 rounded-[10px]",
        )}
      >
        {aside}
      </aside>
    </div>
  );
}

export function Narrow({ children }: { children: ReactNode }) {
  return <main className="mx-auto max-w-[640px] px-4 py-10 sm:px-7 sm:py-14">{children}</main>;
}

export function Lead({ children }: { children: ReactNode }) {
  return <p className="mt-2 max-w-[62ch] text-ink-2">{children}</p>;
}

/** Label and value pairs of a summary; left out on a phone, where only the action stays. */
export function Facts({ items }: { items: readonly (readonly [label: string, value: ReactNode])[] }) {
  return (
    <dl className="my-3.5 hidden grid-cols-[auto_1fr] gap-x-3 gap-y-2 text-[14px] md:grid">
      {items.map(([label, value]) => (
        <div key={label} className="contents">
          <dt className="text-ink-2">{label}</dt>
          <dd className="text-right tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
