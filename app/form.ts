/** PostgreSQL takes no text that holds the character 0. */
const withoutZero = (text: string) => text.replaceAll("\0", "");
/** The fields of a form's action. Anybody may call one with something that is no form: it has no fields. */
export const fieldsOf = (given: unknown): FormData => (given instanceof FormData ? given : new FormData());
export const text = (form: unknown, name: string): string => withoutZero(String(fieldsOf(form).get(name) ?? "")).trim();
