// What is held, ticker by ticker, and where the target is the viewer's own, the weights that they are to have.

import { useState } from "preact/hooks";
import { price as writePrice } from "../../format/numbers";
import { session } from "../../format/time";
import { Age } from "../../ui/notes";
import type { Draft, FieldError, Row } from "./draft";
import { Field } from "./Field";
import { hold, holdings } from "./holdings";
import { usePrices } from "./prices";

interface Props {
  readonly draft: Draft;
  /** The release's tickers; others may be taken out again. */
  readonly known: readonly string[];
  readonly errors: readonly FieldError[];
  readonly weigh: (ticker: string, weight: string) => void;
}

export function HoldingFields({ draft, known, errors, weigh }: Props) {
  const own = draft.target === "own";
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="What I hold">
        <table class="portfolio-holdings">
          <caption>What I hold. Empty fields: none held, and the newest price.</caption>
          <thead>
            <tr>
              <th scope="col">Ticker</th>
              <th scope="col">Shares</th>
              <th scope="col">Price</th>
              {own && <th scope="col">Target, %</th>}
            </tr>
          </thead>
          <tbody>
            {draft.rows.map((row) => (
              <tr key={row.ticker}>
                <th scope="row">
                  {row.ticker}
                  {!known.includes(row.ticker) && <Remove ticker={row.ticker} />}
                </th>
                <td>
                  <Shares row={row} errors={errors} />
                </td>
                <td>
                  <Price row={row} errors={errors} />
                </td>
                {own && (
                  <td>
                    <Field
                      name={`target.${row.ticker}`}
                      label={`Target weight of ${row.ticker}, in per cent`}
                      hideLabel
                      value={row.weight}
                      set={(weight) => weigh(row.ticker, weight)}
                      placeholder="0"
                      errors={errors}
                    />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Add taken={draft.rows.map(({ ticker }) => ticker)} />
    </>
  );
}

function Shares({ row: { ticker, shares }, errors }: { row: Row; errors: readonly FieldError[] }) {
  return (
    <Field
      name={`holdings.${ticker}`}
      label={`Shares held of ${ticker}`}
      hideLabel
      value={shares}
      set={(text) => hold({ shares: { ...holdings.value.shares, [ticker]: text } })}
      placeholder="0"
      errors={errors}
    />
  );
}

/** The newest price stands in the field until another one is typed: the server then has its own newest. */
function Price({ row: { ticker, price }, errors }: { row: Row; errors: readonly FieldError[] }) {
  const quote = usePrices()(ticker);
  const typed = price.trim() !== "";
  const source = () => {
    // One that was kept may have grown old: the newest stands beside it.
    if (typed) return quote ? `yours; newest ${writePrice(quote.price)}` : "yours";
    if (quote === null) return "not known: write one";
    return quote.heardAt === null ? `close of ${session(quote.session)}` : <Age at={quote.heardAt} label="live," />;
  };
  return (
    <Field
      name={`prices.${ticker}`}
      label={`Price of ${ticker}`}
      hideLabel
      value={price}
      set={(text) => hold({ prices: { ...holdings.value.prices, [ticker]: text } })}
      placeholder={quote ? writePrice(quote.price) : ""}
      hint={<span class="portfolio-price-source">{source()}</span>}
      errors={errors}
    />
  );
}

function Remove({ ticker }: { ticker: string }) {
  const remove = () => {
    const { [ticker]: _shares, ...shares } = holdings.value.shares;
    const { [ticker]: _price, ...prices } = holdings.value.prices;
    hold({ shares, prices });
  };
  return (
    <button type="button" class="button portfolio-remove" aria-label={`Take ${ticker} out`} onClick={remove}>
      ✕
    </button>
  );
}

function Add({ taken }: { taken: readonly string[] }) {
  const [text, write] = useState("");
  const ticker = text.trim().toUpperCase();
  const may = ticker !== "" && ticker.length <= 32 && !taken.includes(ticker);
  const add = () => {
    if (!may) return;
    hold({ shares: { ...holdings.value.shares, [ticker]: "" } });
    write("");
  };
  return (
    <div class="portfolio-add">
      <label class="field">
        Something else that I hold
        <input
          type="text"
          value={text}
          placeholder="ticker"
          autocomplete="off"
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            // It would send the form.
            event.preventDefault();
            add();
          }}
        />
      </label>
      <button type="button" class="button" disabled={!may} onClick={add}>
        Add
      </button>
    </div>
  );
}
