// Weights of books side by side: what is held now, what is meant, what is between them.

import type { StrategyWeights } from "../../api/types";
import type { Holdings } from "./holdings";
import { parseNumber } from "./parse";

type ByTicker = Readonly<Record<string, number>>;

/** Shares of a book's value; `weights` and `cash` sum to one. */
export interface Book {
  readonly weights: ByTicker;
  readonly cash: number;
}

export interface Comparison {
  readonly ticker: string;
  readonly target: number;
  readonly risk: number;
}

/** The tickers of an allocation, the largest weight first; those of `also` that it leaves out come after them. */
export function comparisons(target: StrategyWeights, also: readonly string[]): readonly Comparison[] {
  const tickers = [...new Set([...Object.keys(target.weights), ...also])];
  return tickers
    .map((ticker) => ({
      ticker,
      target: target.weights[ticker] ?? 0,
      risk: target.risk_contributions[ticker] ?? 0,
    }))
    .sort((one, other) => other.target - one.target);
}

/**
 * The book of what is held at some prices; null if nothing is, or if it can't be valued: a ticker without a price, or
 * something typed that is no number.
 */
export function bookOf(held: Holdings, priceOf: (ticker: string) => number | null): Book | null {
  const cash = held.cash.trim() === "" ? 0 : parseNumber(held.cash);
  if (cash === null) return null;
  const values: Record<string, number> = {};
  for (const [ticker, text] of Object.entries(held.shares)) {
    if (text.trim() === "") continue;
    const [shares, price] = [parseNumber(text), parseNumber(held.prices[ticker] ?? "") ?? priceOf(ticker)];
    if (shares === null || price === null) return null;
    values[ticker] = shares * price;
  }
  const total = Object.values(values).reduce((sum, value) => sum + value, cash);
  if (!(total > 0)) return null;
  return {
    weights: Object.fromEntries(Object.entries(values).map(([ticker, value]) => [ticker, value / total])),
    cash: cash / total,
  };
}

/** Half of all differences, cash included: the share of the book that has to change places. */
export function distance(now: Book, target: Book): number {
  const tickers = new Set([...Object.keys(now.weights), ...Object.keys(target.weights)]);
  const differences = [...tickers].map((ticker) => (now.weights[ticker] ?? 0) - (target.weights[ticker] ?? 0));
  return [...differences, now.cash - target.cash].reduce((sum, each) => sum + Math.abs(each), 0) / 2;
}
