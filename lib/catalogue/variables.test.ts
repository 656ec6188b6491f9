import { expect, test } from "vitest";
import type { Variable } from "./schema";
import { checkVariable, fill, powerShellLiteral, shellLiteral } from "./variables";

const host: Variable = { id: "tenant-host", title: "Host", type: "host", required: true };
const reason = (variable: Variable, value: string) => {
  const checked = checkVariable(variable, value);
  return "reason" in checked ? checked.reason : undefined;
};

test.each(["yourcompany.brightpattern.com", "  YourCompany.BrightPattern.com ", "a-b.c1.example.co.uk"])(
  "“%s” is taken as a host name, in small letters",
  (value) => {
    expect(checkVariable(host, value)).toEqual({ value: value.trim().toLowerCase() });
  },
);

test.each([
  ["https://yourcompany.brightpattern.com", /without https/],
  ["javascript:alert(1)", /scheme/],
  ["yourcompany.brightpattern.com/agentdesktop", /path/],
  ["yourcompany.brightpattern.com?x=1", /path/],
  ["yourcompany.brightpattern.com#x", /path/],
  ["yourcompany.brightpattern.com\\evil", /path/],
  ["yourcompany.brightpattern.com:8443", /port/],
  ["admin@yourcompany.brightpattern.com", /user name/],
  ["*.brightpattern.com", /wildcard/],
  ["10.0.0.1", /IP address/],
  ["2130706433", /IP address/],
  ["0x7f.0.0.1", /IP address/],
  ["[::1]", /IP address/],
  ["::1", /IP address/],
  ["xn--80ak6aa92e.com", /imitate/],
  ["brіghtpattern.com", /imitate/],
  ["evil。com", /imitate/],
  ["a b.com", /spaces/],
  ["localhost", /dot/],
  ["yourcompany.brightpattern.com.", /dot at the end/],
  ["-a.example.com", /not a host name/],
  ["a..example.com", /not a host name/],
  ["example.123", /not a host name/],
  [`${"a".repeat(64)}.com`, /not a host name/],
  ["", /missing/],
])("“%s” is refused with the reason", (value, words) => {
  expect(reason(host, value)).toMatch(words);
});

test("a host can be asked to end in the vendor's domain", () => {
  const own: Variable = { ...host, endsWith: ".brightpattern.com" };
  expect(reason(own, "acme.brightpattern.com")).toBeUndefined();
  expect(reason(own, "acme.brightpattern.com.evil.example")).toMatch(/end in/);
});

test.each([
  ["https://app.example.com/callback", undefined],
  ["http://app.example.com", /https/],
  ["https://user:pass@app.example.com", /user name/],
  ["https://app.example.com/#x", /#/],
  ["https://*.example.com", /wildcard/i],
  ["https://127.0.0.1/x", /IP/],
  ["no address", /not an address/],
])("the address “%s”", (value, words) => {
  const found = reason({ id: "u", title: "URL", type: "url", required: false }, value);
  if (words) expect(found).toMatch(words);
  else expect(found).toBeUndefined();
});

test("a list of addresses is taken however it was typed, and names the one that is none", () => {
  const list: Variable = { id: "m", title: "Mailboxes", type: "addresses", required: false };
  expect(checkVariable(list, "a@x.com; b@x.com\nc@x.com, a@x.com")).toEqual({ value: "a@x.com, b@x.com, c@x.com" });
  expect(reason(list, "a@x.com, b'@x.com")).toContain("b'@x.com");
});

test("nothing breaks out of a PowerShell literal: quotes of every kind, $, backticks, line breaks", () => {
  expect(powerShellLiteral("it's")).toBe("'it''s'");
  expect(powerShellLiteral("a’;Remove-Item")).toBe("'a’’;Remove-Item'");
  expect(powerShellLiteral("‘‚‛")).toBe("'‘‘‚‚‛‛'");
  expect(powerShellLiteral('$(Get-Date) `n "x"\n')).toBe("'$(Get-Date) `n \"x\"\n'");
  expect(powerShellLiteral(["a", "b'"])).toBe("@('a', 'b''')");
});

test("nothing breaks out of a shell word", () => {
  expect(shellLiteral("a'b$(id)`id`\n")).toBe("'a'\\''b$(id)`id`\n'");
});

test("a template with a value that is not there is left out, not half filled", () => {
  expect(fill("https://{{host}}/x", { host: "a.example" })).toBe("https://a.example/x");
  expect(fill("https://{{host}}/x", {})).toBeNull();
  expect(fill("$& {{host}}", { host: "$1 $&" }), "a value is not a pattern").toBe("$& $1 $&");
});
