"use client";

import { useEffect, useState } from "react";
import { Notice } from "@/components/ui/ui";

/** Exchanges the token in the address for a cookie, by a POST to `to`, and takes it out of the address. */
export function OpenLink({ to, what }: { to: string; what: string }) {
  const [refusal, setRefusal] = useState<string | null>(null);
  useEffect(() => {
    const token = decodeURIComponent(location.hash.slice(1));
    if (!token)
      return setRefusal(
        "The address is not complete: the part after # is missing. Open the link as it stands in the mail, or copy all of it.",
      );
    history.replaceState(null, "", location.pathname);
    fetch(to, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) })
      .then(async (answer) => (answer.ok ? location.reload() : setRefusal(((await answer.json()) as { message: string }).message)))
      .catch(() => setRefusal("The portal cannot be reached. Check your connection and open the link again."));
  }, [to]);
  if (refusal)
    return (
      <Notice live tone="fail" title={`This ${what} cannot be opened`}>
        {refusal}
      </Notice>
    );
  return (
    <>
      <Notice live tone="info" title={`Opening your ${what}`} />
      <noscript>
        <p className="mt-4">This page needs JavaScript to read the link, which never reaches our logs.</p>
      </noscript>
    </>
  );
}
