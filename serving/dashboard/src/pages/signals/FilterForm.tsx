// The history's filters as a person sets them.

import type { ComponentChildren } from "preact";
import type { Action } from "../../api/types";
import { type Filters, NO_FILTERS, queryOf } from "./filters";
import { OUTCOME_LOOKS, OUTCOMES, type Outcome } from "./outcome";

export function FilterForm(props: {
  filters: Filters;
  /** The history's own sessions. */
  first: string | undefined;
  last: string | undefined;
  change: (changes: Partial<Filters>) => void;
  children: ComponentChildren;
}) {
  const { filters, first, last, change, children } = props;
  const confidence = filters.confidence === null ? "" : String(filters.confidence);
  return (
    <form class="signals-filters" onSubmit={(event) => event.preventDefault()} aria-label="Filters of the history">
      <Choice
        label="Signal"
        value={filters.action}
        choices={["BUY", "SELL", "HOLD"]}
        write={(action) => action}
        choose={(action: Action | null) => change({ action })}
      />
      <Choice
        label="Outcome"
        value={filters.outcome}
        choices={OUTCOMES}
        write={(outcome) => OUTCOME_LOOKS[outcome].text}
        choose={(outcome: Outcome | null) => change({ outcome })}
      />
      <DateField label="From" value={filters.from} first={first} last={last} choose={(from) => change({ from })} />
      <DateField label="To" value={filters.to} first={first} last={last} choose={(to) => change({ to })} />
      <label class="field signals-confidence">
        Confidence from, %
        <input
          type="number"
          inputMode="decimal"
          min={0}
          max={100}
          step={0.5}
          value={confidence}
          onChange={(event) => change({ confidence: chosenNumber(event.currentTarget) })}
        />
      </label>
      {queryOf(filters) !== "" && (
        <button type="button" class="button" onClick={() => change(NO_FILTERS)}>
          Clear
        </button>
      )}
      <div class="signals-filters-end">{children}</div>
    </form>
  );
}

function Choice<T extends string>(props: {
  label: string;
  value: T | null;
  choices: readonly T[];
  write: (value: T) => string;
  choose: (value: T | null) => void;
}) {
  const { label, value, choices, write, choose } = props;
  return (
    <label class="field">
      {label}
      <select
        value={value ?? ""}
        onChange={(event) => choose(choices.find((choice) => choice === event.currentTarget.value) ?? null)}
      >
        <option value="">any</option>
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {write(choice)}
          </option>
        ))}
      </select>
    </label>
  );
}

function DateField(props: {
  label: string;
  value: string | null;
  first: string | undefined;
  last: string | undefined;
  choose: (value: string | null) => void;
}) {
  const { label, value, first, last, choose } = props;
  return (
    <label class="field">
      {label}
      <input
        type="date"
        value={value ?? ""}
        min={first}
        max={last}
        onChange={(event) => choose(event.currentTarget.value || null)}
      />
    </label>
  );
}

function chosenNumber({ valueAsNumber }: HTMLInputElement): number | null {
  return Number.isNaN(valueAsNumber) ? null : valueAsNumber;
}
