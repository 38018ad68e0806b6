// In which order the watchlist stands, and what of it.

import type { Action } from "../../api/types";

export const ORDERS = {
  released: "As released",
  ticker: "Ticker",
  change: "Change",
  signal: "Signal",
  confidence: "Confidence",
  pUp: "P(up)",
  age: "Age of data",
} as const;
export type Order = keyof typeof ORDERS;

/** The order of that name; one that there is none of, kept by another version of the page, is the release's. */
export function orderOf(name: string): Order {
  return Object.hasOwn(ORDERS, name) ? (name as Order) : "released";
}

/** What a row is sorted by; null where it is not known. */
export interface Sortable {
  readonly ticker: string;
  readonly change: number | null;
  readonly action: Action | null;
  readonly confidence: number | null;
  readonly pUp: number | null;
  /** Our clock (ms) when its price was told; null without a live one, which is oldest. */
  readonly heard: number | null;
}

const RANKS: Readonly<Record<Action, number>> = { BUY: 0, HOLD: 1, SELL: 2 };

// What is looked for first: the largest, the surest, the newest.
const VALUES: Readonly<Record<Exclude<Order, "released" | "ticker">, (row: Sortable) => number | null>> = {
  change: (row) => row.change && -row.change,
  signal: (row) => (row.action === null ? null : RANKS[row.action]),
  confidence: (row) => row.confidence && -row.confidence,
  pUp: (row) => row.pUp && -row.pUp,
  age: (row) => row.heard && -row.heard,
};

/** Sorted, equal ones as they stood; what is not known stands last either way. */
export function ordered<Row extends Sortable>(rows: readonly Row[], order: Order, reversed: boolean): readonly Row[] {
  const way = reversed ? -1 : 1;
  if (order === "released") return reversed ? rows.toReversed() : rows;
  if (order === "ticker") return rows.toSorted((a, b) => way * a.ticker.localeCompare(b.ticker));
  const value = VALUES[order];
  return rows.toSorted((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return way * (left - right);
  });
}

/** Those whose ticker has the text in it, whatever its case. */
export function filtered<Row extends { readonly ticker: string }>(rows: readonly Row[], text: string): readonly Row[] {
  const wanted = text.trim().toUpperCase();
  return wanted === "" ? rows : rows.filter((row) => row.ticker.toUpperCase().includes(wanted));
}

/** The `pinned` tickers first, in that order, then the others as they stood. */
export function pinnedFirst<Row extends { readonly ticker: string }>(
  rows: readonly Row[],
  pinned: readonly string[],
): readonly Row[] {
  if (pinned.length === 0) return rows;
  const place = new Map(pinned.map((ticker, at) => [ticker, at]));
  const of = (row: Row) => place.get(row.ticker) ?? pinned.length;
  return rows.toSorted((a, b) => of(a) - of(b));
}

/** With the ticker pinned last, or not any more. */
export function toggled(pinned: readonly string[], ticker: string): readonly string[] {
  return pinned.includes(ticker) ? pinned.filter((each) => each !== ticker) : [...pinned, ticker];
}

/** With the ticker one place further up (-1) or down (1) among the `shown` pinned ones, as far as there is one. */
export function moved(
  pinned: readonly string[],
  ticker: string,
  by: -1 | 1,
  shown: (ticker: string) => boolean,
): readonly string[] {
  const from = pinned.indexOf(ticker);
  // One that the release does not have keeps its place, for when it is back.
  let to = from + by;
  while (pinned[to] !== undefined && !shown(pinned[to] as string)) to += by;
  if (from < 0 || pinned[to] === undefined) return pinned;
  return pinned.toSpliced(from, 1).toSpliced(to, 0, ticker);
}
