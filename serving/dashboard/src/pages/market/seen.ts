// The bars of live prices, of every ticker that was looked at: kept while pages change, so that coming back loses none.

import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Price } from "../../api/types";
import { priceOf } from "../../live/store";
import { type LiveBar, withPrice } from "./sessions";

const kept = new Map<string, Signal<readonly LiveBar[]>>();

/** The bars of a ticker's live prices since it was first asked for, oldest first. */
export function seenOf(ticker: string): ReadonlySignal<readonly LiveBar[]> {
  return cellOf(ticker);
}

/** Take in the live price that came with a REST answer, unless the stream has told a newer one. */
export function seed(told: Price, receivedAt: number): void {
  const cell = cellOf(told.ticker);
  const newest = cell.peek().at(-1);
  if (newest === undefined || told.at > newest.at) cell.value = withPrice(cell.peek(), told, receivedAt);
}

function cellOf(ticker: string): Signal<readonly LiveBar[]> {
  const found = kept.get(ticker);
  if (found) return found;
  const cell = signal<readonly LiveBar[]>([]);
  kept.set(ticker, cell);
  effect(() => {
    const told = priceOf(ticker).value;
    if (told) cell.value = withPrice(cell.peek(), told.message, told.at);
  });
  return cell;
}
