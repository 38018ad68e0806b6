// Where a signal's action changed, and since when the one in force holds.

import type { Action, Signal, SignalRow } from "../../api/types";
import { weekdaysBetween } from "./sessions";

/** A change of action, whoever tells it. */
export interface Mark extends Pick<Signal, "session" | "confidence" | "edge_bp" | "reason"> {
  readonly action: Action;
  readonly previous: Action;
}

/** One of the out-of-sample history, with what came of it. */
export type ActionChange = Mark & SignalRow;

/**
 * The rows whose action is not that of the row before, newest first as `rows` are. The oldest row is none: what was in
 * force before it isn't told.
 */
export function changesOf(rows: readonly SignalRow[]): readonly ActionChange[] {
  const changes: ActionChange[] = [];
  rows.forEach((row, k) => {
    const previous = rows[k + 1]?.action;
    if (previous !== undefined && row.action !== previous)
      changes.push({ ...row, action: row.action as Action, previous: previous as Action });
  });
  return changes;
}

/**
 * The session since which the action in force has held, and whether it may be longer: the history ends within the run,
 * or before the session that the signal is of, and nobody has told of those in between.
 */
export function heldSince(
  signal: Pick<Signal, "action" | "previous" | "session">,
  rows: readonly SignalRow[],
): { readonly session: string; readonly atLeast: boolean } {
  if (signal.action !== signal.previous) return { session: signal.session, atLeast: false };
  const past = rows.filter((row) => row.session < signal.session);
  const broken = past.findIndex((row) => row.action !== signal.action);
  const newest = past[0];
  if (broken === 0 || newest === undefined || weekdaysBetween(newest.session, signal.session).length > 0)
    return { session: signal.session, atLeast: true };
  const run = broken < 0 ? past : past.slice(0, broken);
  return { session: run.at(-1)?.session ?? signal.session, atLeast: broken < 0 };
}
