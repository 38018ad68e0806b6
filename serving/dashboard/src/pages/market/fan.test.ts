import { describe, expect, it } from "vitest";
import type { Further, Prediction } from "../../api/types";
import { fanOf, horizonsOf, sessionsAhead } from "./fan";

function made(horizon: number, target: string): Further {
  const spread = 10 * horizon;
  return {
    horizon,
    target_session: target,
    mean: 0,
    vol: 0.01,
    p_up: 0.5,
    lower_90: -0.02,
    lower_50: -0.01,
    upper_50: 0.01,
    upper_90: 0.02,
    price_median: 500,
    price_lower_90: 500 - 2 * spread,
    price_lower_50: 500 - spread,
    price_upper_50: 500 + spread,
    price_upper_90: 500 + 2 * spread,
  };
}

const PREDICTION = {
  ...made(1, "2012-03-02"),
  type: "prediction",
  ticker: "AAPL",
  session: "2012-03-01",
  close: 499,
  further: [made(5, "2012-03-08")],
} as unknown as Prediction;

describe("the fan of a forecast", () => {
  it("begins at the price that it was made at and opens towards each target", () => {
    const fan = fanOf(PREDICTION);

    expect(fan.map(({ ahead, lower90, upper90 }) => [ahead, lower90, upper90])).toEqual([
      [0, 499, 499],
      [1, 480, 520],
      [5, 400, 600],
    ]);
  });

  it("has the nearest horizon first although signals act on another", () => {
    const other = { ...PREDICTION, ...made(5, "2012-03-08"), further: [made(1, "2012-03-02")] } as Prediction;

    expect(horizonsOf(other).map(({ horizon }) => horizon)).toEqual([1, 5]);
  });

  it("reaches over as many sessions as its farthest horizon", () => {
    expect(sessionsAhead(fanOf(PREDICTION))).toEqual([
      "2012-03-02",
      "2012-03-05",
      "2012-03-06",
      "2012-03-07",
      "2012-03-08",
    ]);
  });
});
