import { type Document, isCollection, isPair, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { z } from "zod";
import permissionNames from "./permission-names.json" with { type: "json" };
import { Manifest } from "./schema.ts";

/** A manifest that cannot be used; the message names file, line, column and, where there is one, the nearest valid name. */
export class ManifestError extends Error {
  override name = "ManifestError";
}

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

type JsonSchema = { properties?: Record<string, JsonSchema>; items?: JsonSchema };
const schema = z.toJSONSchema(Manifest, { io: "input", unrepresentable: "any" }) as JsonSchema;

/** The keys that the schema knows at a path of the document. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: JsonSchema | undefined = schema;
  for (const part of path) at = typeof part === "number" ? at?.items : at?.properties?.[String(part)];
  return Object.keys(at?.properties ?? {});
}

function nodeAt(document: Document, path: readonly PropertyKey[]): Node | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isScalar(node) || isCollection(node)) return node as Node;
  }
  return undefined;
}

function keyNode(document: Document, path: readonly PropertyKey[], key: string): Node | undefined {
  const map = path.length === 0 ? document.contents : document.getIn([...path], true);
  const pair = isCollection(map) ? map.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key) : undefined;
  return isPair(pair) ? (pair.key as Node) : undefined;
}

/**
 * Reads one manifest, strictly.
 * @param file only for messages
 * @throws ManifestError with a line for each fault
 */
export function parseManifest(text: string, file: string): Manifest {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const faults: string[] = [];
  const fault = (node: Node | undefined, message: string) => {
    const { line, col } = lines.linePos(node?.range?.[0] ?? 0);
    faults.push(`${file}:${line}:${col}: ${message}`);
  };
  for (const { pos, message } of document.errors) {
    const { line, col } = lines.linePos(pos[0]);
    faults.push(`${file}:${line}:${col}: ${message.split("\n")[0]}`);
  }
  if (faults.length > 0) throw new ManifestError(faults.join("\n"));

  const result = Manifest.safeParse(document.toJS());
  if (!result.success) {
    for (const issue of result.error.issues) {
      const where = issue.path.join(".") || "the manifest";
      if (issue.code === "unrecognized_keys")
        for (const key of issue.keys) {
          const guess = nearest(key, knownKeys(issue.path));
          fault(keyNode(document, issue.path, key), `unknown field "${key}" in ${where}${guess ? `; did you mean "${guess}"?` : ""}`);
        }
      else if (issue.code === "invalid_value") {
        const given = String(document.getIn(issue.path));
        const guess = nearest(given, issue.values.map(String));
        fault(
          nodeAt(document, issue.path),
          `${where}: "${given}" is not one of ${issue.values.join(", ")}${guess ? `; did you mean "${guess}"?` : ""}`,
        );
      } else fault(nodeAt(document, issue.path), `${where}: ${issue.message}`);
    }
    throw new ManifestError(faults.join("\n"));
  }
  const manifest = result.data;

  const checkPermissions = (permissions: Manifest["features"][number]["permissions"], path: (string | number)[]) =>
    permissions.forEach(({ api, kind, value, when }, index) => {
      const at = [...path, index];
      if (api === "graph" && !permissionNames[kind].includes(value)) {
        const other = kind === "application" ? "delegated" : "application";
        const guess = nearest(value, permissionNames[kind]);
        const hint = permissionNames[other].includes(value)
          ? `it exists only as ${other}`
          : guess
            ? `did you mean "${guess}"?`
            : "no such name is known";
        fault(nodeAt(document, [...at, "value"]), `Microsoft Graph has no ${kind} permission "${value}"; ${hint}`);
      }
      if (!when) return;
      const question = manifest.questions.find(({ id }) => id === when.question);
      const ids = question ? question.options.map(({ id }) => id) : manifest.questions.map(({ id }) => id);
      const [wanted, field] = question ? [when.is, "is"] : [when.question, "question"];
      if (ids.includes(wanted)) return;
      const guess = nearest(wanted, ids);
      fault(
        nodeAt(document, [...at, "when", field]),
        `no ${question ? "option" : "question"} "${wanted}"${guess ? `; did you mean "${guess}"?` : ""}`,
      );
    });
  const unique = (ids: string[], path: (string | number)[], what: string) =>
    ids.forEach((id, index) => {
      if (ids.indexOf(id) !== index) fault(nodeAt(document, [...path, index, "id"]), `${what} "${id}" is there twice`);
    });

  manifest.features.forEach((feature, index) => {
    checkPermissions(feature.permissions, ["features", index, "permissions"]);
    feature.variants?.forEach((variant, v) => {
      checkPermissions(variant.permissions, ["features", index, "variants", v, "permissions"]);
    });
    unique(feature.variants?.map(({ id }) => id) ?? [], ["features", index, "variants"], "variant");
  });
  unique(
    manifest.features.map(({ id }) => id),
    ["features"],
    "feature",
  );
  unique(
    manifest.questions.map(({ id }) => id),
    ["questions"],
    "question",
  );
  unique(
    manifest.manualSteps.map(({ id }) => id),
    ["manualSteps"],
    "manual step",
  );
  const featureIds = manifest.features.map(({ id }) => id);
  manifest.manualSteps.forEach((step, index) => {
    step.features?.forEach((id, f) => {
      if (featureIds.includes(id)) return;
      const guess = nearest(id, featureIds);
      fault(nodeAt(document, ["manualSteps", index, "features", f]), `no feature "${id}"${guess ? `; did you mean "${guess}"?` : ""}`);
    });
  });
  if (faults.length > 0) throw new ManifestError(faults.join("\n"));
  return manifest;
}
