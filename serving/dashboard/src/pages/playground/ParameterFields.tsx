// A field for each parameter of an operation.

import { useId } from "preact/hooks";
import type { Parameter, Values } from "./openapi";

interface Props {
  readonly parameters: readonly Parameter[];
  readonly values: Values;
  readonly tickers: readonly string[];
  readonly change: (name: string, value: string) => void;
}

export function ParameterFields({ parameters, values, tickers, change }: Props) {
  if (parameters.length === 0) return null;
  return (
    <div class="playground-parameters">
      {parameters.map((parameter) => (
        <Field
          key={parameter.name}
          parameter={parameter}
          value={values[parameter.name] ?? ""}
          tickers={parameter.name === "ticker" ? tickers : []}
          change={(value) => change(parameter.name, value)}
        />
      ))}
    </div>
  );
}

interface FieldProps {
  readonly parameter: Parameter;
  readonly value: string;
  readonly tickers: readonly string[];
  readonly change: (value: string) => void;
}

function Field({ parameter, value, tickers, change }: FieldProps) {
  const id = useId();
  const { name, required, description, choices } = parameter;
  return (
    <div class="field">
      <label for={id}>
        <code>{name}</code>
        {required && " (required)"}
      </label>
      {choices === null ? (
        <Text id={id} parameter={parameter} value={value} tickers={tickers} change={change} />
      ) : (
        <select id={id} value={value} aria-describedby={`${id}-what`} onChange={(e) => change(e.currentTarget.value)}>
          <option value="">{leftOut(parameter)}</option>
          {choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      )}
      <span id={`${id}-what`}>{description}</span>
    </div>
  );
}

/** Free, with the tickers that there are to choose from: what happens to others is worth a try. */
function Text({ id, parameter, value, tickers, change }: FieldProps & { readonly id: string }) {
  return (
    <>
      <input
        id={id}
        value={value}
        required={parameter.required}
        placeholder={leftOut(parameter)}
        list={tickers.length > 0 ? `${id}-list` : undefined}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        aria-describedby={`${id}-what`}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {tickers.length > 0 && (
        <datalist id={`${id}-list`}>
          {tickers.map((ticker) => (
            <option key={ticker} value={ticker} />
          ))}
        </datalist>
      )}
    </>
  );
}

function leftOut({ required, fallback }: Parameter): string {
  if (required) return "";
  return fallback === "" ? "left out" : `left out: ${fallback}`;
}
