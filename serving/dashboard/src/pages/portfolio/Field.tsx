// A field of the rebalance form, with what is wrong with it beside it.

import type { ComponentChildren } from "preact";
import type { FieldError } from "./draft";

export interface FieldProps {
  /** As the server calls it. */
  readonly name: string;
  readonly label: string;
  /** Where a table's header says what it is, the label is for screen readers only. */
  readonly hideLabel?: boolean;
  readonly value: string;
  readonly set: (value: string) => void;
  readonly errors: readonly FieldError[];
  readonly placeholder?: string;
  readonly hint?: ComponentChildren;
}

export function Field({ name, label, hideLabel = false, value, set, errors, placeholder = "", hint }: FieldProps) {
  const id = `portfolio-${name}`;
  const wrong = errors.some((error) => error.field === name);
  return (
    <span class="field">
      <label for={id} class={hideLabel ? "visually-hidden" : ""}>
        {label}
      </label>
      <input
        id={id}
        type="text"
        inputMode="decimal"
        autocomplete="off"
        value={value}
        placeholder={placeholder}
        aria-invalid={wrong}
        aria-describedby={`${id}-more`}
        onInput={(event) => set(event.currentTarget.value)}
      />
      <span id={`${id}-more`}>
        <Wrong name={name} errors={errors} />
        {hint}
      </span>
    </span>
  );
}

/** What is wrong with a field, if anything. */
export function Wrong({ name, errors }: { name: string; errors: readonly FieldError[] }) {
  return (
    <>
      {errors
        .filter(({ field }) => field === name)
        .map(({ message }) => (
          <span key={message} class="field-error">
            <span aria-hidden="true">✕ </span>
            {message}
          </span>
        ))}
    </>
  );
}
