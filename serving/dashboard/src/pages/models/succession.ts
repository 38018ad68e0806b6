// How versions come into force, and what decisions rest on: words for a person, figures sorted out by their names.

import type { Challenger, Succession } from "../../api/types";

export const HOW_WORDS: Readonly<Record<Succession["how"], string>> = {
  training: "by training: nothing spoke against it",
  by_hand: "by hand",
  rollback: "by a rollback",
};

/** What a verdict means, and what can be done about it. */
export const VERDICTS: Readonly<
  Record<Challenger["verdict"], { readonly promoted: boolean; readonly text: string; readonly advice: string }>
> = {
  first: { promoted: true, text: "first of its ticker", advice: "" },
  not_worse: { promoted: true, text: "not worse", advice: "" },
  incomparable: { promoted: true, text: "too few common days to compare", advice: "" },
  worse: {
    promoted: false,
    text: "worse than the champion",
    advice: "Nothing is to be done: the champion stays. After a change of code, that change did harm to this ticker.",
  },
  guard: {
    promoted: false,
    text: "a guard failed",
    advice: "Its forecasts or its export are broken. `stock-assets models compare` says which guard.",
  },
  data: {
    promoted: false,
    text: "its bars are refused, or not those in force",
    advice: "`stock-assets data report` says why. Mend or decide, then `stock-assets materialize`: it trains anew.",
  },
};

/** A decision as the ledger words it, its verdict in words instead of its code. */
export function decisionWords(decision: string): string {
  const found = /^([a-z_]+): /.exec(decision);
  const verdict = Object.entries(VERDICTS).find(([code]) => code === found?.[1])?.[1];
  return found && verdict ? `${verdict.text}: ${decision.slice(found[0].length)}` : decision;
}

/** A loss at a horizon, challenger against champion on the days that both have forecast. */
export interface PairedTest {
  readonly loss: string;
  readonly horizon: number;
  readonly days: number | null;
  readonly statistic: number | null;
  readonly p: number | null;
  readonly pHolm: number | null;
}

/** A figure of a decision that belongs to no test. */
export interface OtherFigure {
  readonly name: string;
  readonly horizon: number | null;
  readonly value: number | null;
}

export interface DecisionFigures {
  readonly tests: readonly PairedTest[];
  readonly others: readonly OtherFigure[];
}

const LOSSES: Readonly<Record<string, string>> = {
  squared_error: "squared error of the mean",
  qlike: "QLIKE of the variance",
  interval_score: "score of the 90 % interval",
};
const OTHERS: Readonly<Record<string, string>> = {
  guard_finite: "forecasts that are not finite",
  guard_ordered: "intervals out of order",
  guard_coverage_90: "inside the 90 % interval",
  guard_calibration_error: "calibration error",
  guard_mean_over_vol: "largest mean, in volatilities",
  guard_scale: "outcomes, in volatilities",
  guard_export_max_error: "largest error of the export",
  guard_horizons: "horizons as set",
  guard_data_checks: "data checks",
  guard_data_in_force: "bars in force",
  skill_p: "Clark-West p against the historical mean",
};

/** The figures by what they are of. `skill_shown` says nothing that `skill_p` does not. */
export function decisionFigures(figures: Readonly<Record<string, number | null>>): DecisionFigures {
  const tests: PairedTest[] = [];
  const others: OtherFigure[] = [];
  for (const [key, value] of Object.entries(figures)) {
    const { name, horizon } = parts(key);
    const loss = /^worse_(.+)_statistic$/.exec(name)?.[1];
    if (loss !== undefined && horizon !== null) {
      const of = (what: string) => figures[`worse_${loss}_${what}_${horizon}`] ?? null;
      const days = figures[`common_days_${horizon}`] ?? null;
      tests.push({ loss: LOSSES[loss] ?? loss, horizon, days, statistic: value, p: of("p"), pHolm: of("p_holm") });
    } else if (!/^(worse_.+_p|worse_.+_p_holm|common_days|skill_shown)$/.test(name)) {
      others.push({ name: OTHERS[name] ?? name.replaceAll("_", " "), horizon, value });
    }
  }
  return { tests, others };
}

/** A name that ends in a horizon; `coverage_90` is a name and no horizon. */
function parts(key: string): { name: string; horizon: number | null } {
  if (key in OTHERS) return { name: key, horizon: null };
  const found = /^(.+)_(\d+)$/.exec(key);
  if (found?.[1] === undefined) return { name: key, horizon: null };
  return { name: found[1], horizon: Number(found[2]) };
}

const RUN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether `by` is a Dagster run's id. */
export function isRun(by: string): boolean {
  return RUN.test(by);
}
