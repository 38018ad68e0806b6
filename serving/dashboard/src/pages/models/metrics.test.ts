import { describe, expect, it } from "vitest";
import type { TickerMetrics } from "../../api/types";
import { coverageError, groups, median, skillOf, tally } from "./metrics";

// Apple's, one session ahead, of the bundled sample.
const APPLE: TickerMetrics = {
  n: 2262,
  first: "2003-03-10",
  last: "2012-02-29",
  price_r2: 0.99917,
  price_r2_random_walk: 0.99917,
  return_r2: 0.00115,
  return_r2_historical_mean: 0.00366,
  clark_west_p: 0.0118,
  clark_west_p_historical_mean: 0.675,
  diebold_mariano: 1.35,
  diebold_mariano_p: 0.177,
  directional_accuracy: 0.5293,
  directional_accuracy_se: 0.0105,
  base_rate: 0.5426,
  brier: 0.24955,
  brier_base_rate: 0.25012,
  log_score: 0.69224,
  log_score_base_rate: 0.69338,
  calibration_error: 0.026,
  confident_right: null,
  confident_n: 0,
  coverage_90: 0.9107,
  coverage_50: 0.5022,
  worst_coverage_63: 0.8254,
  interval_score: 0.10125,
  interval_score_ewma: 0.10476,
  qlike: 1.44136,
  qlike_ewma: 1.51727,
  qlike_rolling: 1.53185,
  qlike_log_har: 1.46734,
  qlike_garch: 1.54153,
  variance_r2_ewma: -0.0065,
  variance_r2_rolling: 0.0169,
  variance_r2_log_har: 0.0269,
  variance_r2_garch: 0.0692,
  trials: 137,
};

function row(changes: Partial<TickerMetrics>, score: string, against: string, horizon = 1) {
  const rows = groups({ ...APPLE, ...changes }, horizon).flatMap((group) => group.rows);
  const found = rows.find((each) => each.score === score && each.against === against);
  if (found === undefined) throw new Error(`expected a row of ${score} against ${against}`);
  return found;
}

describe("every score", () => {
  it("has a baseline and says what test was made", () => {
    const rows = groups(APPLE, 1).flatMap((group) => group.rows);

    for (const { score, baseline, against, test } of rows) expect([score, baseline, against, test]).not.toContain("");
  });

  it("of the price level is one row, with the random walk's beside it", () => {
    const rows = groups(APPLE, 1).flatMap((group) => group.rows);

    const prices = rows.filter(({ score }) => score.startsWith("Price"));

    expect(prices).toHaveLength(1);
    expect(prices[0]).toMatchObject({ model: "0.9992", baseline: "0.9992", verdict: { way: "even" } });
  });
});

describe("the expected return", () => {
  const against = "historical mean";

  it("is better only where the errors are smaller and the test says so", () => {
    const shown = { return_r2: 0.005, clark_west_p_historical_mean: 0.01 };

    expect(row(shown, "Return R²", against).verdict).toEqual({ way: "better", text: "better" });
  });

  it("that is better by luck, perhaps, is not called better", () => {
    const luck = { return_r2: 0.005, clark_west_p_historical_mean: 0.2 };

    expect(row(luck, "Return R²", against).verdict?.way).toBe("even");
  });

  it("has a trace of skill where the test finds it and the errors don't", () => {
    const trace = { return_r2: 0.001, clark_west_p_historical_mean: 0.01 };

    expect(row(trace, "Return R²", against).verdict).toEqual({ way: "even", text: "a trace of skill" });
  });

  it("is worse otherwise", () => {
    expect(row({}, "Return R²", against).verdict?.way).toBe("worse");
  });

  it("loses to the mean by Diebold and Mariano only where the test says so", () => {
    expect(row({}, "Squared errors (Diebold-Mariano)", against).verdict?.way).toBe("even");
    expect(row({ diebold_mariano_p: 0.01 }, "Squared errors (Diebold-Mariano)", against).verdict?.way).toBe("worse");
    expect(
      row({ diebold_mariano: -3, diebold_mariano_p: 0.01 }, "Squared errors (Diebold-Mariano)", against).verdict?.way,
    ).toBe("better");
  });
});

describe("direction and probability", () => {
  it("within two standard errors nobody can tell", () => {
    const against = "the commoner one, always";

    expect(row({}, "Right direction", against).verdict?.way).toBe("even");
    expect(row({ directional_accuracy: 0.565 }, "Right direction", against).verdict?.way).toBe("better");
    expect(row({ directional_accuracy: 0.52 }, "Right direction", against).verdict?.way).toBe("worse");
  });

  it("equal scores, as far as they are written, are no difference", () => {
    expect(row({ brier: 0.25011 }, "Brier score of P(up)", "base rate").verdict?.way).toBe("even");
  });

  it("has no confidence to be wrong about, or so many", () => {
    const [score, against] = ["Right when at least 60 % sure", "what it promised"];

    expect(row({}, score, against)).toMatchObject({ model: "never that sure", verdict: null });
    expect(row({ confident_right: 0.615, confident_n: 423 }, score, against)).toMatchObject({
      model: "61.5 % of 423",
      verdict: { text: "kept" },
    });
    expect(row({ confident_right: 0.5, confident_n: 423 }, score, against).verdict?.way).toBe("worse");
  });
});

describe("intervals", () => {
  it("keep their promise within two standard errors, of as many outcomes as don't overlap", () => {
    const [score, against] = ["Inside the 90 % interval", "its promise"];

    expect(coverageError(0.9, 2262, 1)).toBeCloseTo(0.0063, 4);
    expect(coverageError(0.9, 2262, 5)).toBeCloseTo(0.0141, 4);
    expect(row({}, score, against).verdict?.text).toBe("as promised");
    expect(row({ coverage_90: 0.92 }, score, against).verdict).toEqual({ way: "even", text: "too wide" });
    expect(row({ coverage_90: 0.88 }, score, against).verdict).toEqual({ way: "worse", text: "too narrow" });
    expect(row({ coverage_90: 0.88 }, score, against, 5).verdict?.text).toBe("as promised");
  });

  it("have a worst quarter that says little where outcomes overlap", () => {
    const [score, against] = ["90 % interval, worst 63 running", "what perfect ones come to"];

    expect(row({ worst_coverage_63: 0.7 }, score, against).verdict?.way).toBe("worse");
    expect(row({ worst_coverage_63: 0.7 }, score, against, 5).verdict).toBeNull();
  });
});

describe("skill in the mean, in the model card's words", () => {
  const both = { clark_west_p: 0.01, clark_west_p_historical_mean: 0.01 };

  it("is shown, a trace, drift only or not shown", () => {
    expect(skillOf({ ...APPLE, ...both, return_r2: 0.005 })).toBe("shown");
    expect(skillOf({ ...APPLE, ...both, return_r2: 0.001 })).toBe("trace");
    expect(skillOf({ ...APPLE, ...both, return_r2: -0.001, return_r2_historical_mean: -0.002 })).toBe("trace");
    expect(skillOf(APPLE)).toBe("drift");
    expect(skillOf({ ...APPLE, clark_west_p: 0.2 })).toBe("none");
  });
});

describe("all models together", () => {
  it("are counted by what they beat", () => {
    const worse = { ...APPLE, brier: 0.26, qlike: 1.47, coverage_90: 0.89, clark_west_p_historical_mean: 0.04 };

    expect(tally([APPLE, worse])).toEqual({
      n: 2,
      beatMean: 1,
      brier: 1,
      qlike: 1,
      coverage: expect.closeTo(0.90035, 6),
      worstCoverage: 0.89,
    });
  });

  it("have a median of odd and even numbers, and none of nothing", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
  });
});
