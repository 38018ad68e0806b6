// The chart in words, for those who do not see it. Only of the release's bars: what ticks is told beside the chart.

import type { PriceBar } from "../../api/types";
import { change, count, price } from "../../format/numbers";
import { session } from "../../format/time";
import { type Range, sessionsOf } from "./ranges";
import { type LiveBar, missing, unreleased } from "./sessions";

/** First and last close, the extremes and when they were, over the range's sessions. */
export function inWords(ticker: string, bars: readonly PriceBar[], range: Range): string {
  const shown = Number.isFinite(sessionsOf(range)) ? bars.slice(-sessionsOf(range)) : bars;
  const [first, last] = [shown[0], shown.at(-1)];
  if (first === undefined || last === undefined) return `No bars of ${ticker}.`;
  const high = shown.reduce((most, bar) => (bar.high > most.high ? bar : most));
  const low = shown.reduce((least, bar) => (bar.low < least.low ? bar : least));
  return (
    `Daily candles of ${ticker} over ${shown.length} sessions. It closed at ${price(first.close)} on ` +
    `${session(first.session)} and at ${price(last.close)} on ${session(last.session)}, ` +
    `${change(last.close / first.close - 1)}. The highest price was ${price(high.high)} on ${session(high.session)}, ` +
    `the lowest ${price(low.low)} on ${session(low.session)}.`
  );
}

/** What the bars after the release's last session `last` are, and how many may be missing; "" if there are none. */
export function laterOnes(last: string, seen: readonly LiveBar[]): string {
  const live = unreleased(seen, last);
  const newest = live.at(-1);
  if (newest === undefined) return "";
  const gap = missing(last, live);
  const gaps = `${count(gap)} ${gap === 1 ? "weekday" : "weekdays"} among them ${gap === 1 ? "has" : "have"} no bar: a holiday, or the server did not listen.`;
  return [
    live.length === 1 ? "The one after is live, as traded," : `The ${count(live.length)} after are live, as traded,`,
    `not yet in a release${newest.provisional ? "; the last is provisional: its session is not over." : "."}`,
    ...(gap > 0 ? [gaps] : []),
  ].join(" ");
}
