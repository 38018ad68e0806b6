// At which pace this page is drawn anew while prices tick: nobody reads ten numbers a second, and every drawing costs
// the same however little of it has changed. What is told between two beats is not lost, only its drawing is left out.

import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { FrameBatch } from "../../live/batch";

export const BEAT_MS = 250;

/** Runs what it is given at once, but seldom: after the last one, `ms` go by first. */
export function seldom(ms: number, clock: () => number = () => performance.now()): (run: () => void) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (run) => {
    const wait = last + ms - clock();
    const go = () => {
      last = clock();
      run();
    };
    // Not within the turn: others of the same frame come along.
    if (wait <= 0) queueMicrotask(go);
    else setTimeout(go, wait);
  };
}

const waiting = new FrameBatch<object, () => void>(
  (runs) =>
    batch(() => {
      for (const run of runs.values()) run();
    }),
  seldom(BEAT_MS),
);

/** A signal that is set at beats: `set` may be called as often as one likes, the newest value is the one that counts. */
export class Beating<T> {
  readonly #cell;

  constructor(first: T) {
    this.#cell = signal(first);
  }

  get cell(): ReadonlySignal<T> {
    return this.#cell;
  }

  set(value: T): void {
    waiting.put(this, () => {
      this.#cell.value = value;
    });
  }

  /** Set it without waiting. */
  now(value: T): void {
    this.set(value);
    this.#cell.value = value;
  }
}
