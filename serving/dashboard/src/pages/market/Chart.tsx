// A ticker's price and its chart, with what one can choose of it.

import { type Signal, useSignal } from "@preact/signals";
import { useId, useMemo, useState } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { Answer } from "../../api/rest";
import type { Predictions, PriceBar, Prices, TickerCard } from "../../api/types";
import { preferences } from "../../app/preferences";
import { change, price } from "../../format/numbers";
import { session } from "../../format/time";
import { Age, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { Change } from "../../ui/signal";
import { Canvas } from "./Canvas";
import { Overlays, Ranges, Scales } from "./Controls";
import type { Mark } from "./changes";
import { Legend } from "./Legend";
import { byTicker, useDerived, useIndicators, usePrices, useQuote } from "./market";
import { shownChange, sinceWhen } from "./quote";
import { type Range, rangeOf, sessionsOf } from "./ranges";
import { seenOf } from "./seen";
import { When } from "./When";
import { inWords, laterOnes } from "./words";

export interface ChartProps {
  readonly card: TickerCard;
  /** How many bars are asked for, and the way to more of them. */
  readonly limit: number;
  readonly more: () => void;
  readonly marks: readonly Mark[];
  readonly pointed: Signal<string | null>;
}

export function Chart({ card, limit, more, marks, pointed }: ChartProps) {
  const [adjusted, adjust] = useState(true);
  const [logarithmic, scale] = useState(false);
  const range = rangeOf(preferences.value.range);
  const found = usePrices(card.ticker, limit, adjusted);
  return (
    <Panel title={card.ticker} class="market-chart" aside={<Now card={card} bars={found.answer?.data.bars ?? null} />}>
      <div class="market-controls">
        <Ranges range={range} />
        <Scales adjusted={adjusted} adjust={adjust} logarithmic={logarithmic} scale={scale} />
      </div>
      <Overlays />
      {found.error && (
        <Failure what="the bars" error={found.error} retry={found.reload} stale={found.answer !== null} />
      )}
      {found.answer ? (
        <Plot answer={found.answer} {...{ card, limit, more, marks, pointed, adjusted, logarithmic, range }} />
      ) : (
        <>
          <div class="market-legend" />
          <div class="market-room">{found.loading && <Loading what="the bars" lines={10} />}</div>
          <div class="market-caption" />
        </>
      )}
    </Panel>
  );
}

function Now({ card, bars }: { card: TickerCard; bars: readonly PriceBar[] | null }) {
  const quote = useQuote(card, bars);
  const last = useDerived(() => price(quote.value.price), [quote]);
  const moved = useDerived(() => shownChange(quote.value), [quote]).value;
  const since = useDerived(() => (quote.value.change === null ? "" : sinceWhen(quote.value)), [quote]);
  return (
    <p class="market-now num">
      <b>{last}</b>
      <span>{moved !== null && <Change value={moved} text={change(moved)} />}</span>
      <When quote={quote} card={card} />
      <small>{since}</small>
    </p>
  );
}

interface PlotProps extends ChartProps {
  readonly answer: Answer<Prices>;
  readonly adjusted: boolean;
  readonly logarithmic: boolean;
  readonly range: Range;
}

function Plot({ card, answer, limit, more, marks, pointed, adjusted, logarithmic, range }: PlotProps) {
  const { ticker } = card;
  const { overlays } = preferences.value;
  const words = useId();
  const hovered = useSignal<string | null>(null);
  const asked = useResource<Predictions>("/v1/predictions").answer?.data.predictions;
  const prediction = useMemo(() => byTicker(asked).get(ticker) ?? null, [asked, ticker]);
  const drawn = useIndicators(ticker, limit, adjusted, overlays.length > 0);
  const indicators = overlays.length > 0 ? (drawn.answer?.data ?? null) : null;
  const { bars } = answer.data;
  const filled = bars.length >= Math.min(sessionsOf(range), card.bars, limit);
  const shared = { ticker, bars, prediction, indicators, overlays, marks, hovered };
  return (
    <>
      <Legend {...shared} />
      <Canvas
        {...shared}
        {...{ pointed, range, filled, logarithmic }}
        more={() => bars.length < card.bars && more()}
        label={`Price of ${ticker}, ${range === "All" ? "all there is" : range}, with its forecast`}
        describedBy={words}
      />
      <p id={words} class="visually-hidden">
        {inWords(ticker, bars, range)} The forecast, the signals and the newest price are told beside the chart.
      </p>
      {drawn.error && <Failure what="the indicators" error={drawn.error} />}
      <Caption card={card} answer={answer} />
    </>
  );
}

/** Where the bars end, what those after them are made of, and what the keys do. */
function Caption({ card, answer }: { card: TickerCard; answer: Answer<Prices> }) {
  const later = useDerived(() => laterOnes(card.last_session, seenOf(card.ticker).value), [card]);
  const published = answer.ageSeconds === null ? null : answer.receivedAt - 1_000 * answer.ageSeconds;
  return (
    <div class="market-caption muted">
      <p>
        Bars to {session(card.last_session)}, {answer.data.adjusted ? "splits and dividends taken out" : "as traded"} (
        {card.source}; <Age at={published} label="released" />
        ). {later}
      </p>
      <details>
        <summary>How to read it, and the keys</summary>
        <p>
          Dashed: the forecast's median. Shaded: its 50 % and 90 % intervals, drawn straight between the sessions that
          it is for. Hollow candles rose, filled ones fell. Markers are changes of the signal: out of sample, or as they
          were told live. Indicators end with the release.
        </p>
        <p>
          Wheel or pinch: zoom. Drag: move. Double click: back to the range. With the chart in focus: <kbd>←</kbd>{" "}
          <kbd>→</kbd> move, <kbd>+</kbd> <kbd>−</kbd> zoom, <kbd>0</kbd> back. In the watchlist: <kbd>↑</kbd>{" "}
          <kbd>↓</kbd> next ticker; with <kbd>Alt</kbd> they move one that is kept on top.
        </p>
      </details>
    </div>
  );
}
