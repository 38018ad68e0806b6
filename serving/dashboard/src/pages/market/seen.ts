// What was told live of every ticker that was looked at, as this page draws it: at its beat, not at each message. Kept
// while pages change, so that coming back loses none.

import { effect, type ReadonlySignal } from "@preact/signals";
import type { Prediction, Prices } from "../../api/types";
import { predictionOf, priceOf, type Told } from "../../live/store";
import { Beating } from "./beat";
import { type LiveBar, withAnswer, withPrice } from "./sessions";

class Seen {
  #bars: readonly LiveBar[] = [];
  readonly drawn = new Beating<readonly LiveBar[]>(this.#bars);

  constructor(ticker: string) {
    effect(() => {
      const told = priceOf(ticker).value;
      if (told === null) return;
      const bars = withPrice(this.#bars, told.message, told.at);
      if (bars !== this.#bars) this.drawn.set(bars);
      this.#bars = bars;
    });
  }

  seed(answer: Prices, receivedAt: number): void {
    this.#bars = withAnswer(this.#bars, answer, receivedAt);
    // With the answer's own bars, not after them.
    this.drawn.now(this.#bars);
  }
}

const kept = new Map<string, Seen>();
const predictions = new Map<string, ReadonlySignal<Told<Prediction> | null>>();

/** The bars of a ticker's sessions that are in no release, as far as they were told, oldest first. */
export function seenOf(ticker: string): ReadonlySignal<readonly LiveBar[]> {
  return found(ticker).drawn.cell;
}

/** Take in what an answer tells of the sessions since the release. */
export function seed(answer: Prices, receivedAt: number): void {
  found(answer.ticker).seed(answer, receivedAt);
}

function found(ticker: string): Seen {
  let seen = kept.get(ticker);
  if (seen === undefined) {
    seen = new Seen(ticker);
    kept.set(ticker, seen);
  }
  return seen;
}

/** The newest prediction of a ticker; null before the stream has told one. */
export function predictedOf(ticker: string): ReadonlySignal<Told<Prediction> | null> {
  let cell = predictions.get(ticker);
  if (cell === undefined) {
    const beating = new Beating<Told<Prediction> | null>(predictionOf(ticker).peek());
    effect(() => beating.set(predictionOf(ticker).value));
    cell = beating.cell;
    predictions.set(ticker, cell);
  }
  return cell;
}
