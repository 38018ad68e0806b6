import { expect, test } from "vitest";
import { drawdowns } from "./drawdowns";

test("a drawdown is measured from the highest value so far", () => {
  expect(drawdowns([1, 2, 1, 3, 1.5])).toEqual([0, 0, -0.5, 0, -0.5]);
});

test("a ruined book has lost everything, for good", () => {
  expect(drawdowns([1, 0, 0])).toEqual([0, -1, -1]);
});
