/**
 * What a page of Next's looks like when it goes out: first what people read, then the scripts. A browser that fetches both at
 * once shows the page when the last script is there; on a slow line that is a second later.
 */
import type { ServerResponse } from "node:http";
import { PAGE_SCRIPT } from "./page-script.ts";

const PARTS = /<script src="\/_next\/static\/[^>]*\basync=""[^>]*><\/script>/g;
const PRELOADS = /<link rel="preload" as="script"[^>]*\/>/g;
const OLD_BROWSERS = /<script src="\/_next\/[^>]*\bnoModule=""[^>]*><\/script>/g;
/** What Next's scripts start from: the start itself, and the page once more as data. */
const DATA = /<script nonce="[^"]*"(?: id="_R_")?>\(?(?:globalThis\["TURBOPACK"\]|self\.__next_f)[\s\S]*?<\/script>/g;
/** components/ui/still.tsx */
const STILL = '<template data-still=""></template>';
/** What Next sends in place of a page that threw: an empty document, into which its scripts put app/not-found.tsx or app/error.tsx. */
const THREW = '<html id="__next_error__">';

/** Puts the scripts into the page when it was painted, or at once in a tab that nobody looks at. */
const AFTER_PAINT = `{
const load = () => {
  const scripts = document.getElementById("scripts");
  scripts?.remove();
  if (scripts) document.head.append(scripts.content);
};
if (document.hidden || !globalThis.PerformanceObserver?.supportedEntryTypes?.includes("paint")) load();
else {
  new PerformanceObserver(load).observe({ type: "paint", buffered: true });
  setTimeout(load, 1000);
}
}`;

const without = (html: string, ...what: RegExp[]) => what.reduce((page, each) => page.replaceAll(each, ""), html);

/**
 * A page gets its own script into its head, and the framework's after its first paint. One that says it needs none of the
 * framework's loses them all; one that has nothing to show without them has them at once.
 */
export function paintedFirst(html: string, nonce: string): string {
  const script = (text: string) => `<script nonce="${nonce}">${text}</script>`;
  const headEnd = html.indexOf("</head>");
  if (headEnd === -1) return html;
  const page = `${html.slice(0, headEnd)}${script(PAGE_SCRIPT)}${html.slice(headEnd)}`;
  if (html.includes(STILL)) return without(page, PARTS, PRELOADS, OLD_BROWSERS, DATA);
  const scripts = html.match(PARTS);
  if (!scripts || html.includes(THREW)) return page;
  const last = `<template id="scripts">${scripts.join("")}</template>${script(AFTER_PAINT)}`;
  const parted = without(page, PARTS, PRELOADS);
  const end = parted.lastIndexOf("</body>");
  return `${parted.slice(0, end)}${last}${parted.slice(end)}`;
}

const isPage = (response: ServerResponse) => String(response.getHeader("content-type")).startsWith("text/html");

/** Has a page go out as `shape` makes it; whatever else is answered goes out as it comes. */
export function shapePages(response: ServerResponse, shape: (html: string) => string): void {
  const { write, end } = response;
  const pieces: Buffer[] = [];
  const keep = (piece: unknown, encoding: unknown) => {
    if (typeof piece === "string") pieces.push(Buffer.from(piece, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8"));
    else if (piece instanceof Uint8Array) pieces.push(Buffer.from(piece));
  };
  const done = (rest: unknown[]) => rest.findLast((each): each is () => void => typeof each === "function");
  response.write = ((...given: Parameters<typeof write>) => {
    if (!isPage(response)) return write.apply(response, given);
    keep(given[0], given[1]);
    done(given)?.();
    return true;
  }) as typeof write;
  response.end = ((...given: Parameters<typeof end>) => {
    if (!isPage(response)) return end.apply(response, given);
    keep(given[0], given[1]);
    if (!response.headersSent) response.removeHeader("content-length");
    const page = pieces.length > 0 ? shape(Buffer.concat(pieces).toString()) : "";
    return end.call(response, page, "utf8", done(given) ?? (() => undefined));
  }) as typeof end;
}
