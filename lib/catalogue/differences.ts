import type { Manifest, Permission } from "./schema.ts";

/** Everything that a customer could notice about a manifest, one statement each. */
function statements(manifest: Manifest): Map<string, string> {
  const all = new Map<string, string>();
  const say = (key: string, text: unknown) => void all.set(key, typeof text === "string" ? text : JSON.stringify(text));
  const permissions = (where: string, list: readonly Permission[]) => {
    for (const { api, kind, value, ...rest } of list) say(`${where}: ${kind} ${api === "graph" ? "" : `${api} `}${value}`, rest);
  };
  for (const { id, permissions: own, variants = [], ...feature } of manifest.features) {
    say(`feature ${id}`, feature);
    permissions(`feature ${id}`, own);
    for (const { id: variant, permissions: list, ...about } of variants) {
      say(`variant ${id}/${variant}`, about);
      permissions(`variant ${id}/${variant}`, list);
    }
  }
  for (const { id, redirectUris, credential, ...registration } of manifest.registrations) {
    say(`registration ${id}`, registration);
    say(`credential of ${id}`, credential);
    for (const [platform, uris] of Object.entries(redirectUris))
      for (const uri of uris) say(`redirect URI of ${id}: ${uri} (${platform})`, "");
  }
  for (const section of ["questions", "variables", "prerequisites", "manualSteps"] as const)
    for (const { id, ...rest } of manifest[section])
      say(`${{ questions: "question", variables: "value", prerequisites: "prerequisite", manualSteps: "by hand" }[section]} ${id}`, rest);
  for (const field of manifest.handover.fields) say(`handed over: ${field}`, "");
  say("recipient", manifest.handover.recipient);
  return all;
}

/** What a newer edition of a manifest adds (+), takes away (−) and changes (~), in words; empty when nobody could notice. */
export function differences(before: Manifest, after: Manifest): string[] {
  const [was, is] = [statements(before), statements(after)];
  return [
    ...[...is.keys()].filter((key) => !was.has(key)).map((key) => `+ ${key}`),
    ...[...was.keys()].filter((key) => !is.has(key)).map((key) => `− ${key}`),
    ...[...is].filter(([key, text]) => was.has(key) && was.get(key) !== text).map(([key]) => `~ ${key}`),
  ];
}
