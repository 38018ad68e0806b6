// Hits over time: the share of a ticker's signals with a side that were right, over a window that moves along.

import type { SignalRow } from "../../api/types";
import { outcomeOf } from "./outcome";

export interface RollingHits {
  /** Of the window's last signal. */
  readonly sessions: readonly string[];
  readonly rate: readonly number[];
}

// Half a year of signals, or a quarter: fewer say next to nothing.
const WINDOWS = [126, 63] as const;

/** How many signals each point is to be of: the longest window that leaves a line to draw; null if none does. */
export function windowOf(signals: number): number | null {
  return WINDOWS.find((window) => signals >= 1.5 * window) ?? null;
}

/** Over the newest `window` signals that were right or wrong, by each of them; `rows` are newest first. */
export function rollingHits(rows: readonly SignalRow[], window: number): RollingHits {
  const told = rows
    .toReversed()
    .map((row) => ({ session: row.session, outcome: outcomeOf(row) }))
    .filter(({ outcome }) => outcome === "right" || outcome === "wrong");
  const sessions: string[] = [];
  const rate: number[] = [];
  let right = 0;
  for (const [k, { session, outcome }] of told.entries()) {
    if (outcome === "right") right += 1;
    if (told[k - window]?.outcome === "right") right -= 1;
    if (k < window - 1) continue;
    sessions.push(session);
    rate.push(right / window);
  }
  return { sessions, rate };
}

/** Half the width of the range that holds a window's hit rate 95 times in 100 if each hit comes with odds of `odds`. */
export function chanceReach(odds: number, window: number): number {
  return 1.96 * Math.sqrt((odds * (1 - odds)) / window);
}
