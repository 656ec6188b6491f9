/**
 * The page of a handoff and the few calls that it makes. They stand before Next and know nothing of it: no framework's
 * script on the page that shows a secret, no router between the claim and its answer. Anybody may ask; who gets something
 * is decided by the proof in the body, which only the link's holder can make.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { findSignedInBy } from "../lib/auth/auth.ts";
import { type Asked, BODY_AT_MOST, jsonObject, refusalAnswer, type Visitor, visitorOf } from "../lib/http.ts";
import { log } from "../lib/log.ts";
import { lookAtHandoff, revealHandoff, sayOfHandoff, sendCode } from "../lib/onboarding/contact.ts";
import { type Outcome, refuse } from "../lib/outcome.ts";
import { ALWAYS, HANDOFF_POLICY } from "./headers.ts";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>Values for you, shown once</title>
<link rel="stylesheet" href="/handoff.css">
<script src="/handoff.js" defer></script>
</head>
<body>
<main>
<h1 id="title" tabindex="-1">Opening your link</h1>
<div id="content"><p>One moment.</p></div>
<noscript><p>This page needs JavaScript: the values are decrypted in your browser and nowhere else.</p></noscript>
</main>
</body>
</html>`;

const HEADERS = { ...ALWAYS, "cache-control": "no-store", "content-security-policy": HANDOFF_POLICY };

type Act = (handoff: string, body: Record<string, unknown>, visitor: Visitor, now: Date, cookies: string) => Promise<Outcome<unknown>>;
const WORDS = ["saved", "reported", "confirmed", "failing"] as const;
const ACTS: Record<string, Act> = {
  /** What the page shows before anything is revealed. */
  status: async (handoff, { proof }, visitor, now, cookies) => lookAtHandoff(handoff, proof, await findSignedInBy(cookies), visitor, now),
  /** Mails a code to the contact; three within an hour. */
  code: (handoff, { proof }, visitor, now) => sendCode(handoff, proof, visitor, now),
  /** Reveals the values, once, to whoever meets the challenge that the admin chose. */
  reveal: async (handoff, { proof, code, passphrase }, visitor, now, cookies) =>
    revealHandoff(handoff, proof, { code, passphrase, person: await findSignedInBy(cookies) }, visitor, now),
  /** What the contact says after the reveal: stored, it works, it does not, "it was not me". */
  said: async (handoff, { proof, word, error }, visitor, now) => {
    const known = WORDS.find((each) => each === word);
    if (!known) return refuse({ code: "handoff.word", status: 422, message: "This cannot be said of a handoff." });
    return sayOfHandoff(handoff, proof, known, typeof error === "string" ? error : "", visitor, now);
  },
};

/** What `lib/http` reads of a request, from Node's own: the web's objects would cost more than the claim itself. */
const asWeb = (request: IncomingMessage): Asked => ({
  headers: { get: (name) => [request.headers[name]].flat()[0] ?? null },
  text: async () => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) if (body.length <= BODY_AT_MOST) body += chunk;
    return body;
  },
});

async function answer(request: Asked, handoff: string, act: Act): Promise<Answer> {
  const body = (await jsonObject(request)) ?? {};
  const done = await act(handoff, body, visitorOf(request), new Date(), request.headers.get("cookie") ?? "");
  return done.ok ? { status: 200, body: done.value } : refusalAnswer(done.refusal);
}

type Answer = { status: number; body: unknown; headers?: OutgoingHttpHeaders };
const NOTHING: Answer = { status: 404, body: { code: "http.unknown", message: "There is nothing here." } };
const NOT_SO: Answer = { status: 405, body: { code: "http.method", message: "Not in this way." }, headers: { allow: "GET, HEAD" } };
const FAILED: Answer = {
  status: 503,
  body: { code: "http.failed", message: "The portal failed. Nothing was used up. Try again in a moment." },
};

function send(response: ServerResponse, { status, body, headers }: Answer) {
  response.writeHead(status, { ...HEADERS, "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** Whether a path is a handoff's. */
export const isHandoff = (path: string) => path.startsWith("/h/") || path.startsWith("/api/h/");

/** Answers a request for a path that is a handoff's. */
export async function serveHandoff(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = "" } = request;
  // The same inert page for every id: it reads nothing, so it tells nothing.
  if (url.startsWith("/h/"))
    return method === "GET" || method === "HEAD"
      ? void response.writeHead(200, { ...HEADERS, "content-type": "text/html; charset=utf-8" }).end(method === "GET" ? PAGE : undefined)
      : send(response, NOT_SO);
  if (method !== "POST") return send(response, { ...NOT_SO, headers: { allow: "POST" } });
  const [, handoff = "", name = ""] = /^\/api\/h\/([^/?#]*)\/([a-z]+)$/.exec(url) ?? [];
  const act = Object.hasOwn(ACTS, name) ? ACTS[name] : undefined;
  if (!act) return send(response, NOTHING);
  try {
    send(response, await answer(asWeb(request), handoff, act));
  } catch (error) {
    log().failed("A handoff's page failed", error);
    send(response, FAILED);
  }
}
