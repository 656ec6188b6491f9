/**
 * A part of every page's script (app/layout.tsx). When the router cannot read a page, because the portal is being started anew
 * or the line is cut, it leaves for the address itself and so ends in the browser's own error page. Such a read is asked again
 * instead, for a minute; the page that is shown stays. What it answers is read whole first: a line can be cut in the middle.
 */
export const PATIENT_READS = `{
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
