import { Still } from "@/components/ui/still";
import { Notice } from "@/components/ui/ui";

/**
 * Exchanges the token in the address for a cookie, by a POST to `to`, and takes it out of the address: server/page-script.ts
 * does it. Somebody waits here
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
