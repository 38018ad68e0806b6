// The correlation matrix in an order, where its clusters part, and what colours say of it.

import type { Correlation } from "../../api/types";

export type Order = "clusters" | "release";

export interface Matrix {
  readonly tickers: readonly string[];
  readonly rows: readonly (readonly number[])[];
  /** Indices before which there is a gap. */
  readonly gaps: ReadonlySet<number>;
}

/** The matrix in an order. Gaps are where neighbours move together less than two tickers do on average. */
export function matrixOf(found: Correlation, order: Order): Matrix {
  const tickers = order === "clusters" ? found.cluster_order : found.tickers;
  const at = tickers.map((ticker) => found.tickers.indexOf(ticker));
  const rows = at.map((row) => at.map((column) => found.correlation[row]?.[column] ?? Number.NaN));
  if (order === "release") return { tickers, rows, gaps: new Set() };
  const average = mean(pairsOf({ tickers, rows }).map(({ value }) => value));
  const apart = rows.map((row, k) => k > 0 && (row[k - 1] ?? 1) < average);
  return { tickers, rows, gaps: new Set(apart.flatMap((parted, k) => (parted ? [k] : []))) };
}

export interface Pair {
  readonly one: string;
  readonly other: string;
  readonly value: number;
}

/** Each two tickers once. */
export function pairsOf({ tickers, rows }: Pick<Matrix, "tickers" | "rows">): readonly Pair[] {
  return tickers.flatMap((one, row) =>
    tickers.slice(0, row).map((other, column) => ({ one, other, value: rows[row]?.[column] ?? Number.NaN })),
  );
}

/** The pairs that move together most and least, `most` of each at most. */
export function extremes(pairs: readonly Pair[], most: number) {
  const sorted = pairs.toSorted((one, other) => other.value - one.value);
  const half = Math.min(most, Math.floor(sorted.length / 2));
  return { together: sorted.slice(0, half), apart: sorted.slice(sorted.length - half).reverse() };
}

/** How much of its colour a correlation has: none at 0, `full` at 1 and -1. */
export function strength(value: number, full: number): number {
  return Math.round(Math.min(1, Math.abs(value)) * full);
}

/** The colour `share` (0 to 1) of the way from one to another, both "#rrggbb". */
export function mixed(from: string, to: string, share: number): string {
  const [a, b] = [channels(from), channels(to)];
  return `rgb(${a.map((value, k) => Math.round(value + ((b[k] ?? value) - value) * share)).join(" ")})`;
}

function channels(hex: string): readonly number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
