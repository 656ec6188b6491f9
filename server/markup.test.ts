import { createServer } from "node:http";
import { expect, test } from "vitest";
import { paintedFirst, shapePages } from "./markup";
import { PAGE_SCRIPT } from "./page-script";

const PART = '<script src="/_next/static/chunks/a.js" async="" nonce="n"></script>';
const OTHER = '<script src="/_next/static/chunks/b.js" nonce="n" async=""></script>';
const START = '<script nonce="n" id="_R_">(globalThis["TURBOPACK"] || []).push({});</script>';
const DATA = '<script nonce="n">self.__next_f.push([1,"<template data-still=\\"\\"></template>"])</script>';
const OLD = '<script src="/_next/static/chunks/old.js" noModule="" nonce="n"></script>';
const OWN = `<script nonce="n">${PAGE_SCRIPT}</script>`;
const page = (body: string) =>
  `<!DOCTYPE html><html><head><link rel="preload" as="script" fetchPriority="low" nonce="n" href="/_next/static/chunks/b.js"/>${PART}${OLD}</head><body>${body}${START}${OTHER}${DATA}</body></html>`;

test("the scripts of a page stand in a template at its end, each once, and nothing names them before", () => {
  const painted = paintedFirst(page("<h1>Plan</h1>"), "n");
  const [before, template = ""] = painted.split('<template id="scripts">');
  expect(before).not.toContain("/_next/static/chunks/a.js");
  expect(before).not.toContain("/_next/static/chunks/b.js");
  expect(template.startsWith(`${PART}${OTHER}</template><script nonce="n">`)).toBe(true);
  expect(template.endsWith("</script></body></html>")).toBe(true);
  for (const kept of [OWN, OLD, START, DATA, "<h1>Plan</h1>"]) expect(before, kept).toContain(kept);
});

test("a page that says it needs none keeps its own script only", () => {
  expect(paintedFirst(page('<template data-still=""></template><h1>Home</h1>'), "n")).toBe(
    `<!DOCTYPE html><html><head>${OWN}</head><body><template data-still=""></template><h1>Home</h1></body></html>`,
  );
});

test("the document of a page that threw has its scripts at once, and the policy that lets them load", () => {
  const empty = `<!DOCTYPE html><html id="__next_error__"><head>${PART}</head><body>${START}${DATA}</body></html>`;
  expect(paintedFirst(empty, "n")).toBe(empty.replace("</head>", `${OWN}</head>`));
});

test("what somebody wrote is text, whatever it looks like", () => {
  const written = "&lt;template data-still=&quot;&quot;&gt;&lt;/template&gt; &lt;script src=&quot;/_next/static/x.js&quot; async&gt;";
  expect(paintedFirst(page(`<p>${written}</p>`), "n")).toContain(`<p>${written}</p>`);
});

test("only pages are shaped; whatever comes in pieces arrives whole, with accents cut in two", async () => {
  const server = createServer((request, response) => {
    shapePages(response, (html) => html.replace("Räder", "wheels"));
    response.setHeader("content-type", request.url === "/page" ? "text/html; charset=utf-8" : "text/plain");
    const bytes = Buffer.from("<p>Räder</p>");
    response.write(bytes.subarray(0, 5));
    response.write(bytes.subarray(5));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const read = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  expect(await read("/page")).toBe("<p>wheels</p>");
  expect(await read("/text")).toBe("<p>Räder</p>");
  server.close();
});
