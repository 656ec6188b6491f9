export const fieldClass = "mt-1 block w-full rounded-lg border border-line-strong bg-surface px-2.5 py-1.5 text-[14px] text-ink";

/** One of a few things to filter by, or any. */
export function Choice({
  name,
  label,
  value,
  options,
}: {
  name: string;
  label: string;
  value: string | number | null;
  options: readonly (readonly [value: string | number, words: string])[];
}) {
  return (
    <label className="min-w-0 text-[13px] text-ink-2">
      {label}
      <select name={name} defaultValue={value ?? ""} className={fieldClass}>
        <option value="">Any</option>
        {options.map(([each, words]) => (
          <option key={each} value={each}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
