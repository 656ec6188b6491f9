/**
 * What each page can do without the framework's scripts: before they have arrived, on pages that have none, and on the document
 * of a page that threw. The server puts it into the head (server/markup.ts), since React would have to draw it itself there, and
 * Trusted Types let nobody draw a script.
 */

/** The only text that may become a script's address is that of a part of this build. */
const TRUSTED_TYPES = `window.trustedTypes?.createPolicy("default", { createScriptURL: (text) => {
  const { origin, pathname } = new URL(text, location.href);
  return origin === location.origin && pathname.startsWith("/_next/static/") ? text : null;
} });`;

/** components/ui/copy-button.tsx */
const COPY_BUTTONS = `addEventListener("click", async ({ target }) => {
  const button = target instanceof Element && target.closest("button[data-says]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy ?? button.closest("[data-code]").querySelector("pre").textContent);
  const tell = (text) => {
    button.toggleAttribute("data-copied", text !== "");
    button.lastElementChild.textContent = text;
  };
  tell(button.dataset.says);
  setTimeout(tell, 1500, "");
});`;

/** components/onboarding/open-link.tsx. It acts before the page is shown, and not on one that the router made: there the address has no token any more. */
const OPEN_LINKS = `{
const open = ({ dataset: { to } }) => {
  const [opening, refused, why] = ["opening", "refused", "why"].map((id) => document.getElementById(id));
  const show = (isOpening) => {
    opening.hidden = !isOpening;
    refused.hidden = isOpening;
  };
  const refuse = (text) => {
    show(false);
    why.textContent = text;
  };
  const token = decodeURIComponent(location.hash.slice(1));
  if (!token) return;
  show(true);
  history.replaceState(null, "", location.pathname);
  fetch(to, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) })
    .then(async (answer) => (answer.ok ? location.reload() : refuse((await answer.json()).message)))
    .catch(() => refuse("The portal cannot be reached. Check your connection and open the link again."));
};
let isOver = false;
const look = (isLast) => {
  const link = document.getElementById("open-link");
  if (isOver || !(link || isLast)) return;
  isOver = true;
  observer.disconnect();
  if (link) open(link);
};
const observer = new MutationObserver(() => look(false));
observer.observe(document, { childList: true, subtree: true });
addEventListener("DOMContentLoaded", () => look(true));
}`;

/**
 * When the router cannot read a page, because the portal is being started anew or the line is cut, it leaves for the address
 * itself and so ends in the browser's own error page. Such a read is asked again instead, for a minute; the page that is shown
 * stays. What it answers is read whole first: a line can be cut in the middle.
 */
const PATIENT_READS = `{
const ask = fetch;
const read = async (...request) => {
  const answer = await ask(...request);
  const { status, headers, url, redirected } = answer;
  if (!answer.body) return answer;
  const whole = new Response(await answer.arrayBuffer(), { status, headers });
  return Object.defineProperties(whole, { url: { value: url }, redirected: { value: redirected } });
};
globalThis.fetch = async (address, options) => {
  const isRead = (options?.method ?? "GET") === "GET" && new Headers(options?.headers).has("rsc");
  if (!isRead) return ask(address, options);
  for (let left = 60; ; left--)
    try {
      return await read(address, options);
    } catch (error) {
      // Whatever fails on the way is a TypeError (the Fetch standard).
      if (left === 0 || !(error instanceof TypeError) || options.signal?.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
};
}`;

export const PAGE_SCRIPT = [TRUSTED_TYPES, COPY_BUTTONS, OPEN_LINKS, PATIENT_READS].join("\n");
