// Bars that this page has seen being made: one a session, out of the live prices that came since it was opened. Their
// open, high and low are what was seen, so they are provisional until a release has the session's own bar.

import type { Price, PriceBar } from "../../api/types";

export interface LiveBar extends PriceBar {
  /** Our clock (ms) at its first and at its newest price. */
  readonly since: number;
  readonly heard: number;
  /** The market's time of the newest price. */
  readonly at: string;
}

// A replay may run through years: what is kept has an end.
const MOST_SESSIONS = 60;

/** The bars after one more price, told at `heard` (our clock, ms); the same ones if it is no news. */
export function withPrice(bars: readonly LiveBar[], told: Price, heard: number): readonly LiveBar[] {
  const last = bars.at(-1);
  if (last === undefined) return [opened(told, heard)];
  // A replay that begins anew: what was seen of the run before is of another market.
  if (told.session < last.session) return [opened(told, heard)];
  if (told.session > last.session) return [...bars, opened(told, heard)].slice(-MOST_SESSIONS);
  if (told.at < last.at || (told.at === last.at && told.price === last.close)) return bars;
  const { price, volume, at } = told;
  const grown = { ...last, high: Math.max(last.high, price), low: Math.min(last.low, price), close: price };
  return [...bars.slice(0, -1), { ...grown, volume, at, heard }];
}

function opened({ session, price, volume, at }: Price, heard: number): LiveBar {
  return { session, open: price, high: price, low: price, close: price, volume, since: heard, heard, at };
}

/** Those of sessions after `session`: the release has no bar of them. */
export function unreleased(bars: readonly LiveBar[], session: string | undefined): readonly LiveBar[] {
  return session === undefined ? bars : bars.filter((bar) => bar.session > session);
}

/** Weekdays after `first` and before `last` (ISO dates): sessions that may lie between them, holidays among them. */
export function weekdaysBetween(first: string, last: string): readonly string[] {
  return datesBetween(first, last).filter((date) => !isWeekend(date));
}

/**
 * The `count` sessions after `from`, the last of which is `to`, as well as can be told without the exchange's calendar:
 * weekdays, or every day where there are too few of them. Of a week with a holiday one date in between may be off.
 */
export function sessionsUntil(from: string, to: string, count: number): readonly string[] {
  const weekdays = weekdaysBetween(from, to);
  const days = weekdays.length >= count - 1 ? weekdays : datesBetween(from, to);
  return [...days.slice(0, count - 1), to];
}

const DAY_MS = 86_400_000;

function datesBetween(first: string, last: string): readonly string[] {
  const dates: string[] = [];
  for (let at = Date.parse(first) + DAY_MS; at < Date.parse(last); at += DAY_MS)
    dates.push(new Date(at).toISOString().slice(0, 10));
  return dates;
}

function isWeekend(date: string): boolean {
  const day = new Date(date).getUTCDay();
  return day === 0 || day === 6;
}
