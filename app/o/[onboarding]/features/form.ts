import type { Choices } from "@/lib/catalogue/schema";

/** What the checklist's form says, unchecked: its page reads it in the browser, its action checks it. */
export function choicesIn(form: FormData) {
  const entries = [...form].map(([name, value]) => [name, String(value).replaceAll("\0", "").trim()] as const);
  const named = (prefix: string) =>
    Object.fromEntries(entries.flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])));
  const fields = Object.fromEntries(entries);
  const optional = ["credential", "certificate", "consent"].flatMap((name) => (fields[name] ? [[name, fields[name]]] : []));
  return {
    features: entries.flatMap(([name, value]) => (name === "feature" ? [value] : [])),
    variants: named("variant."),
    answers: named("answer."),
    layout: fields.layout || "single",
    variables: named("variable."),
    instances: Object.fromEntries(Object.entries(named("instances.")).map(([name, value]) => [name, Number(value)])),
    adopt: named("adopt."),
    ...Object.fromEntries(optional),
    ...(fields.months ? { months: Number(fields.months) } : {}),
  };
}

/** The choices with what was ticked and typed before the page's script came; `locked` are features whose boxes send nothing. */
export function withFields(choices: Choices, form: FormData, locked: readonly string[]): Choices {
  const { features, variants, answers, layout, variables, instances } = choicesIn(form);
  return {
    ...choices,
    features: [...new Set([...locked, ...features])],
    variants: { ...choices.variants, ...variants },
    answers: { ...choices.answers, ...answers },
    layout: layout === "per-feature" ? "per-feature" : "single",
    variables: { ...choices.variables, ...variables },
    instances: { ...choices.instances, ...instances },
  };
}
