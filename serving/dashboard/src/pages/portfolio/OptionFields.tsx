// How orders are made: what few people change, folded away until it is asked for, or wrong.

import { useEffect, useState } from "preact/hooks";
import type { FieldError, Options } from "./draft";
import { Field } from "./Field";

interface Described {
  readonly label: string;
  /** What it is where the field is empty. */
  readonly otherwise: string;
  readonly hint: string;
}

const DESCRIBED: Readonly<Record<keyof Options, Described>> = {
  lots: { label: "Shares a lot", otherwise: "1", hint: "Orders are whole lots." },
  cost_bp: { label: "Costs, bp", otherwise: "1", hint: "Of what is traded." },
  slippage_bp: { label: "Slippage, bp", otherwise: "2", hint: "Of what is traded." },
  band: { label: "Band, %", otherwise: "0", hint: "Nothing is ordered while every weight is this near to its target." },
  upper: { label: "No weight above, %", otherwise: "100", hint: "Sold down to it where it is more." },
  turnover: { label: "Turnover at most, %", otherwise: "no limit", hint: "Of the book, bought and sold together." },
  minimum_order: { label: "Least order", otherwise: "0", hint: "In money: smaller ones are not made." },
};

export function OptionFields(props: {
  options: Options;
  set: (options: Options) => void;
  errors: readonly FieldError[];
}) {
  const { options, set, errors } = props;
  const [open, unfold] = useState(false);
  const wrong = errors.some(({ field }) => field in DESCRIBED);
  useEffect(() => {
    if (wrong) unfold(true);
  }, [wrong]);
  return (
    <details open={open || wrong} onToggle={(event) => unfold(event.currentTarget.open)}>
      <summary>Costs, lots and limits</summary>
      <div class="portfolio-options">
        {(Object.keys(DESCRIBED) as (keyof Options)[]).map((name) => (
          <Field
            key={name}
            name={name}
            label={DESCRIBED[name].label}
            value={options[name]}
            set={(text) => set({ ...options, [name]: text })}
            placeholder={DESCRIBED[name].otherwise}
            hint={DESCRIBED[name].hint}
            errors={errors}
          />
        ))}
      </div>
    </details>
  );
}
