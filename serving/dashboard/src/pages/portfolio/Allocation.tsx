// What is held now beside what the chosen strategy is to hold, ticker by ticker, and who carries the risk of it.

import { useState } from "preact/hooks";
import type { StrategyWeights, Weights } from "../../api/types";
import { change, decimal, percent, signed } from "../../format/numbers";
import { portfolio } from "../../live/store";
import { Age } from "../../ui/notes";
import { type Book, bookOf, comparisons, distance } from "./books";
import type { Target } from "./draft";
import { holdings } from "./holdings";
import { nameOf } from "./names";
import { usePrices } from "./prices";
import { allocationOf } from "./Strategies";

interface Props {
  readonly weights: Weights;
  readonly asked: string | null;
  readonly aim: (target: Target) => void;
}

type Now = "released" | "held";

export function Allocation({ weights, asked, aim }: Props) {
  const [wanted, want] = useState<Now>("released");
  const priceOf = usePrices();
  const target = allocationOf(weights, asked);
  const held = bookOf(holdings.value, (ticker) => priceOf(ticker)?.price ?? null);
  if (target === undefined) return null;
  const now = wanted === "held" && held ? "held" : "released";
  const book = now === "held" && held ? held : releasedBook(weights);
  return (
    <>
      <div class="portfolio-choices">
        <fieldset class="portfolio-switch">
          <legend>Current</legend>
          <Choice now="released" chosen={now} choose={want} text="The released book" />
          <Choice now="held" chosen={now} choose={want} text="What I hold" disabled={held === null} />
        </fieldset>
        {held === null && (
          <p class="muted">
            To compare your own, <a href="#rebalance">write what you hold</a> below.
          </p>
        )}
      </div>
      <Source now={now} weights={weights} />
      <Bars target={target} book={book} />
      <p>
        Target: <b>{nameOf(target.strategy)}</b>, {decimal(target.effective_number, 1)} positions in effect of{" "}
        {Object.keys(target.weights).length}. To get there, {percent(distance(book, target))} of the book changes
        places.{" "}
        <button type="button" class="button" onClick={() => aim(target.strategy)}>
          Rebalance to it
        </button>
      </p>
    </>
  );
}

function Choice(props: { now: Now; chosen: Now; choose: (now: Now) => void; text: string; disabled?: boolean }) {
  return (
    <label>
      <input
        type="radio"
        name="portfolio-now"
        checked={props.now === props.chosen}
        disabled={props.disabled ?? false}
        onChange={() => props.choose(props.now)}
      />
      {props.text}
    </label>
  );
}

/** The champion's book as prices have moved it; as published where no price has been heard. */
function releasedBook(weights: Weights): Book {
  const told = portfolio.value?.message;
  if (told && told.release_id === weights.release_id) return { weights: told.drifted, cash: told.cash };
  const { weights: published = {}, cash = 1 } = allocationOf(weights, weights.champion) ?? {};
  return { weights: published, cash };
}

function Source({ now, weights }: { now: Now; weights: Weights }) {
  if (now === "held")
    return <p class="muted portfolio-source">Your shares at your prices, else live ones, else the last closes.</p>;
  const told = portfolio.value;
  if (told === null || told.message.release_id !== weights.release_id)
    return (
      <p class="muted portfolio-source">
        {nameOf(weights.champion)} as published: no live prices heard, so how far it has drifted is not known.
      </p>
    );
  const { strategy, simple_return: earned, provisional } = told.message;
  return (
    <p class="muted portfolio-source">
      {nameOf(strategy)} as live prices have moved it: <span class="num">{change(earned)}</span> since the release's
      closes, before costs{provisional && ", session under way"}. <Age at={told.at} label="heard" />
    </p>
  );
}

function Bars({ target, book }: { target: StrategyWeights; book: Book }) {
  const rows = comparisons(target, Object.keys(book.weights));
  const greatest = Math.max(
    ...rows.flatMap((row) => [row.target, row.risk, book.weights[row.ticker] ?? 0]),
    target.cash,
    book.cash,
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reached by keys
    <section class="scroll" tabIndex={0} aria-label="Current weights and target">
      <table class="portfolio-bars">
        <caption>Shares of the book's value; risk is each one's share of the target's variance</caption>
        <thead>
          <tr>
            <th scope="col">Ticker</th>
            <th scope="col" class="num">
              <Key of="now" /> Current
            </th>
            <th scope="col" class="num">
              <Key of="target" /> Target
            </th>
            <th scope="col" class="num" title="Target less current, in percentage points">
              <span aria-hidden="true">Δ pp</span>
              <span class="visually-hidden">Difference in percentage points</span>
            </th>
            <th scope="col" class="num">
              <Key of="risk" /> Risk
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ ticker, target: meant, risk }) => (
            <Row key={ticker} name={ticker} now={book.weights[ticker] ?? 0} meant={meant} risk={risk} of={greatest} />
          ))}
          <Row name="Cash" now={book.cash} meant={target.cash} risk={null} of={greatest} />
        </tbody>
      </table>
    </section>
  );
}

function Row(props: { name: string; now: number; meant: number; risk: number | null; of: number }) {
  const { name, now, meant, risk, of } = props;
  return (
    <tr>
      <th scope="row">
        {name}
        <span class="portfolio-bar-group" aria-hidden="true">
          <Bar kind="now" share={now / of} />
          <Bar kind="target" share={meant / of} />
          <Bar kind="risk" share={(risk ?? 0) / of} />
        </span>
      </th>
      <td class="num">{percent(now)}</td>
      <td class="num">{percent(meant)}</td>
      <td class="num">{signed((meant - now) * 100, 1)}</td>
      <td class="num">{percent(risk)}</td>
    </tr>
  );
}

type Kind = "now" | "target" | "risk";

function Bar({ kind, share }: { kind: Kind; share: number }) {
  return <span class={`portfolio-bar portfolio-bar-${kind}`} style={{ inlineSize: `${Math.max(0, share) * 100}%` }} />;
}

function Key({ of }: { of: Kind }) {
  return <span class={`portfolio-key portfolio-bar-${of}`} aria-hidden="true" />;
}
