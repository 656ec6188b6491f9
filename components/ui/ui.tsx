import clsx from "clsx";
import type { ComponentProps, ReactNode } from "react";

const BUTTON = {
  primary: "border-transparent bg-accent text-accent-ink hover:opacity-90",
  quiet: "border-line-strong bg-transparent text-ink hover:bg-sunken",
  danger: "border-line-strong bg-transparent text-fail hover:bg-fail-soft",
};
type ButtonLook = { look?: keyof typeof BUTTON; wide?: boolean };
export const buttonClass = ({ look = "primary", wide = false }: ButtonLook = {}) =>
  clsx(
    "inline-flex min-h-10 items-center justify-center gap-2 rounded-lg border px-4.5 py-1.5 text-[14.5px] font-semibold no-underline disabled:opacity-55",
    BUTTON[look],
    wide && "w-full",
  );

export function Button({ look, wide, type = "button", ...rest }: ButtonLook & ComponentProps<"button">) {
  return <button type={type} {...rest} className={buttonClass({ ...(look ? { look } : {}), ...(wide ? { wide } : {}) })} />;
}

export function Card({ className, ...rest }: ComponentProps<"section">) {
  return <section {...rest} className={clsx("rounded-[10px] border border-line bg-surface shadow-card", className)} />;
}

const PILL = {
  plain: "bg-sunken text-ink-2",
  wait: "bg-wait-soft text-wait",
  fail: "bg-fail-soft text-fail",
  done: "bg-done-soft text-done",
  info: "bg-info-soft text-info",
};
export type Tone = keyof typeof PILL;
export function Pill({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span
      className={clsx(
        "inline-flex items-center gap-1.5 self-start justify-self-start whitespace-nowrap rounded-full px-2.5 py-0.5 text-[12.5px] font-semibold",
        PILL[tone],
      )}
    >
      {children}
    </span>
  );
}

const NOTICE = {
  info: "border-info/30 bg-info-soft",
  wait: "border-wait/30 bg-wait-soft",
  fail: "border-fail/30 bg-fail-soft",
  done: "border-done/30 bg-done-soft",
};
/** Says what happened, what it means, what to do. */
export function Notice({
  tone,
  title,
  children,
  live = false,
}: {
  tone: keyof typeof NOTICE;
  title: string;
  children?: ReactNode;
  live?: boolean;
}) {
  return (
    <div role={live ? "status" : undefined} className={clsx("rounded-[10px] border px-4 py-3", NOTICE[tone])}>
      <p className="font-semibold">{title}</p>
      {children && <div className="mt-1 space-y-2 text-ink-2">{children}</div>}
    </div>
  );
}

const INSTANT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
/** An instant, absolute with its zone. */
export function Time({ at }: { at: Date | string }) {
  const date = new Date(at);
  const text = INSTANT.format(date);
  return (
    <time dateTime={date.toISOString()} title={date.toISOString()} className="whitespace-nowrap">
      {text} UTC
    </time>
  );
}

/** How long ago, with the instant on hover. */
export function Since({ at, now }: { at: Date | string; now: Date }) {
  const seconds = Math.max(0, Math.round((now.getTime() - new Date(at).getTime()) / 1000));
  const [amount, unit] =
    seconds < 60
      ? [seconds, "second"]
      : seconds < 3600
        ? [Math.floor(seconds / 60), "minute"]
        : seconds < 86_400
          ? [Math.floor(seconds / 3600), "hour"]
          : [Math.floor(seconds / 86_400), "day"];
  return (
    <time
      dateTime={new Date(at).toISOString()}
      title={`${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`}
      className="whitespace-nowrap tabular-nums"
    >
      {seconds < 5 ? "just now" : `${amount} ${unit}${amount === 1 ? "" : "s"}`}
    </time>
  );
}
