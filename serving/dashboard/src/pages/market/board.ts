// The chart itself, by lightweight-charts: what is drawn, not what of. In a chunk of its own, loaded when it is first
// needed. Positions count sessions: those of the bars, then those that the forecast reaches over.

import {
  type CandlestickData,
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  HistogramSeries,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  LineSeries,
  LineStyle,
  PriceScaleMode,
  type SeriesMarker,
  type Time,
} from "lightweight-charts";
import type { PriceBar } from "../../api/types";
import { compact } from "../../format/numbers";
import type { Palette } from "../../ui/palette";
import type { Mark } from "./changes";
import { type FanPoint, sessionsAhead } from "./fan";
import { FanDrawing } from "./fan-drawing";
import type { Drawn } from "./indicators";
import {
  candleColours,
  candleOf,
  chartColours,
  isSeenAs,
  isSeenAsBar,
  LINE,
  OPTIONS,
  PANE_SHARE,
  PLAIN,
  PRICES,
  STYLES,
} from "./look";
import type { LiveBar } from "./sessions";

export interface BoardEvents {
  /** The pointer is over a session, or over none. */
  readonly hover: (session: string | null) => void;
  /** The first bar is in sight: somebody may want those before it. */
  readonly beginning: () => void;
  /** Asked to go back to what was shown at first. */
  readonly reset: () => void;
}

// Text beside more markers than this would cover the candles.
const MOST_TEXTS = 24;
const NEAR_BEGINNING = 5;
// Bars that stay free right of what is drawn.
const MARGIN = 2;

export class Board {
  readonly #chart: IChartApi;
  readonly #candles: ISeriesApi<"Candlestick">;
  /** The newest price on the scale: the library's own label would have a hollow candle's colour, which is none. */
  readonly #last: IPriceLine;
  readonly #volume: ISeriesApi<"Histogram">;
  readonly #ahead: ISeriesApi<"Line">;
  readonly #markers: ISeriesMarkersPluginApi<Time>;
  readonly #fan = new FanDrawing();
  readonly #lines = new Map<string, ISeriesApi<"Line">>();
  #bars: readonly PriceBar[] = [];
  #live: readonly LiveBar[] = [];
  #drawn: LiveBar | null = null;
  #points: readonly FanPoint[] = [];
  #sessions: readonly string[] = [];

  constructor(
    host: HTMLElement,
    private scheme: Palette,
    events: BoardEvents,
  ) {
    const { fontFamily } = getComputedStyle(host);
    const colours = chartColours(scheme);
    this.#chart = createChart(host, {
      ...OPTIONS,
      ...colours,
      layout: { ...colours.layout, ...OPTIONS.layout, fontFamily },
    });
    this.#candles = this.#chart.addSeries(CandlestickSeries, {
      priceFormat: PRICES,
      lastValueVisible: false,
      priceLineVisible: false,
      ...candleColours(scheme),
    });
    this.#last = this.#candles.createPriceLine({
      price: 0,
      lineWidth: 1,
      lineStyle: LineStyle.Dotted,
      lineVisible: false,
      axisLabelVisible: false,
    });
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "custom", formatter: compact, minMove: 1 },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    // Of no values: it only makes room for the sessions that the forecast reaches over.
    this.#ahead = this.#chart.addSeries(LineSeries, { lastValueVisible: false, priceLineVisible: false });
    this.#markers = createSeriesMarkers(this.#candles, []);
    this.#candles.attachPrimitive(this.#fan);
    this.#fan.paint(scheme);
    this.#listen(events);
  }

  #listen(events: BoardEvents): void {
    this.#chart.subscribeCrosshairMove(({ logical }) =>
      events.hover(logical === undefined ? null : (this.#sessions[logical] ?? null)),
    );
    this.#chart.subscribeDblClick(events.reset);
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range !== null && range.from < NEAR_BEGINNING && this.#bars.length > 0) events.beginning();
    });
  }

  /** Draw in these colours from now on; the data has to be set again. */
  paint(scheme: Palette): void {
    if (scheme === this.scheme) return;
    this.scheme = scheme;
    this.#chart.applyOptions(chartColours(scheme));
    this.#candles.applyOptions(candleColours(scheme));
    this.#fan.paint(scheme);
  }

  /** The release's bars, and those of live prices after them. */
  bars(bars: readonly PriceBar[], live: readonly LiveBar[]): void {
    this.#bars = bars;
    this.#live = live;
    this.#drawn = live.at(-1) ?? null;
    this.#candles.setData([...bars.map(candleOf), ...live.map((bar) => this.#liveCandle(bar))]);
    this.#volume.setData([...bars, ...live].map((bar) => this.#volumeOf(bar)));
    this.#mark();
    this.#settle();
  }

  #mark(): void {
    const bar = this.#live.at(-1) ?? this.#bars.at(-1);
    if (bar === undefined) return;
    const color = bar.close >= bar.open ? this.scheme.up : this.scheme.down;
    this.#last.applyOptions({ price: bar.close, color, lineVisible: true, axisLabelVisible: true });
  }

  /** The live bars as they are by now: of two that differ in their newest one only that one is drawn. */
  live(live: readonly LiveBar[]): void {
    const [last, before] = [live.at(-1), this.#live.at(-1)];
    if (last === undefined || live.length !== this.#live.length || last.session !== before?.session) {
      this.bars(this.#bars, live);
      return;
    }
    this.#live = live;
    if (this.#drawn && isSeenAsBar(last, this.#drawn)) return;
    this.#drawn = last;
    this.#candles.update(this.#liveCandle(last));
    this.#volume.update(this.#volumeOf(last));
    this.#mark();
  }

  /** The forecast, its root first; none for no forecast. */
  fan(points: readonly FanPoint[]): void {
    const same = this.#points[0]?.session === points[0]?.session && this.#points.length === points.length;
    if (same && points.every((point, k) => isSeenAs(point, this.#points[k]))) return;
    this.#points = points;
    if (same) this.#place();
    else this.#settle();
  }

  /** Lines over the candles and below them, by their names. */
  lines(drawn: readonly Drawn[]): void {
    for (const [name, series] of this.#lines) {
      // One whose pane is another's by now is made anew there.
      if (drawn.some((line) => line.name === name && line.pane === series.getPane().paneIndex())) continue;
      this.#chart.removeSeries(series);
      this.#lines.delete(name);
    }
    for (const line of drawn) this.#line(line);
  }

  markers(changes: readonly Mark[]): void {
    const known = new Set(this.#sessions);
    const shown = changes.filter((change) => known.has(change.session)).toReversed();
    const texts = shown.length <= MOST_TEXTS;
    this.#markers.setMarkers(shown.map((change) => this.#marker(change, texts)));
  }

  logarithmic(wanted: boolean): void {
    const mode = wanted ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal;
    this.#chart.priceScale("right").applyOptions({ mode });
  }

  /** The newest `sessions` and what the forecast reaches over, at the scale that fits them. */
  show(sessions: number): void {
    const bars = this.#bars.length + this.#live.length;
    this.#chart.priceScale("right").applyOptions({ autoScale: true });
    this.#chart.timeScale().setVisibleLogicalRange({
      from: Math.max(0, bars - sessions) - 0.5,
      to: this.#sessions.length - 1 + MARGIN,
    });
  }

  /** Move by a share of what is in sight; below 0 to the past. */
  pan(share: number): void {
    this.#look((from, to) => [from + share * (to - from), to + share * (to - from)]);
  }

  /** Show so many times as much, the right edge held. */
  zoom(times: number): void {
    this.#look((from, to) => [to - Math.max(5, times * (to - from)), to]);
  }

  /** Point at a session as the mouse would; null at none. */
  point(session: string | null): void {
    const bar = session === null ? undefined : [...this.#bars, ...this.#live].find((each) => each.session === session);
    if (bar) this.#chart.setCrosshairPosition(bar.close, bar.session, this.#candles);
    else this.#chart.clearCrosshairPosition();
  }

  remove(): void {
    this.#chart.remove();
  }

  #look(moved: (from: number, to: number) => readonly [number, number]): void {
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    if (range === null) return;
    const [from, to] = moved(range.from, range.to);
    this.#chart.timeScale().setVisibleLogicalRange({ from, to });
  }

  /** Which sessions there are, after bars or the forecast's reach have changed. */
  #settle(): void {
    const known = [...this.#bars, ...this.#live].map((bar) => bar.session);
    const last = known.at(-1) ?? "";
    const root = this.#points[0]?.session;
    const ahead = root === undefined ? [] : [root, ...sessionsAhead(this.#points)].filter((day) => day > last);
    this.#sessions = [...known, ...ahead];
    this.#ahead.setData(ahead.map((time) => ({ time })));
    this.#place();
  }

  #place(): void {
    const at = this.#sessions.indexOf(this.#points[0]?.session ?? "");
    const boundary = this.#live.length > 0 && this.#bars.length > 0 ? this.#bars.length - 0.5 : null;
    this.#fan.set(at < 0 ? [] : this.#points.map((point) => ({ ...point, x: at + point.ahead })), boundary);
  }

  #liveCandle(bar: LiveBar): CandlestickData {
    if (!bar.provisional) return candleOf(bar);
    const colour = bar.close >= bar.open ? this.scheme.up : this.scheme.down;
    return { ...candleOf(bar), color: `${colour}55`, borderColor: colour, wickColor: colour };
  }

  #volumeOf(bar: PriceBar) {
    return {
      time: bar.session,
      value: bar.volume,
      color: `${bar.close >= bar.open ? this.scheme.up : this.scheme.down}44`,
    };
  }

  #marker({ action, session, confidence }: Mark, text: boolean): SeriesMarker<Time> {
    const colour = { BUY: this.scheme.up, SELL: this.scheme.down, HOLD: this.scheme.hold }[action];
    return {
      time: session,
      position: action === "BUY" ? "belowBar" : "aboveBar",
      shape: action === "BUY" ? "arrowUp" : action === "SELL" ? "arrowDown" : "square",
      color: colour,
      ...(text ? { text: `${action} ${confidence.toFixed(0)} %` } : {}),
    };
  }

  #line({ name, title, pane, colour, style, values, sessions }: Drawn): void {
    let series = this.#lines.get(name);
    if (series === undefined) {
      series = this.#chart.addSeries(LineSeries, LINE, pane);
      this.#lines.set(name, series);
      if (pane > 0) this.#chart.panes()[pane]?.setStretchFactor(PANE_SHARE);
    }
    series.applyOptions({
      color: this.scheme[colour],
      lineStyle: STYLES[style],
      ...(pane > 0 ? { title, lastValueVisible: true, priceFormat: PLAIN } : { priceFormat: PRICES }),
    });
    series.setData(
      sessions.map((time, k) => {
        const value = values[k];
        return typeof value === "number" ? { time, value } : { time };
      }),
    );
  }
}
