// A forecast as a fan: from the price that it was made at to the intervals of each target session.

import type { Further, Prediction } from "../../api/types";
import { sessionsUntil } from "./sessions";

export interface FanPoint {
  readonly session: string;
  /** Sessions after the one that the forecast was made in; 0 is its root. */
  readonly ahead: number;
  readonly median: number;
  readonly lower50: number;
  readonly upper50: number;
  readonly lower90: number;
  readonly upper90: number;
}

/** A forecast's horizons, nearest first: the one that signals act on is told in the prediction itself. */
export function horizonsOf(prediction: Prediction): readonly Further[] {
  return [prediction, ...prediction.further].toSorted((a, b) => a.horizon - b.horizon);
}

/** The fan's points, its root first. What lies between two of them is not forecast: it is drawn straight. */
export function fanOf(prediction: Prediction): readonly FanPoint[] {
  const { close, session } = prediction;
  const root = { session, ahead: 0, median: close, lower50: close, upper50: close, lower90: close, upper90: close };
  return [root, ...horizonsOf(prediction).map(pointOf)];
}

function pointOf(made: Further): FanPoint {
  return {
    session: made.target_session,
    ahead: made.horizon,
    median: made.price_median,
    lower50: made.price_lower_50,
    upper50: made.price_upper_50,
    lower90: made.price_lower_90,
    upper90: made.price_upper_90,
  };
}

/** The sessions that the fan reaches over, its root left out. */
export function sessionsAhead(fan: readonly FanPoint[]): readonly string[] {
  const days: string[] = [];
  fan.forEach((point, k) => {
    const before = fan[k - 1];
    if (before) days.push(...sessionsUntil(before.session, point.session, point.ahead - before.ahead));
  });
  return days;
}
