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
