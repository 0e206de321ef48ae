//! A choice of few, side by side: radio buttons that look like one bar.

interface Option<T extends string> {
  readonly value: T;
  readonly label: string;
}

/** Chooses one of `options`. `name` must be unique on the page. */
export function Segmented<T extends string>(properties: {
  name: string;
  label: string;
  options: readonly Option<T>[];
  value: T;
  onChange: (value: T) => void;
}) {
  const { name, label, options, value, onChange } = properties;
  return (
    <fieldset class="segmented">
      <legend class="sr-only">{label}</legend>
      {options.map((option) => (
        <label key={option.value}>
          <input
            type="radio"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
