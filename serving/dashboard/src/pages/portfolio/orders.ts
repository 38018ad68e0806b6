// Orders as text that other programs take.

import type { Order } from "../../api/types";

const HEADER = ["side", "ticker", "shares", "price", "notional", "cost"];

/** The orders as CSV (RFC 4180), one a line; numbers with a point, in full. */
export function csvOf(orders: readonly Order[]): string {
  const lines = orders.map(({ side, ticker, shares, price, notional, cost }) => [
    side,
    ticker,
    shares,
    price,
    notional,
    cost,
  ]);
  return [HEADER, ...lines].map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}

/** The orders as a person would write them down, one a line. */
export function textOf(orders: readonly Order[], price: (value: number) => string): string {
  return orders.map((one) => `${one.side} ${one.shares} ${one.ticker} at about ${price(one.price)}`).join("\n");
}

/** The shares that are held once the orders are carried out, of those that a plan tells. */
export function sharesAfter(positions: readonly { readonly ticker: string; readonly shares_after: number }[]) {
  return Object.fromEntries(positions.map(({ ticker, shares_after }) => [ticker, shares_after]));
}

function cell(value: string | number): string {
  const text = String(value);
  // A spreadsheet would take a leading sign of a name for a formula.
  const safe = typeof value === "string" && /^[=+\-@]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
