// Which tickers move together: the correlations of their daily returns as a map, in words and number by number.

import { useMemo, useState } from "preact/hooks";
import type { Correlation as CorrelationAnswer } from "../../api/types";
import { signed } from "../../format/numbers";
import { session } from "../../format/time";
import { HeatCanvas } from "./HeatCanvas";
import { extremes, type Matrix, matrixOf, type Order, type Pair, pairsOf, strength } from "./heat";

// More than that, and cells are too small to have numbers in.
const MOST_IN_CELLS = 20;
const PAIRS = 5;
// Beyond that, text on the colour would be hard to read.
const FULL = 55;

export function Correlation({ correlation }: { correlation: CorrelationAnswer }) {
  const [order, choose] = useState<Order>("clusters");
  const matrix = useMemo(() => matrixOf(correlation, order), [correlation, order]);
  const few = matrix.tickers.length <= MOST_IN_CELLS;
  return (
    <>
      <fieldset class="portfolio-switch">
        <legend>Order</legend>
        <OrderChoice order="clusters" chosen={order} choose={choose} text="By cluster" />
        <OrderChoice order="release" chosen={order} choose={choose} text="As released" />
      </fieldset>
      {few ? <Cells matrix={matrix} /> : <HeatCanvas matrix={matrix} />}
      <Scale full={few ? FULL : 100} />
      <p class="muted">
        Daily returns up to {session(correlation.data_through)}, shrunk (Ledoit and Wolf).
        {matrix.gaps.size > 0 && " Gaps part neighbours that move together less than two tickers do on average."}
      </p>
      <Extremes pairs={pairsOf(matrix)} />
      {!few && <OfOne matrix={matrix} />}
    </>
  );
}

function OrderChoice(props: { order: Order; chosen: Order; choose: (order: Order) => void; text: string }) {
  return (
    <label>
      <input
        type="radio"
        name="portfolio-order"
        checked={props.order === props.chosen}
        onChange={() => props.choose(props.order)}
      />
      {props.text}
    </label>
  );
}

function Cells({ matrix: { tickers, rows, gaps } }: { matrix: Matrix }) {
  const gap = (k: number) => (gaps.has(k) ? "portfolio-gap" : "");
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reached by keys
    <section class="scroll" tabIndex={0} aria-label="Correlations">
      <table class="portfolio-heat">
        <caption class="visually-hidden">Correlations of daily returns</caption>
        <thead>
          <tr>
            <td />
            {tickers.map((ticker, k) => (
              <th key={ticker} scope="col" class={gap(k)}>
                {ticker}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={tickers[at]} class={gap(at)}>
              <th scope="row">{tickers[at]}</th>
              {row.map((value, k) => (
                <td key={tickers[k]} class={`num ${gap(k)}`} style={k === at ? {} : { background: shade(value) }}>
                  {k === at ? "1" : signed(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function shade(value: number): string {
  return `color-mix(in srgb, var(${value < 0 ? "--down" : "--up"}) ${strength(value, FULL)}%, var(--surface))`;
}

function Scale({ full }: { full: number }) {
  const end = (colour: string) => `color-mix(in srgb, var(${colour}) ${full}%, var(--surface))`;
  return (
    <div class="portfolio-scale" aria-hidden="true">
      <span>−1</span>
      <span
        class="portfolio-scale-bar"
        style={{ background: `linear-gradient(to right, ${end("--down")}, var(--surface), ${end("--up")})` }}
      />
      <span>+1</span>
    </div>
  );
}

function Extremes({ pairs }: { pairs: readonly Pair[] }) {
  const { together, apart } = extremes(pairs, PAIRS);
  if (together.length === 0) return null;
  const written = (all: readonly Pair[]) =>
    all.map(({ one, other, value }) => `${one} and ${other} (${signed(value)})`).join(", ");
  return (
    <p>
      Most together: {written(together)}. Least: {written(apart)}.
    </p>
  );
}

/** The numbers that a map of many tickers has no room for. */
function OfOne({ matrix: { tickers, rows } }: { matrix: Matrix }) {
  const [chosen, choose] = useState(tickers[0] ?? "");
  const row = rows[tickers.indexOf(chosen)] ?? [];
  const sorted = tickers
    .map((ticker, k) => ({ ticker, value: row[k] ?? Number.NaN }))
    .filter(({ ticker }) => ticker !== chosen)
    .sort((one, other) => other.value - one.value);
  return (
    <>
      <label class="field portfolio-narrow">
        Number by number, of
        <select value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
          {tickers.toSorted().map((ticker) => (
            <option key={ticker}>{ticker}</option>
          ))}
        </select>
      </label>
      <ul class="portfolio-of-one" aria-label={`Correlations of ${chosen}, the greatest first`}>
        {sorted.map(({ ticker, value }) => (
          <li key={ticker}>
            {ticker} <span class="num">{signed(value)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
