// Orders as text that other programs take.

import type { Order } from "../../api/types";
import { csv } from "../../format/csv";

const HEADER = ["side", "ticker", "shares", "price", "notional", "cost"] as const;

/** The orders as CSV, one a line. */
export function csvOf(orders: readonly Order[]): string {
  return csv(
    HEADER,
    orders.map((order) => HEADER.map((name) => order[name])),
  );
}

/** The orders as a person would write them down, one a line. */
export function textOf(orders: readonly Order[], price: (value: number) => string): string {
  return orders.map((one) => `${one.side} ${one.shares} ${one.ticker} at about ${price(one.price)}`).join("\n");
}

/** The shares that are held once the orders are carried out, of those that a plan tells. */
export function sharesAfter(positions: readonly { readonly ticker: string; readonly shares_after: number }[]) {
  return Object.fromEntries(positions.map(({ ticker, shares_after }) => [ticker, shares_after]));
}
