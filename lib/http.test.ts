import { expect, test } from "vitest";
import { clientAddress, networkOf, visitorOf } from "./http";

test.each([
  ["203.0.113.77", "203.0.113.0/24"],
  ["::ffff:203.0.113.77", "203.0.113.0/24"],
  ["2001:db8:abcd:12:34:56:78:9a", "2001:db8:abcd::/48"],
  ["2001:0db8:00cd::1", "2001:db8:cd::/48"],
  ["::1", "0:0:0::/48"],
  ["fe80::1%eth0", "fe80:0:0::/48"],
  ["nonsense", "unknown"],
  ["", "unknown"],
])("of the address %s a receipt keeps %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test("who a request comes from is the peer, and behind proxies of one's own what the outermost of them wrote", () => {
  const forged = "198.51.100.1, 203.0.113.9";
  expect(clientAddress("10.0.0.2", forged, 0), "nobody else is believed").toBe("10.0.0.2");
  expect(clientAddress("10.0.0.2", forged, 1)).toBe("203.0.113.9");
  expect(clientAddress("10.0.0.2", `${forged}, 10.0.0.1`, 2)).toBe("203.0.113.9");
  expect(clientAddress("10.0.0.2", undefined, 1), "a proxy that wrote nothing").toBe("10.0.0.2");
});

test.each([
  ["Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge"],
  ["Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/140.0", "Firefox"],
  ["Mozilla/5.0 (Macintosh) AppleWebKit/605 Version/18.0 Safari/605", "Safari"],
  ["Slackbot-LinkExpanding 1.0", "a program"],
  ["", "another program"],
])("of the browser only its family is kept: %s", (agent, browser) => {
  const headers = new Headers({ "user-agent": agent, "x-vestibule-client-address": "203.0.113.77" });
  expect(visitorOf({ headers })).toEqual({ address: "203.0.113.77", network: "203.0.113.0/24", browser });
});
