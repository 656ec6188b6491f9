/** What the server does once when it starts; see instrumentation.ts. */
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import * as catalogue from "./lib/catalogue/catalogue.ts";
import { config } from "./lib/config.ts";
import { CLIENT_ADDRESS, clientAddress } from "./lib/http.ts";
import * as notify from "./lib/notify/notify.ts";
import { remind, sweep } from "./lib/onboarding/upkeep.ts";
import { schedule, work } from "./lib/queue.ts";

try {
  config();
  catalogue.listProducts();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

// Before anything reads a request: Next passes on whatever a client says about its own address.
subscribe("http.server.request.start", (message) => {
  const { request } = message as { request: IncomingMessage };
  const forwarded = request.headers["x-forwarded-for"];
  request.headers[CLIENT_ADDRESS] = clientAddress(
    request.socket.remoteAddress ?? "",
    Array.isArray(forwarded) ? forwarded.join(",") : forwarded,
    config().TRUSTED_PROXIES,
  );
});

async function startErrands() {
  await work("mail", async (mail) => {
    const sent = await notify.send(mail);
    if (!sent.ok) throw new Error("The mail was not accepted; it is tried again");
  });
  await work("sweep", () => sweep(new Date()));
  await work("remind", () => remind(new Date()));
  await schedule("sweep", "* * * * *");
  await schedule("remind", "7 * * * *");
}
startErrands().catch((error: unknown) =>
  console.error("Errands (mail, expiry, reminders) do not run in this process:", error instanceof Error ? error.message : error),
);
