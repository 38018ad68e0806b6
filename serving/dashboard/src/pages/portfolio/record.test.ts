import { describe, expect, it } from "vitest";
import type { StrategyRecord } from "../../api/types";
import { drawdowns, reigns, seconds, verdictOf } from "./record";

describe("a drawdown", () => {
  it("is counted from the highest point so far", () => {
    expect(drawdowns([1.2, 0.9, 1.2, 1.5, 0.75])).toEqual([0, 0.9 / 1.2 - 1, 0, 0, -0.5]);
  });

  it("begins with the first loss: a curve starts from 1, which it doesn't show", () => {
    expect(drawdowns([0.9, 1])).toEqual([0.9 - 1, 0]);
  });
});

it("tells who reigned from when to when, the newest first", () => {
  const champions = { "2009-06-01": "momentum", "2007-03-19": "target_volatility" };

  expect(reigns(champions)).toEqual([
    { strategy: "momentum", first: "2009-06-01", until: null },
    { strategy: "target_volatility", first: "2007-03-19", until: "2009-06-01" },
  ]);
});

it.each([
  [0.033, "better"],
  [0.27, "even"],
  [0.97, "worse"],
])("p %d beside equal weight is %s", (p, verdict) => {
  expect(verdictOf({ p_equal_weight: p } as StrategyRecord)).toBe(verdict);
});

it("takes a session for the start of its day in UTC", () => {
  expect(seconds("1970-01-02")).toBe(86_400);
});
