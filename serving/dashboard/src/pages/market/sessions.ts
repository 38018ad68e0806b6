// Bars of sessions that no release has yet, one a session: those that the server has heard of, and those that are made
// of live prices while the page is open. The newest is provisional while its session lasts.

import type { Price, PriceBar, Prices } from "../../api/types";

export interface LiveBar extends PriceBar {
  /** Of a session that is not over. */
  readonly provisional: boolean;
  /** The close of the session before, in today's shares; null where it was not told. */
  readonly before: number | null;
  /** Our clock (ms) when it was told. */
  readonly heard: number;
  /** The market's time of the newest price; of a bar that was told whole, its session. */
  readonly at: string;
}

// As many as a server keeps.
const MOST_SESSIONS = 260;

/** The bars after one more price, told at `heard` (our clock, ms); the same ones if it is no news. */
export function withPrice(bars: readonly LiveBar[], told: Price, heard: number): readonly LiveBar[] {
  const last = bars.at(-1);
  // A replay that begins anew: what was seen of the run before is of another market.
  if (last === undefined || told.session < last.session) return [barOf(told, heard)];
  if (told.session > last.session)
    return [...bars.slice(0, -1), closed(last), barOf(told, heard)].slice(-MOST_SESSIONS);
  if (told.at < last.at || isSame(told, last)) return bars;
  return [...bars.slice(0, -1), barOf(told, heard, last)];
}

function isSame(told: Price, last: LiveBar): boolean {
  return told.at === last.at && told.price === last.close && told.provisional === last.provisional;
}

/** An engine that doesn't tell the session's range leaves it to what was seen. */
function barOf(told: Price, heard: number, seen?: PriceBar): LiveBar {
  const { session, price, volume, at, provisional, previous_close } = told;
  const open = told.open ?? seen?.open ?? price;
  const high = told.high ?? Math.max(seen?.high ?? price, price);
  const low = told.low ?? Math.min(seen?.low ?? price, price);
  return { session, open, high, low, close: price, volume, provisional, before: previous_close ?? null, heard, at };
}

function closed(bar: LiveBar): LiveBar {
  return bar.provisional ? { ...bar, provisional: false } : bar;
}

type Answered = Pick<Prices, "live" | "live_bars">;

/**
 * The bars after an answer of the server's. Of sessions that are over it knows better, having listened for longer; of
 * the newest one the later price counts, as the stream may have been faster.
 */
export function withAnswer(
  bars: readonly LiveBar[],
  { live, live_bars }: Answered,
  receivedAt: number,
): readonly LiveBar[] {
  const last = bars.at(-1);
  if (live === null) return bars;
  // Kept from a run of a replay that has begun anew since.
  if (last !== undefined && receivedAt < last.heard && live.session > last.session) return bars;
  const isOld =
    last !== undefined && (last.session > live.session || (last.session === live.session && last.at > live.at));
  const merged = new Map(bars.map((bar) => [bar.session, bar]));
  for (const bar of live_bars)
    if (bar.session < live.session)
      merged.set(bar.session, { ...bar, provisional: false, before: null, heard: receivedAt, at: bar.session });
  if (!isOld || !merged.has(live.session)) merged.set(live.session, barOf(live, receivedAt));
  const sorted = [...merged.values()].toSorted((a, b) => (a.session < b.session ? -1 : 1)).slice(-MOST_SESSIONS);
  return sorted.map((bar, k) => (k < sorted.length - 1 ? closed(bar) : bar));
}

/** Those of sessions after `session`: the release has no bar of them. */
export function unreleased(bars: readonly LiveBar[], session: string | undefined): readonly LiveBar[] {
  return session === undefined ? bars : bars.filter((bar) => bar.session > session);
}

/** How many weekdays from `last` (the release's) to the newest of `bars` have no bar: holidays among them. */
export function missing(last: string, bars: readonly LiveBar[]): number {
  let before = last;
  let count = 0;
  for (const { session } of unreleased(bars, last)) {
    count += weekdaysBetween(before, session).length;
    before = session;
  }
  return count;
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
