// One ticker of the watchlist. A row out of sight shows its name and asks for nothing.

import { useRef } from "preact/hooks";
import type { PriceBar, TickerCard } from "../../api/types";
import { pathOf } from "../../app/router";
import { change, MISSING, percent, price } from "../../format/numbers";
import { exchangeTime, session } from "../../format/time";
import { Age } from "../../ui/notes";
import { ActionBadge, Change } from "../../ui/signal";
import { useInForce, usePrediction, usePrices } from "./market";
import { quoteOf, sinceWhen } from "./quote";
import { seenOf } from "./seen";
import { useNear } from "./sight";
import { sparkline } from "./sparkline";

// Sixty sessions, and the close that the first of them is a change of.
const BARS = 61;
const WIDTH = 84;
const HEIGHT = 26;

export function WatchRow({ card, chosen }: { card: TickerCard; chosen: boolean }) {
  const row = useRef<HTMLLIElement>(null);
  const near = useNear(row);
  return (
    <li ref={row} class="market-row">
      <a href={pathOf("market", card.ticker)} aria-current={chosen ? "true" : undefined}>
        <span class="market-ticker">{card.ticker}</span>
        {near && <Content card={card} />}
      </a>
    </li>
  );
}

function Content({ card }: { card: TickerCard }) {
  const { answer } = usePrices(card.ticker, BARS, true);
  const bars = answer?.data.bars ?? null;
  return (
    <>
      <Spark bars={bars} ticker={card.ticker} card={card} />
      <Last card={card} bars={bars} />
      <InForce ticker={card.ticker} />
      <Up ticker={card.ticker} />
    </>
  );
}

interface OfCard {
  readonly card: TickerCard;
  readonly bars: readonly PriceBar[] | null;
}

function Last({ card, bars }: OfCard) {
  const quote = quoteOf(card, bars, seenOf(card.ticker).value);
  return (
    <>
      <span class="market-last num">{price(quote.price)}</span>
      <span class="market-change" title={sinceWhen(quote)}>
        <Change value={quote.change} text={change(quote.change)} />
        {quote.skips && <span class="visually-hidden"> {sinceWhen(quote)}</span>}
      </span>
      <span class="market-when" title={quote.at ? exchangeTime(quote.at, card.exchange) : "as of the release"}>
        {quote.kind === "live" ? <Age at={quote.heard} label="live" /> : `close ${session(quote.session)}`}
      </span>
    </>
  );
}

function Spark({ card, bars, ticker }: OfCard & { ticker: string }) {
  const quote = quoteOf(card, bars, seenOf(ticker).value);
  const closes = bars?.map((bar) => bar.close) ?? [];
  if (quote.kind === "live") closes.push(quote.price);
  const values = closes.slice(-BARS);
  const way = (values.at(-1) ?? 0) >= (values[0] ?? 0) ? "up" : "down";
  return (
    <svg class={`market-spark change-${way}`} viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} aria-hidden="true">
      <title>The last {values.length - 1} sessions</title>
      <path d={sparkline(values, WIDTH, HEIGHT)} />
    </svg>
  );
}

function InForce({ ticker }: { ticker: string }) {
  const signal = useInForce(ticker)?.message;
  return (
    <span class="market-signal">
      {signal ? (
        <>
          <ActionBadge action={signal.action} title={signal.reason} />{" "}
          <span class="num" title="confidence in the signal">
            {percent(signal.confidence / 100, 0)}
          </span>
        </>
      ) : (
        MISSING
      )}
    </span>
  );
}

function Up({ ticker }: { ticker: string }) {
  const made = usePrediction(ticker)?.message;
  return (
    <span
      class="market-up num"
      title={made ? `probability of a gain by the close of ${session(made.target_session)}` : ""}
    >
      <span class="market-label">P(up)</span> {percent(made?.p_up)}
    </span>
  );
}
