// How the chart looks: options, colours, and which changes of what is drawn can be seen at all.

import { type CandlestickData, CrosshairMode, LineStyle } from "lightweight-charts";
import type { PriceBar } from "../../api/types";
import { price } from "../../format/numbers";
import type { Palette } from "../../ui/palette";
import type { FanPoint } from "./fan";
import type { LiveBar } from "./sessions";

export const STYLES = { solid: LineStyle.Solid, dashed: LineStyle.Dashed, dotted: LineStyle.Dotted } as const;
export const PANE_SHARE = 0.28;
export const PRICES = { type: "custom", formatter: price, minMove: 0.01 } as const;
export const PLAIN = { type: "price", precision: 0, minMove: 1 } as const;
export const LINE = {
  lineWidth: 2,
  lastValueVisible: false,
  priceLineVisible: false,
  crosshairMarkerVisible: false,
} as const;
export const OPTIONS = {
  autoSize: true,
  // The logo comes with a style element, which the policy of our pages refuses; the footer names its maker.
  layout: { attributionLogo: false },
  rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.12, bottom: 0.2 } },
  timeScale: {
    borderVisible: false,
    // All of a long history on a narrow phone.
    minBarSpacing: 0.02,
    allowShiftVisibleRangeOnWhitespaceReplacement: true,
  },
  // A finger that goes up or down scrolls the page.
  handleScroll: { vertTouchDrag: false },
} as const;

export function chartColours({ line, muted, surface }: Palette) {
  const lines = { color: line };
  const cross = { color: muted, labelBackgroundColor: muted };
  return {
    layout: { background: { color: surface }, textColor: muted, panes: { separatorColor: line } },
    grid: { vertLines: lines, horzLines: lines },
    crosshair: { mode: CrosshairMode.Magnet, vertLine: cross, horzLine: cross },
  };
}

/** Hollow ones rose, filled ones fell: the colour only repeats it. */
export function candleColours({ surface, up, down }: Palette) {
  return {
    upColor: surface,
    downColor: down,
    borderUpColor: up,
    borderDownColor: down,
    wickUpColor: up,
    wickDownColor: down,
  };
}

// Less than these shares is no pixel: of a price on a scale that has room for the fan, of a volume among others.
const LEAST_PRICE = 5e-5;
const LEAST_VOLUME = 0.01;
const BOUNDS = ["median", "lower50", "upper50", "lower90", "upper90"] as const;
const PRICED = ["open", "high", "low", "close"] as const;

export function isSeenAs(point: FanPoint, other: FanPoint | undefined): boolean {
  if (other?.session !== point.session) return false;
  return BOUNDS.every((bound) => Math.abs(point[bound] - other[bound]) <= LEAST_PRICE * point.median);
}

/** Its close is also written: not a cent of it may be left out. */
export function isSeenAsBar(bar: LiveBar, other: LiveBar): boolean {
  if (bar.provisional !== other.provisional || price(bar.close) !== price(other.close)) return false;
  if (PRICED.some((part) => Math.abs(bar[part] - other[part]) > LEAST_PRICE * bar.close)) return false;
  return Math.abs(bar.volume - other.volume) <= LEAST_VOLUME * other.volume;
}

export function candleOf({ session, open, high, low, close }: PriceBar): CandlestickData {
  return { time: session, open, high, low, close };
}
