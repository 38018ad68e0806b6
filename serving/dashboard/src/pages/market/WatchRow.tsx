// One ticker of the watchlist. A row out of sight shows its name and asks for nothing.

import type { ReadonlySignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { PriceBar, TickerCard } from "../../api/types";
import { prefer, preferences } from "../../app/preferences";
import { pathOf } from "../../app/router";
import { change, MISSING, percent, price } from "../../format/numbers";
import { session } from "../../format/time";
import { now } from "../../live/clock";
import { ActionBadge, Change } from "../../ui/signal";
import { useTurn } from "./calm";
import { keepFocus } from "./focus";
import { useDerived, useInForce, usePrediction, usePrices, useQuote } from "./market";
import { toggled } from "./order";
import { type Quote, shownChange, sinceWhen } from "./quote";
import { seenOf } from "./seen";
import { unreleased } from "./sessions";
import { useNear } from "./sight";
import { sparkline, wayOf } from "./sparkline";
import { When } from "./When";

// Sixty sessions, and the close that the first of them is a change of.
const BARS = 61;
const WIDTH = 84;
const HEIGHT = 26;

export function WatchRow({ card, chosen, pinned }: { card: TickerCard; chosen: boolean; pinned: boolean }) {
  const { ticker } = card;
  const row = useRef<HTMLLIElement>(null);
  const near = useNear(row);
  return (
    <li ref={row} class="market-row">
      <button
        type="button"
        class="market-pin"
        aria-pressed={pinned}
        aria-label={`Keep ${ticker} on top`}
        title={pinned ? "On top; Alt and an arrow key move it" : "Keep on top"}
        onClick={(event) => {
          prefer({ pinned: toggled(preferences.peek().pinned, ticker) });
          keepFocus(event.currentTarget);
        }}
      >
        {pinned ? "★" : "☆"}
      </button>
      <a href={pathOf("market", ticker)} aria-current={chosen ? "true" : undefined}>
        <span class="market-ticker">{ticker}</span>
        {near && <Content card={card} />}
      </a>
    </li>
  );
}

function Content({ card }: { card: TickerCard }) {
  const { answer } = usePrices(card.ticker, BARS, true, useTurn());
  const bars = answer?.data.bars ?? null;
  const quote = useQuote(card, bars);
  const last = useDerived(() => price(quote.value.price), [quote]);
  return (
    <>
      <Spark bars={bars} card={card} />
      <span class="market-last num">{last}</span>
      <Moved quote={quote} />
      <When class="market-when" quote={quote} card={card} />
      <InForce ticker={card.ticker} />
      <Up ticker={card.ticker} />
    </>
  );
}

interface OfQuote {
  readonly quote: ReadonlySignal<Quote>;
}

function Moved({ quote }: OfQuote) {
  const moved = useDerived(() => shownChange(quote.value), [quote]).value;
  const since = useDerived(() => sinceWhen(quote.value), [quote]).value;
  return (
    <span class="market-change" title={since}>
      <Change value={moved} text={change(moved)} />
      {quote.peek().skips && <span class="visually-hidden"> {since}</span>}
    </span>
  );
}

/** Its last point moves once a second at most. */
function Spark({ card, bars }: { card: TickerCard; bars: readonly PriceBar[] | null }) {
  const values = useDerived(() => {
    void now.value;
    const live = unreleased(seenOf(card.ticker).peek(), card.last_session);
    return bars === null ? [] : [...bars, ...live].slice(-BARS).map((bar) => bar.close);
  }, [card, bars]);
  const path = useDerived(() => sparkline(values.value, WIDTH, HEIGHT), [values]);
  const way = useDerived(() => `market-spark change-${wayOf(values.value)}`, [values]);
  return (
    <svg class={way} viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} aria-hidden="true">
      <title>The last sessions</title>
      <path d={path} />
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
  const made = usePrediction(ticker);
  const chance = useDerived(() => percent(made.value?.message.p_up), [made]);
  const target = useDerived(() => made.value?.message.target_session, [made]).value;
  return (
    <span class="market-up num" title={target ? `probability of a gain by the close of ${session(target)}` : ""}>
      <span class="market-label">P(up)</span> {chance}
    </span>
  );
}
