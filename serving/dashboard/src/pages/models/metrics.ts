// What a model's scores say beside their baselines: rows of figures, verdicts and tests, without a table. The words are
// chosen by the figures, as on the model card.

import type { TickerMetrics } from "../../api/types";
import { change, count, decimal, percent, pValue, signed } from "../../format/numbers";
import type { Way } from "../../ui/verdict";

export const SIGNIFICANCE = 0.05;

export interface Comparison {
  readonly score: string;
  /** What the baseline does. */
  readonly against: string;
  readonly model: string;
  readonly baseline: string;
  /** Null where it can't be said which is better. */
  readonly verdict: { readonly way: Way; readonly text: string } | null;
  /** The test behind the verdict; "no test" is said as well. */
  readonly test: string;
}

export interface Group {
  readonly title: string;
  readonly rows: readonly Comparison[];
}

/** All of them, in the order of what the forecast consists of. */
export function groups(metrics: TickerMetrics, horizon: number): readonly Group[] {
  return [
    { title: "Expected return", rows: meanRows(metrics) },
    { title: "Direction and probability", rows: directionRows(metrics) },
    { title: "Volatility", rows: volatilityRows(metrics) },
    { title: "Intervals", rows: intervalRows(metrics, horizon) },
    { title: "Price level", rows: [priceRow(metrics)] },
  ];
}

// Daily returns are nearly all noise: a tenth of a per cent is much.
const r2 = (value: number) => change(value, 2);

function meanRows(m: TickerMetrics): Comparison[] {
  return [
    {
      score: "Return R²",
      against: "no return at all",
      model: r2(m.return_r2),
      baseline: r2(0),
      verdict: oneSided(m.return_r2 > 0, m.clark_west_p),
      test: `Clark-West p ${pValue(m.clark_west_p)}`,
    },
    {
      score: "Return R²",
      against: "historical mean",
      model: r2(m.return_r2),
      baseline: r2(m.return_r2_historical_mean),
      verdict: oneSided(m.return_r2 > m.return_r2_historical_mean, m.clark_west_p_historical_mean),
      test: `Clark-West p ${pValue(m.clark_west_p_historical_mean)}`,
    },
    {
      score: "Squared errors (Diebold-Mariano)",
      against: "historical mean",
      model: signed(m.diebold_mariano),
      baseline: decimal(0),
      verdict: twoSided(m.diebold_mariano < 0, m.diebold_mariano_p),
      test: `two-sided p ${pValue(m.diebold_mariano_p)}`,
    },
  ];
}

function directionRows(m: TickerMetrics): Comparison[] {
  const ahead = (m.directional_accuracy - m.base_rate) / m.directional_accuracy_se;
  return [
    {
      score: "Right direction",
      against: "the commoner one, always",
      model: `${percent(m.directional_accuracy)} ± ${percent(m.directional_accuracy_se)}`,
      baseline: percent(m.base_rate),
      verdict: Math.abs(ahead) > 2 ? { way: ahead > 0 ? "better" : "worse", text: word(ahead > 0) } : NO_TELLING,
      test: `${signed(ahead, 1)} standard errors`,
    },
    lower("Brier score of P(up)", "base rate", m.brier, m.brier_base_rate, 4),
    lower("Log score of P(up)", "base rate", m.log_score, m.log_score_base_rate, 4),
    confidentRow(m),
    {
      score: "Calibration error of P(up)",
      against: "a perfect one",
      model: percent(m.calibration_error),
      baseline: percent(0),
      verdict: null,
      test: "chance alone makes it positive",
    },
  ];
}

function confidentRow(m: TickerMetrics): Comparison {
  const row = { score: "Right when at least 60 % sure", against: "what it promised", baseline: "≥ 60 %" };
  if (m.confident_right === null)
    return { ...row, model: "never that sure", verdict: null, test: "nothing to be wrong about" };
  const error = Math.sqrt((0.6 * 0.4) / Math.max(1, m.confident_n));
  const short = (m.confident_right - 0.6) / error;
  return {
    ...row,
    model: `${percent(m.confident_right)} of ${count(m.confident_n)}`,
    verdict: short < -2 ? { way: "worse", text: "promised too much" } : { way: "even", text: "kept" },
    test: "no test",
  };
}

function volatilityRows(m: TickerMetrics): Comparison[] {
  const peers = [
    ["EWMA(0.94)", m.qlike_ewma, m.variance_r2_ewma],
    ["mean of 63 sessions", m.qlike_rolling, m.variance_r2_rolling],
    ["log-HAR", m.qlike_log_har, m.variance_r2_log_har],
    ["GARCH(1,1)", m.qlike_garch, m.variance_r2_garch],
  ] as const;
  return [
    ...peers.map(([name, qlike]) => lower("QLIKE", name, m.qlike, qlike, 4)),
    ...peers.map(([name, , over]) => ({
      score: "R² of the log variance",
      against: name,
      model: r2(over),
      baseline: r2(0),
      verdict: untested(over > 0),
      test: NO_TEST,
    })),
  ];
}

function intervalRows(m: TickerMetrics, horizon: number): Comparison[] {
  return [
    lower("Score of the 90 % interval", "the same, scaled by EWMA", m.interval_score, m.interval_score_ewma, 4),
    covered("Inside the 90 % interval", m.coverage_90, 0.9, m.n, horizon),
    covered("Inside the 50 % interval", m.coverage_50, 0.5, m.n, horizon),
    {
      score: "90 % interval, worst 63 running",
      against: "what perfect ones come to",
      model: percent(m.worst_coverage_63),
      baseline: "about 80 %",
      verdict: worstQuarter(m.worst_coverage_63, horizon),
      test: horizon === 1 ? NO_TEST : "outcomes overlap: it swings wider",
    },
  ];
}

function covered(score: string, share: number, promised: number, n: number, horizon: number): Comparison {
  const error = coverageError(promised, n, horizon);
  const off = (share - promised) / error;
  const text = off > 2 ? "too wide" : off < -2 ? "too narrow" : "as promised";
  return {
    score,
    against: "its promise",
    model: percent(share),
    baseline: `${percent(promised)} ± ${percent(error)}`,
    verdict: { way: off < -2 ? "worse" : "even", text },
    test: `${signed(off, 1)} standard errors`,
  };
}

/** Standard error of a share over `n` outcomes, as few as those that don't overlap. */
export function coverageError(promised: number, n: number, horizon: number): number {
  return Math.sqrt((promised * (1 - promised) * horizon) / Math.max(1, n));
}

function worstQuarter(share: number, horizon: number): Comparison["verdict"] {
  if (share >= 0.8) return { way: "even", text: "as good ones do" };
  return horizon === 1 ? { way: "worse", text: "a quarter that it missed" } : null;
}

function priceRow(m: TickerMetrics): Comparison {
  return {
    score: "Price R²",
    against: "yesterday's close, repeated",
    model: decimal(m.price_r2, 4),
    baseline: decimal(m.price_r2_random_walk, 4),
    verdict: { way: "even", text: "says nothing" },
    test: "read the two as one",
  };
}

const NO_TEST = "no test";
const NO_TELLING = { way: "even", text: "no clear difference" } as const;

function word(better: boolean): string {
  return better ? "better" : "worse";
}

/** The test asks only whether the model is better; it can say so while the errors themselves were no smaller. */
function oneSided(better: boolean, p: number): Comparison["verdict"] {
  if (p < SIGNIFICANCE) return better ? { way: "better", text: "better" } : { way: "even", text: "a trace of skill" };
  return better ? { way: "even", text: "better, but luck may do it" } : { way: "worse", text: "worse" };
}

function twoSided(better: boolean, p: number): Comparison["verdict"] {
  return p < SIGNIFICANCE ? { way: better ? "better" : "worse", text: word(better) } : NO_TELLING;
}

function untested(better: boolean): Comparison["verdict"] {
  return { way: better ? "better" : "worse", text: word(better) };
}

/** A loss, of which less is better. */
function lower(score: string, against: string, model: number, baseline: number, digits: number): Comparison {
  const [one, other] = [decimal(model, digits), decimal(baseline, digits)];
  const verdict = one === other ? NO_TELLING : untested(model < baseline);
  return { score, against, model: one, baseline: other, verdict, test: NO_TEST };
}

/** How much skill the expected return has, in the model card's words. */
export type Skill = "shown" | "trace" | "drift" | "none";

export function skillOf(m: TickerMetrics): Skill {
  const beatsNothing = m.clark_west_p < SIGNIFICANCE;
  const beatsMean = m.clark_west_p_historical_mean < SIGNIFICANCE;
  if (beatsNothing && beatsMean) {
    return m.return_r2 > Math.max(0, m.return_r2_historical_mean) ? "shown" : "trace";
  }
  return beatsNothing ? "drift" : "none";
}

export const SKILL_WORDS: Readonly<Record<Skill, { readonly way: Way; readonly text: string; readonly long: string }>> =
  {
    shown: {
      way: "better",
      text: "shown",
      long: "Skill in the expected return is shown: it beats both no return and the historical mean.",
    },
    trace: {
      way: "even",
      text: "a trace",
      long: "A trace of skill in the expected return: the tests find it, but the squared errors were no smaller.",
    },
    drift: {
      way: "even",
      text: "drift only",
      long: "No skill beyond drift: it beats a forecast of no return, but not the historical mean.",
    },
    none: {
      way: "even",
      text: "not shown",
      long: "No skill in the expected return is shown. For most tickers there is none to be had from past prices.",
    },
  };

/** How many of the models are better in so many ways, and what luck would give. */
export interface Tally {
  readonly n: number;
  readonly beatMean: number;
  readonly brier: number;
  readonly qlike: number;
  readonly coverage: number;
  readonly worstCoverage: number;
}

export function tally(all: readonly TickerMetrics[]): Tally {
  const number = (holds: (m: TickerMetrics) => boolean) => all.filter(holds).length;
  const covered = all.map((m) => m.coverage_90);
  return {
    n: all.length,
    beatMean: number((m) => m.clark_west_p_historical_mean < SIGNIFICANCE),
    brier: number((m) => m.brier < m.brier_base_rate),
    qlike: number((m) => m.qlike < Math.min(m.qlike_ewma, m.qlike_rolling, m.qlike_log_har, m.qlike_garch)),
    coverage: median(covered),
    worstCoverage: Math.min(...covered),
  };
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}
