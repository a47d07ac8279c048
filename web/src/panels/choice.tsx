// One of a few: a row of buttons, moved along with the arrow keys as radio buttons are.
import { visible } from "../data/format";

interface ChoiceProps<T extends string> {
  name: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}

export function Choice<T extends string>({ name, value, options, onChange }: ChoiceProps<T>) {
  return (
    <div class="choice" role="radiogroup" aria-label={name}>
      {options.map(([option, text]) => (
        <label key={option} class={option === value ? "chosen" : ""}>
          <input type="radio" name={name} value={option} checked={option === value} onChange={() => onChange(option)} />
          <span>{text}</span>
        </label>
      ))}
    </div>
  );
}

interface SelectProps {
  label: string;
  value: string;
  options: readonly string[];
  onChange: (value: string) => void;
  shown?: (value: string) => string;
}

// A list to choose from; a value that isn't in it is kept and shown.
export function Select({ label, value, options, onChange, shown }: SelectProps) {
  const all = options.includes(value) || value === "" ? options : [value, ...options];
  return (
    <span class="select">
      <select aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {value === "" && <option value="">Choose…</option>}
        {all.map((option) => (
          <option key={option} value={option}>
            {(shown ?? plainField)(option)}
          </option>
        ))}
      </select>
    </span>
  );
}

export const plainField = (field: string) => visible(field.replace(/^properties\./, ""));
