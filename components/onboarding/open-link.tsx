import { headers } from "next/headers";
import { Still } from "@/components/ui/still";
import { Notice } from "@/components/ui/ui";
import { NONCE } from "@/lib/http";

/** Runs before the page is shown. The address to post to is the script's own attribute. */
const OPEN = `{
const { to } = document.currentScript.dataset;
const [opening, refused, why] = ["opening", "refused", "why"].map((id) => document.getElementById(id));
const isOpening = (is) => { opening.hidden = !is; refused.hidden = is; };
const refuse = (text) => { isOpening(false); why.textContent = text; };
const token = decodeURIComponent(location.hash.slice(1));
if (token) {
  isOpening(true);
  history.replaceState(null, "", location.pathname);
  fetch(to, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) })
    .then(async (answer) => (answer.ok ? location.reload() : refuse((await answer.json()).message)))
    .catch(() => refuse("The portal cannot be reached. Check your connection and open the link again."));
}
}`;

/**
 * Exchanges the token in the address for a cookie, by a POST to `to`, and takes it out of the address. Somebody waits here
 * before they see anything: the page does it with a script of its own and without the framework's.
 */
export async function OpenLink({ to, what }: { to: string; what: string }) {
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
      <script nonce={(await headers()).get(NONCE) ?? undefined} data-to={to}>
        {OPEN}
      </script>
    </>
  );
}
