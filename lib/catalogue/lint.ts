/**
 * The rules of a manifest that its schema cannot say, as pure functions: a manifest in, findings with a path out. The reader
 * (`parse.ts`) turns paths into lines. Every rule that an author may have a reason to break has a field in which to say so.
 */
import { createPublicKey, type JsonWebKey, X509Certificate } from "node:crypto";
import permissionNames from "./permission-names.json" with { type: "json" };
import type { Condition, Manifest, Permission, Registration } from "./schema.ts";
import { CREDENTIAL_OF } from "./selection.ts";
import { checkVariable, namesIn } from "./variables.ts";

type Path = readonly (string | number)[];
export type Finding = { level: "error" | "warning"; path: Path; message: string };

/** Levenshtein distance, for "did you mean". */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
function nearest(word: string, words: readonly string[]): string | undefined {
  const [best] = words
    .map((candidate) => ({ candidate, far: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  return best && best.far <= Math.max(2, Math.floor(word.length / 3)) ? best.candidate : undefined;
}
/** `; did you mean "x"?`, when something is near. */
export function didYouMean(word: string, words: readonly string[]): string {
  const guess = nearest(word, words);
  return guess ? `; did you mean "${guess}"?` : "";
}

/** What Exchange can grant for chosen mailboxes (docs: exchange/permissions-exo/application-rbac). */
const SCOPED_BY_EXCHANGE =
  /^(Mail\.(Read|ReadBasic|ReadWrite|Send)|MailboxSettings\.(Read|ReadWrite)|Calendars\.(Read|ReadWrite)|Contacts\.(Read|ReadWrite))$/;
/** A leaked credential with one of these reads or changes what matters in the whole tenant, or makes itself stronger. */
const HIGH_RISK: Record<Permission["kind"], RegExp> = {
  application:
    /^(Mail\.(Read|ReadWrite|Send)|Calendars\.ReadWrite|Files\.(Read|ReadWrite)\.All|Sites\.(FullControl|Manage|ReadWrite|Read)\.All|Chat\.(Read|ReadWrite)\.All|ChannelMessage\.Read\.All|(User|Group|Directory|Device)\.ReadWrite\.All|Application\.ReadWrite\.All|AppRoleAssignment\.ReadWrite\.All|RoleManagement\.ReadWrite\..*|full_access_as_app)$/,
  delegated:
    /^(Directory\.(AccessAsUser|ReadWrite)\.All|Files\.ReadWrite\.All|Sites\.FullControl\.All|(User|Group)\.ReadWrite\.All|Application\.ReadWrite\.All|AppRoleAssignment\.ReadWrite\.All|RoleManagement\.ReadWrite\..*)$/,
};
const WHY_AT_LEAST = 20;
const OF_TENANT = ["tenant-id", "tenant-domain"];
const OF_RUN = ["application-id", "service-principal-id", "display-name", ...OF_TENANT];
const SAMPLE = { host: "host.example.com", url: "https://host.example.com/path", account: "", addresses: "", text: "" } as const;

const RANK = ["ReadBasic", "Read", "ReadWrite"];
/** Whether `wide` contains `narrow`, going by Microsoft's naming: X.Read.All is within X.ReadWrite.All. */
function covers(wide: Permission, narrow: Permission): boolean {
  if (wide.api !== narrow.api || wide.kind !== narrow.kind) return false;
  if (wide.when && JSON.stringify(wide.when) !== JSON.stringify(narrow.when)) return false;
  const parts = (value: string) => /^(.+)\.(ReadBasic|Read|ReadWrite)((?:\.\w+)?)$/.exec(value);
  const [a, b] = [parts(wide.value), parts(narrow.value)];
  return Boolean(a && b && a[1] === b[1] && a[3] === b[3] && RANK.indexOf(a[2]!) > RANK.indexOf(b[2]!));
}

/** Every finding, in the order of the file's sections. */
export function lint(manifest: Manifest): Finding[] {
  const findings: Finding[] = [];
  const error = (path: Path, message: string) => findings.push({ level: "error", path, message });
  const warning = (path: Path, message: string) => findings.push({ level: "warning", path, message });

  const questionIds = manifest.questions.map(({ id }) => id);
  const variableIds = manifest.variables.map(({ id }) => id);
  const featureIds = manifest.features.map(({ id }) => id);
  const registrationIds = manifest.registrations.map(({ id }) => id);
  const usedQuestions = new Set<string>();
  const usedVariables = new Set<string>();

  const unique = (ids: readonly string[], path: Path, what: string) =>
    ids.forEach((id, index) => {
      if (ids.indexOf(id) !== index) error([...path, index, "id"], `${what} "${id}" is there twice`);
    });
  const known = (name: string, names: readonly string[], path: Path, what: string) => {
    if (names.includes(name)) return true;
    error(path, `no ${what} "${name}"${didYouMean(name, names)}`);
    return false;
  };
  const option = (questionId: string, wanted: string, path: Path) => {
    const options = manifest.questions.find(({ id }) => id === questionId)!.options.map(({ id }) => id);
    known(wanted, options, path, "option");
  };
  const condition = (when: Condition | undefined, path: Path) => {
    if (when?.variable) {
      usedVariables.add(when.variable);
      if (known(when.variable, variableIds, [...path, "variable"], "variable")) {
        const variable = manifest.variables.find(({ id }) => id === when.variable);
        if (variable?.required)
          error(
            [...path, "variable"],
            `"${when.variable}" is required, so this condition always holds; make it optional or leave when out`,
          );
      }
    }
    if (!when?.question) return;
    usedQuestions.add(when.question);
    if (!known(when.question, questionIds, [...path, "question"], "question")) return;
    if (Array.isArray(when.is)) when.is.forEach((wanted, index) => void option(when.question!, wanted, [...path, "is", index]));
    else option(when.question, when.is!, [...path, "is"]);
  };
  const places = (template: string | undefined, further: readonly string[], path: Path) => {
    for (const name of namesIn(template ?? "")) {
      if (variableIds.includes(name)) usedVariables.add(name);
      else if (!further.includes(name)) error(path, `nothing fills in "{{${name}}}"${didYouMean(name, [...variableIds, ...further])}`);
    }
    const single = (template ?? "").replaceAll(/\{\{[^{}]*\}\}/g, "");
    if (/\{\{|\}\}/.test(single) || /\{\{(?!\s*[a-z][a-z0-9-]*\s*\}\})/.test(template ?? ""))
      error(path, "a value is named as {{name}}: lower-case letters, digits and dashes between two braces");
  };

  unique(registrationIds, ["registrations"], "registration");
  unique(featureIds, ["features"], "feature");
  unique(questionIds, ["questions"], "question");
  unique(variableIds, ["variables"], "variable");
  manifest.questions.forEach(({ options }, index) => {
    unique(
      options.map(({ id }) => id),
      ["questions", index, "options"],
      "option",
    );
  });
  manifest.variables.forEach((variable, index) => {
    const path = ["variables", index];
    if (OF_RUN.includes(variable.id) || variable.id === "user")
      error([...path, "id"], `"${variable.id}" is a name that the portal fills in itself`);
    if (variable.endsWith && variable.type !== "host") error([...path, "endsWith"], "only a host can be asked to end in something");
    const reason = variable.example === undefined ? undefined : checkVariable(variable, variable.example).reason;
    if (reason) error([...path, "example"], `the example would be refused: ${reason}`);
  });

  const lintPermissions = (permissions: readonly Permission[], path: Path, beside: readonly Permission[]) =>
    permissions.forEach((permission, index) => {
      const { api, kind, value, because, risk, when, scopedInExchange, keptBecause } = permission;
      const at = [...path, index];
      if (api === "graph" && !permissionNames[kind].includes(value)) {
        const other = kind === "application" ? "delegated" : "application";
        const hint = permissionNames[other].includes(value)
          ? `it exists only as ${other}`
          : didYouMean(value, permissionNames[kind]).slice(2) || "no such name is known";
        error([...at, "value"], `Microsoft Graph has no ${kind} permission "${value}"; ${hint}`);
      }
      condition(when, [...at, "when"]);
      if (scopedInExchange) {
        const here = [...at, "scopedInExchange"];
        usedQuestions.add(scopedInExchange.question);
        if (known(scopedInExchange.question, questionIds, [...here, "question"], "question"))
          option(scopedInExchange.question, scopedInExchange.is, [...here, "is"]);
        if (kind !== "application" || !SCOPED_BY_EXCHANGE.test(value))
          error(
            here,
            `Exchange cannot scope ${kind} "${value}": only application permissions for mail, calendars, contacts and mailbox settings`,
          );
      }
      if (HIGH_RISK[kind].test(value) && risk !== "high")
        error([...at, "risk"], `${value} (${kind}) is high risk; write risk: high, and say in because why it is needed`);
      if (risk === "high" && because.length < WHY_AT_LEAST)
        error([...at, "because"], `high risk without a why: say in a sentence what ${manifest.name} does with ${value}`);
      const wider = [...permissions, ...beside].find((other) => covers(other, permission));
      if (wider && !keptBecause)
        error([...at, "value"], `${value} is within ${wider.value}; remove it, or say in keptBecause why the product needs both`);
      const twin = permissions.findIndex((other) => other.api === api && other.kind === kind && other.value === value);
      if (twin !== index && JSON.stringify(permissions[twin]!.when) === JSON.stringify(when))
        error([...at, "value"], `${kind} ${value} is there twice`);
    });

  manifest.features.forEach((feature, index) => {
    const path = ["features", index];
    if (feature.registration) known(feature.registration, registrationIds, [...path, "registration"], "registration");
    lintPermissions(feature.permissions, [...path, "permissions"], []);
    const probes = (list: readonly { path: string }[], at: Path) =>
      list.forEach((each, number) => void places(each.path, ["user"], [...at, number, "path"]));
    probes(feature.probes, [...path, "probes"]);
    feature.variants?.forEach((variant, v) => {
      const at = [...path, "variants", v];
      lintPermissions(variant.permissions, [...at, "permissions"], feature.permissions);
      probes(variant.probes, [...at, "probes"]);
    });
    unique(feature.variants?.map(({ id }) => id) ?? [], [...path, "variants"], "variant");
  });

  manifest.registrations.forEach((registration, index) => {
    lintRegistration(manifest, registration, ["registrations", index], { error, warning, places, known, variableIds, usedVariables });
  });

  // Registrations that come from one entry get ids of their own; two of them may not be the same.
  const made = manifest.registrations.flatMap(({ id, perFeature, instances }, index) => [
    { id, index },
    ...(instances ? Array.from({ length: instances.max - 1 }, (_, n) => ({ id: `${id}-${String(n + 2).padStart(2, "0")}`, index })) : []),
    ...(perFeature ? featureIds.map((feature) => ({ id: `${id}-${feature}`, index })) : []),
  ]);
  for (const { id, index } of made)
    if (made.some((other) => other.id === id && other.index < index) && !registrationIds.slice(0, index).includes(registrationIds[index]!))
      error(["registrations", index, "id"], `the registration "${id}" would come from two entries; name one of them otherwise`);

  const steps = [...manifest.prerequisites, ...manifest.manualSteps].map(({ id }) => id);
  for (const section of ["prerequisites", "manualSteps"] as const)
    manifest[section].forEach((step, index) => {
      const path = [section, index];
      const first = section === "prerequisites" ? index : manifest.prerequisites.length + index;
      if (steps.indexOf(step.id) !== first) error([...path, "id"], `step "${step.id}" is there twice`);
      step.features?.forEach((id, f) => void known(id, featureIds, [...path, "features", f], "feature"));
      condition(step.when, [...path, "when"]);
      places(step.body, [], [...path, "body"]);
      if ("script" in step) places(step.script, OF_RUN, [...path, "script"]);
    });

  questionIds.forEach((id, index) => {
    if (!usedQuestions.has(id))
      error(["questions", index, "id"], `nothing depends on the question "${id}"; use it in a when, or remove it`);
  });
  variableIds.forEach((id, index) => {
    if (!usedVariables.has(id)) error(["variables", index, "id"], `nothing uses the variable "${id}"; name it as {{${id}}}, or remove it`);
  });
  const kinds = new Set(manifest.registrations.flatMap(({ credential }) => credential.kinds));
  manifest.handover.fields.forEach((field, index) => {
    if (manifest.handover.fields.indexOf(field) !== index) error(["handover", "fields", index], `"${field}" is there twice`);
    const kind = CREDENTIAL_OF[field];
    if (kind && !kinds.has(kind))
      error(["handover", "fields", index], `"${field}" is handed over, but no registration has a credential of kind ${kind}`);
  });
  const { machineKey } = manifest.handover;
  if (machineKey) {
    const reason = whyNotMachineKey(machineKey);
    if (reason) error(["handover", "machineKey"], reason);
  }
  if (manifest.changelog.length > 0 && manifest.changelog[0]!.version !== manifest.version)
    warning(
      ["changelog", 0, "version"],
      `the newest entry is for version ${manifest.changelog[0]!.version}, the manifest is version ${manifest.version}`,
    );
  return findings;
}

type Tools = {
  error(path: Path, message: string): void;
  warning(path: Path, message: string): void;
  places(template: string | undefined, further: readonly string[], path: Path): void;
  known(name: string, names: readonly string[], path: Path, what: string): boolean;
  variableIds: readonly string[];
  usedVariables: Set<string>;
};

function lintRegistration(manifest: Manifest, registration: Registration, path: Path, tools: Tools) {
  const { error, warning, places, known, usedVariables } = tools;
  const { credential, redirectUris, consentFor } = registration;
  const features = manifest.features.filter((feature) => (feature.registration ?? manifest.registrations[0]!.id) === registration.id);
  if (features.length === 0)
    error(
      [...path, "id"],
      `no feature uses the registration "${registration.id}"; say registration: ${registration.id} there, or remove it`,
    );

  const seen = new Set<string>();
  for (const platform of ["publicClient", "web", "spa"] as const)
    redirectUris[platform].forEach((uri, index) => {
      const at = [...path, "redirectUris", platform, index];
      places(uri, [], at);
      if (seen.has(uri)) error(at, `"${uri}" is there twice`);
      seen.add(uri);
      const reason = whyNotRedirectUri(manifest, uri, platform);
      if (reason) error(at, reason);
      if (uri === "urn:ietf:wg:oauth:2.0:oob") warning(at, "a legacy address: new products use http://localhost or their own scheme");
    });

  const permissions = features.flatMap((feature) => [
    ...feature.permissions,
    ...(feature.variants ?? []).flatMap((variant) => variant.permissions),
  ]);
  const isOnlyNone = credential.kinds.every((kind) => kind === "none");
  if (permissions.some(({ kind }) => kind === "application") && (isOnlyNone || credential.kinds[0] === "none"))
    error(
      [...path, "credential", "kinds"],
      "an application permission needs a credential: the application signs in as itself; put secret, certificate or federated first",
    );
  const hasWayIn = registration.publicClient || seen.size > 0 || registration.signIn !== undefined;
  if (permissions.some(({ kind }) => kind === "delegated") && !hasWayIn)
    error(
      [...path, "id"],
      "delegated permissions need users who sign in: add a redirect URI, set publicClient, or say in signIn how they do",
    );
  if (credential.months > credential.maxMonths)
    error(
      [...path, "credential", "months"],
      `the default lifetime (${credential.months}) is longer than the longest one (${credential.maxMonths})`,
    );
  if (credential.kinds.includes("federated") && !credential.federated)
    error([...path, "credential", "kinds"], "federated needs issuer and subject: add credential.federated");
  if (credential.federated) {
    places(credential.federated.issuer, [], [...path, "credential", "federated", "issuer"]);
    places(credential.federated.subject, [], [...path, "credential", "federated", "subject"]);
    if (!credential.federated.issuer.startsWith("https://"))
      error([...path, "credential", "federated", "issuer"], "the issuer is an https:// address");
  }
  if (credential.certificate !== undefined) {
    const reason = whyNotCertificate(credential.certificate);
    if (reason) error([...path, "credential", "certificate"], reason);
  }
  if (consentFor) {
    usedVariables.add(consentFor.account);
    const at = [...path, "consentFor", "account"];
    if (known(consentFor.account, tools.variableIds, at, "variable")) {
      const variable = manifest.variables.find(({ id }) => id === consentFor.account);
      if (variable?.type !== "account") error(at, `"${consentFor.account}" has to be a variable of type account`);
    }
  }
  if (registration.instances && (registration.perFeature || registration.onePerTenant))
    error([...path, "instances"], "a registration with instances can neither be split by feature nor be the only one of a tenant");
}

function whyNotRedirectUri(manifest: Manifest, template: string, platform: "publicClient" | "web" | "spa"): string | null {
  const typeOf = (name: string) => manifest.variables.find(({ id }) => id === name)?.type;
  const wrong = namesIn(template).find((name) => !["host", "url", undefined].includes(typeOf(name)));
  if (wrong) return `"${wrong}" is of type ${typeOf(wrong)}; in a redirect URI only host and url can stand`;
  const whole = namesIn(template).find((name) => typeOf(name) === "url");
  if (whole && template.replaceAll(/\s/g, "") !== `{{${whole}}}`) return `"${whole}" is a whole address and has to stand alone`;
  const uri = template.replaceAll(/\{\{\s*([a-z][a-z0-9-]*)\s*\}\}/g, (_, name: string) => SAMPLE[typeOf(name) ?? "host"]);
  if (uri.startsWith("urn:")) return null;
  if (/\*/.test(uri)) return "a wildcard would send sign-ins to anybody who gets hold of an address below it";
  if (/\s/.test(uri)) return "an address has no spaces";
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    return `"${template}" is not an address`;
  }
  if (url.username || url.password) return "without a user name in it";
  if (url.hash || uri.includes("#")) return "without # and what follows: Microsoft refuses it";
  if (url.protocol === "http:" && !["localhost", "127.0.0.1"].includes(url.hostname)) return "http:// is for localhost only";
  if (platform !== "publicClient" && url.protocol !== "https:" && url.protocol !== "http:") return "https:// is needed here";
  return null;
}

const RSA_BITS_AT_LEAST = 2048;
/** Why nothing can be sealed to a public key; null when it can. A key that fails only in a run would fail after the secret was issued. */
function whyNotMachineKey(key: object): string | null {
  try {
    const bits = createPublicKey({ key: key as JsonWebKey, format: "jwk" }).asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < RSA_BITS_AT_LEAST
      ? `an RSA key of ${bits} bits is too short; make one of at least ${RSA_BITS_AT_LEAST}`
      : null;
  } catch {
    return "this is not a public key that values can be sealed to; give the public JWK of an RSA, EC (P-256, P-384, P-521) or X25519 key";
  }
}

/** Why a PEM text cannot be used as the vendor's public certificate; null when it can. */
export function whyNotCertificate(pem: string): string | null {
  if (/PRIVATE KEY/.test(pem)) return "this holds a private key, which must never leave its owner; give the public certificate alone";
  try {
    const { validTo, publicKey } = new X509Certificate(pem);
    const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
    if (asymmetricKeyType !== "rsa" || (asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
      return "Microsoft signs in with RSA keys of 2048 bits or more";
    return Date.parse(validTo) <= Date.now() ? `this certificate expired on ${new Date(validTo).toISOString().slice(0, 10)}` : null;
  } catch {
    return "this is not a certificate in PEM form: it starts with -----BEGIN CERTIFICATE-----";
  }
}
