// Keeps the watchlist in order by what is newest, without rows that run away.

import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { Predictions, Signals, TickerCard } from "../../api/types";
import { now } from "../../live/clock";
import { predictionOf, signalOf } from "../../live/store";
import { byTicker } from "./market";
import { type Order, ordered, type Sortable } from "./order";
import { quoteOf } from "./quote";
import { seenOf } from "./seen";

const SORTED_EVERY_MS = 10_000;

interface Kept {
  readonly key: string;
  readonly turn: number;
  readonly cards: readonly TickerCard[];
  readonly rows: readonly TickerCard[];
}

/** Sorted when the order is chosen and every few seconds after, but not while somebody is at the `list`. */
export function useOrdered(
  cards: readonly TickerCard[],
  order: Order,
  reversed: boolean,
  list: HTMLElement | null,
): readonly TickerCard[] {
  const made = useResource<Predictions>("/v1/predictions").answer;
  const inForce = useResource<Signals>("/v1/signals").answer;
  const turns = useComputed(() => Math.floor(now.value / SORTED_EVERY_MS));
  const last = useRef<Kept | null>(null);
  const key = `${order} ${reversed} ${made?.receivedAt} ${inForce?.receivedAt}`;
  // Names do not tick.
  const turn = order === "released" || order === "ticker" ? 0 : turns.value;
  const { current } = last;
  if (current !== null && current.key === key && current.cards === cards) {
    if (current.turn === turn || list?.matches(":hover, :focus-within")) return current.rows;
  }
  const rows = sorted(cards, byTicker(made?.data.predictions), byTicker(inForce?.data.signals), order, reversed);
  last.current = { key, turn, cards, rows };
  return rows;
}

function sorted(
  cards: readonly TickerCard[],
  made: ReadonlyMap<string, Predictions["predictions"][number]>,
  inForce: ReadonlyMap<string, Signals["signals"][number]>,
  order: Order,
  reversed: boolean,
): readonly TickerCard[] {
  // Names stand without a look at what ticks.
  if (order === "released" || order === "ticker") return ordered(cards.map(unsorted), order, reversed).map(cardOf);
  const rows = cards.map((card): Row => {
    const { ticker } = card;
    const signal = signalOf(ticker).peek()?.message ?? inForce.get(ticker);
    const quote = quoteOf(card, null, seenOf(ticker).peek());
    return {
      ...unsorted(card),
      change: quote.change,
      heard: quote.heard,
      action: signal?.action ?? null,
      confidence: signal?.confidence ?? null,
      pUp: (predictionOf(ticker).peek()?.message ?? made.get(ticker))?.p_up ?? null,
    };
  });
  return ordered(rows, order, reversed).map(cardOf);
}

type Row = Sortable & { readonly card: TickerCard };

function unsorted(card: TickerCard): Row {
  return { card, ticker: card.ticker, change: null, action: null, confidence: null, pUp: null, heard: null };
}

function cardOf({ card }: Row): TickerCard {
  return card;
}
