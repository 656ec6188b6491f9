import { type Document, isCollection, isPair, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { z } from "zod";
import { didYouMean, lint } from "./lint.ts";
import { Manifest } from "./schema.ts";

/** A manifest that cannot be used; the message names file, line, column and, where there is one, the nearest valid name. */
export class ManifestError extends Error {
  override name = "ManifestError";
}

type JsonSchema = { properties?: Record<string, JsonSchema>; items?: JsonSchema };
/** The manifest's JSON Schema, for editors and for "did you mean". */
export const jsonSchema = () => z.toJSONSchema(Manifest, { io: "input", unrepresentable: "any" });
const schema = jsonSchema() as JsonSchema;

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

export type Reading = {
  manifest: Manifest | null;
  /** In the order of the file's sections; with an error among them there is no manifest. */
  findings: { level: "error" | "warning"; at: string; message: string }[];
};

/**
 * Reads one manifest, strictly, and says everything that is wrong with it.
 * @param file only for messages: each finding's `at` is `file:line:column`
 */
export function readManifest(text: string, file: string): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const findings: Reading["findings"] = [];
  const add = (level: "error" | "warning", offset: number, message: string) => {
    const { line, col } = lines.linePos(offset);
    findings.push({ level, at: `${file}:${line}:${col}`, message });
  };
  const fault = (node: Node | undefined, message: string) => add("error", node?.range?.[0] ?? 0, message);
  const done = (manifest: Manifest | null): Reading => ({
    manifest: findings.some(({ level }) => level === "error") ? null : manifest,
    findings,
  });
  for (const { pos, message } of document.errors) add("error", pos[0], message.split("\n")[0]!);
  if (findings.length > 0) return done(null);

  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    // Aliases that multiply without end, or that point nowhere.
    add("error", 0, error instanceof Error ? error.message : String(error));
    return done(null);
  }
  const result = Manifest.safeParse(content);
  if (!result.success) {
    for (const issue of result.error.issues) {
      const where = issue.path.join(".") || "the manifest";
      if (issue.code === "unrecognized_keys")
        for (const key of issue.keys)
          fault(keyNode(document, issue.path, key), `unknown field "${key}" in ${where}${didYouMean(key, knownKeys(issue.path))}`);
      else if (issue.code === "invalid_value" && nodeIsMissing(document, issue.path))
        fault(nodeAt(document, issue.path), `${where} is missing (one of ${issue.values.join(", ")})`);
      else if (issue.code === "invalid_value") {
        const given = String(document.getIn(issue.path));
        const values = issue.values.map(String);
        fault(nodeAt(document, issue.path), `${where}: "${given}" is not one of ${values.join(", ")}${didYouMean(given, values)}`);
      } else if (issue.code === "invalid_type" && nodeIsMissing(document, issue.path))
        fault(nodeAt(document, issue.path), `${where} is missing (${issue.expected})`);
      else fault(nodeAt(document, issue.path), `${where}: ${issue.message}`);
    }
    return done(null);
  }
  for (const { level, path, message } of lint(result.data)) add(level, nodeAt(document, path)?.range?.[0] ?? 0, message);
  return done(result.data);
}

const nodeIsMissing = (document: Document, path: readonly PropertyKey[]) =>
  path.length > 0 && document.getIn([...path], true) === undefined;

/** @throws ManifestError with a line for each fault */
export function parseManifest(text: string, file: string): Manifest {
  const { manifest, findings } = readManifest(text, file);
  if (manifest) return manifest;
  throw new ManifestError(findings.flatMap(({ level, at, message }) => (level === "error" ? [`${at}: ${message}`] : [])).join("\n"));
}
