// What the strategies are called here, and what each of them holds. Their rules in full are in docs/portfolio.md.

import type { Strategy } from "../../api/types";

interface Described {
  readonly name: string;
  readonly holds: string;
}

export const STRATEGIES: Readonly<Record<Strategy, Described>> = {
  equal_weight: { name: "Equal weight", holds: "The same of each ticker. The baseline of all others." },
  minimum_variance: { name: "Minimum variance", holds: "The mix with the least variance by two years' returns." },
  maximum_sharpe: {
    name: "Maximum Sharpe ratio",
    holds: "The greatest return per risk, of means that are shrunk most of the way to one common ratio.",
  },
  maximum_diversification: {
    name: "Maximum diversification",
    holds: "The mix whose parts swing the most for how little the whole does.",
  },
  risk_budgeting: { name: "Risk budgeting", holds: "Each ticker carries the same share of the variance." },
  hierarchical_risk_parity: {
    name: "Hierarchical risk parity",
    holds: "Risk is divided between clusters of what moves together, then within them.",
  },
  momentum: { name: "Momentum", holds: "Risk budgeting, tilted to what rose over the last year but its last month." },
  black_litterman: {
    name: "Black-Litterman",
    holds: "Risk budgeting, tilted by the models' forecasts as far as their record can be trusted.",
  },
  combination: { name: "Combination", holds: "All of the above, each believed by its record net of costs." },
  target_volatility: {
    name: "Target volatility",
    holds:
      "As much of the combination as keeps its recent volatility at 15 % a year, the rest in cash. Recent is counted " +
      "with a half-life of 21 sessions: estimates over two years may say more.",
  },
};

/** A strategy's name; one that is new to us goes by its own. */
export function nameOf(strategy: string): string {
  return (STRATEGIES as Readonly<Record<string, Described>>)[strategy]?.name ?? strategy.replaceAll("_", " ");
}

/** The champion first, the others as they come. */
export function championFirst<T extends { readonly strategy: string }>(
  all: readonly T[],
  champion: string,
): readonly T[] {
  return [...all.filter((one) => one.strategy === champion), ...all.filter((one) => one.strategy !== champion)];
}
