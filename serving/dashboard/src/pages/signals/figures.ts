// The figures of the signals as trades beside buying and holding, and which of the two is better by each.

import type { Book, TradingRecord } from "../../api/types";
import { change, count, decimal, percent, signed } from "../../format/numbers";

export type Better = "signals" | "buy_and_hold" | "equal" | "neither";

export interface WorthRow {
  readonly name: string;
  readonly means: string;
  readonly signals: string;
  readonly buyAndHold: string;
  readonly better: Better;
}

interface Measure {
  readonly name: string;
  readonly means: string;
  readonly of: (book: Book) => number | null;
  readonly write: (value: number | null) => string;
  /** Which way is better; without it neither is. */
  readonly wants?: "more" | "less";
}

const MEASURES: readonly Measure[] = [
  {
    name: "Return a year",
    means: "compound, net of costs",
    of: (b) => b.annualised_return,
    write: change,
    wants: "more",
  },
  {
    name: "Volatility a year",
    means: "of daily log returns",
    of: (b) => b.annualised_volatility,
    write: percent,
    wants: "less",
  },
  { name: "Sharpe ratio", means: "a year, riskless rate 0", of: (b) => b.sharpe, write: signed, wants: "more" },
  {
    name: "Probabilistic Sharpe",
    means: "confidence that the true ratio is above 0",
    of: (b) => b.probabilistic_sharpe,
    write: percent,
    wants: "more",
  },
  {
    name: "Deflated Sharpe",
    means: "confidence that the true ratio beats the luck of the best of all trials",
    of: (b) => b.deflated_sharpe,
    // Only one of the two was searched for: the other's is not deflated, and they don't compare.
    write: percent,
  },
  {
    name: "Deepest drawdown",
    means: "from a peak, at the closes",
    of: (b) => b.maximum_drawdown,
    write: percent,
    wants: "less",
  },
  {
    name: "Turnover a year",
    means: "capital traded, as a multiple of capital",
    of: (b) => b.turnover,
    write: (value) => `${decimal(value)} ×`,
    wants: "less",
  },
  { name: "Exposure", means: "mean share of capital at work", of: (b) => b.exposure, write: percent },
  { name: "Trades", means: "those still held included", of: (b) => b.trades, write: count },
  {
    name: "Costs paid",
    means: "sum over the trades, each in basis points of the equity at its entry",
    of: (b) => b.total_cost_bp,
    write: (value) => `${decimal(value, 1)} bp`,
    wants: "less",
  },
];

export function worthRows({ signals, buy_and_hold }: TradingRecord): readonly WorthRow[] {
  return MEASURES.map(({ name, means, of, write, wants }) => ({
    name,
    means,
    signals: write(of(signals)),
    buyAndHold: write(of(buy_and_hold)),
    better: wants === undefined ? "neither" : betterOf(of(signals), of(buy_and_hold), wants),
  }));
}

// A ruined book has no ratio and no volatility: whichever still has one is better.
function betterOf(ours: number | null, theirs: number | null, wants: "more" | "less"): Better {
  if (ours === theirs) return "equal";
  if (ours === null || theirs === null) return ours === null ? "buy_and_hold" : "signals";
  return ours > theirs === (wants === "more") ? "signals" : "buy_and_hold";
}
