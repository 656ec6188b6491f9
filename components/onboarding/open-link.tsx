import { Still } from "@/components/ui/still";
import { Notice } from "@/components/ui/ui";

/**
 * A part of every page's script (app/layout.tsx). It acts before the page is shown, and not on one that the router made: there
 * the address has no token any more.
 */
export const OPEN_LINKS = `{
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
 * Exchanges the token in the address for a cookie, by a POST to `to`, and takes it out of the address. Somebody waits here
 * before they see anything, so the page comes without the framework's scripts.
 */
export function OpenLink({ to, what }: { to: string; what: string }) {
  return (
    <>
      <Still />
      <div id="opening" hidden>
        <Notice live tone="info" title={`Opening your ${what}`} />
      </div>
      <div id="refused">
        <Notice live tone="fail" title={`This ${what} cannot be opened`}>
          <span id="why">
            The address is not complete: the part after # is missing. Open the link as it stands in the mail, or copy all of it.
          </span>
        </Notice>
      </div>
      <noscript>
        <p className="mt-4">This page needs JavaScript to read the link, which never reaches our logs.</p>
      </noscript>
      <span id="open-link" hidden data-to={to} />
    </>
  );
}
