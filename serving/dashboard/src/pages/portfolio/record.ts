// What was earned: who reigned when, and which curves are drawn.

import type { Performance, StrategyRecord } from "../../api/types";
import { nameOf } from "./names";

export interface Reign {
  readonly strategy: string;
  readonly first: string;
  /** The session on which the next one took over; null for the one in force. */
  readonly until: string | null;
}

/** Who was champion since when, newest first. */
export function reigns(champions: Readonly<Record<string, string>>): readonly Reign[] {
  const since = Object.entries(champions).sort(([one], [other]) => (one < other ? -1 : 1));
  return since.map(([first, strategy], k) => ({ strategy, first, until: since[k + 1]?.[0] ?? null })).reverse();
}

/** A line of the table: a strategy, the book that held each week's champion, or what was bought and held. */
export interface Entry {
  readonly key: string;
  readonly name: string;
  readonly record: StrategyRecord;
  readonly kind: "champion" | "strategy" | "baseline";
}

export const CHAMPION_BOOK = "champion";
export const BOUGHT_AND_HELD = "buy_and_hold";
export const BASELINE = "equal_weight";

export function entriesOf({ record, champion }: Performance): readonly Entry[] {
  const strategies = Object.entries(record.strategies).map(([key, each]) => ({
    key,
    name: nameOf(key) + (key === champion ? " ★" : ""),
    record: each,
    kind: key === BASELINE ? ("baseline" as const) : ("strategy" as const),
  }));
  return [
    { key: CHAMPION_BOOK, name: "Champion, as chosen then", record: record.champion, kind: "champion" },
    ...strategies,
    { key: BOUGHT_AND_HELD, name: "Bought once and held", record: record.buy_and_hold, kind: "baseline" },
  ];
}

/** Whether a Sharpe ratio is above equal weight's by a one-sided test at 5 %, below it by the same, or neither. */
export function verdictOf(record: StrategyRecord): "better" | "worse" | "even" {
  if (record.p_equal_weight < 0.05) return "better";
  return record.p_equal_weight > 0.95 ? "worse" : "even";
}
