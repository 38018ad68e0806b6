import { expect, it } from "vitest";
import type { StrategyRecord } from "../../api/types";
import { reigns, verdictOf } from "./record";

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
