/** What an admin fills in: checked with a reason, and put where a manifest has `{{name}}`. Pure; the browser runs it too. */
import type { Variable } from "./schema.ts";

export type Checked = { value: string; reason?: undefined } | { reason: string };

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const MAIL = /^[^\s@"'`$<>()[\]\\,;:]+@[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.[a-z]{2,}$/i;

/** A DNS name and nothing else. What an address may carry beside it is named, since somebody pasted it from a browser. */
function checkHost(raw: string, endsWith: string | undefined): Checked {
  const value = raw.toLowerCase();
  const no = (reason: string): Checked => ({ reason });
  if (/^[a-z][a-z0-9+.-]*:/i.test(value) && !/^[^/:]+:\d/.test(value))
    return no("Only the host name, without https:// or another scheme in front.");
  if (value.includes("@")) return no("An @ would put a user name in front of the host. Only the host name.");
  if (value.includes("*")) return no("A wildcard would let any address of that domain receive sign-ins. Name the one host.");
  if (/[/\\?#]/.test(value)) return no("Only the host name, without a path behind it.");
  if (/^\[|^[0-9a-f]*:[0-9a-f:]+$/.test(value)) return no("An IP address is not enough: Microsoft wants a host name with a certificate.");
  if (/:/.test(value)) return no("Only the host name, without a port.");
  if (/^(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*$/.test(value))
    return no("An IP address is not enough: Microsoft wants a host name with a certificate.");
  if (/\s/.test(value)) return no("A host name has no spaces.");
  if (
    [...value].some((char) => char.charCodeAt(0) > 126 || char.charCodeAt(0) < 33) ||
    value.split(".").some((label) => label.startsWith("xn--"))
  )
    return no("Letters outside a–z can imitate another name. Use the host's plain ASCII name.");
  if (value.endsWith(".")) return no("Without the dot at the end.");
  const labels = value.split(".");
  if (labels.length < 2) return no("A full host name has a dot, such as yourcompany.example.com.");
  if (value.length > 253 || labels.some((label) => !LABEL.test(label)) || !/[a-z]/.test(labels.at(-1)!))
    return no("This is not a host name: letters, digits and dashes between dots.");
  if (endsWith && !value.endsWith(endsWith.toLowerCase())) return no(`It has to end in ${endsWith}.`);
  return { value };
}

function checkUrl(raw: string): Checked {
  let url: URL;
  try {
    url = new URL(raw);
  } catch {
    return { reason: "This is not an address. It starts with https://." };
  }
  if (url.protocol !== "https:") return { reason: "Microsoft accepts only https:// here." };
  if (url.username || url.password) return { reason: "Without a user name in it." };
  if (url.hash) return { reason: "Without # and what follows." };
  if (/[*\s]/.test(raw)) return { reason: "Without wildcards and spaces." };
  const host = checkHost(url.hostname, undefined);
  if ("reason" in host && host.reason) return { reason: host.reason };
  return url.href.length > 256 ? { reason: "Microsoft allows 256 characters at most." } : { value: raw };
}

/** The single addresses of a list that was typed with commas, semicolons or line breaks. */
export const addressesOf = (value: string) => [...new Set(value.split(/[\s,;]+/).filter(Boolean))];

/** The value as it is used, or why it cannot be. An empty one is fine when it is optional: then it is "". */
export function checkVariable(variable: Variable, typed: string): Checked {
  const raw = typed.trim();
  if (!raw) return variable.required ? { reason: `${variable.title} is missing.` } : { value: "" };
  switch (variable.type) {
    case "host":
      return checkHost(raw, variable.endsWith);
    case "url":
      return checkUrl(raw);
    case "account":
      return MAIL.test(raw) ? { value: raw } : { reason: "A user principal name looks like service@contoso.com." };
    case "addresses": {
      const wrong = addressesOf(raw).find((address) => !MAIL.test(address));
      return wrong ? { reason: `“${wrong}” is not an e-mail address.` } : { value: addressesOf(raw).join(", ") };
    }
    case "text":
      if (/[\r\n]/.test(raw)) return { reason: "One line only." };
      return raw.length > 200 ? { reason: "200 characters at most." } : { value: raw };
  }
}

const PLACE = /\{\{\s*([a-z][a-z0-9-]*)\s*\}\}/g;
/** The names that stand in a template. */
export const namesIn = (template: string) => [...template.matchAll(PLACE)].map(([, name]) => name!);
export type Values = Readonly<Record<string, string | readonly string[]>>;

/** Null when a value that it needs is not there. */
export function fill(template: string, values: Values, write: (value: string | readonly string[]) => string = String): string | null {
  if (namesIn(template).some((name) => !values[name]?.length)) return null;
  return template.replaceAll(PLACE, (_, name: string) => write(values[name]!));
}

/**
 * A PowerShell literal that nothing can break out of: in single quotes nothing is expanded, and PowerShell takes the
 * typographic quotes for the plain one, so all of them are doubled (about_Quoting_Rules; the language's char traits).
 */
export const powerShellLiteral = (value: string | readonly string[]): string =>
  typeof value === "string"
    ? `'${value.replaceAll(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`
    : `@(${value.map(powerShellLiteral).join(", ")})`;

/** A POSIX shell word, whatever is in it. */
export const shellLiteral = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;
