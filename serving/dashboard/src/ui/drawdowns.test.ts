import { expect, test } from "vitest";
import { drawdowns } from "./drawdowns";

test("a drawdown is measured from the highest value so far", () => {
  expect(drawdowns([1.2, 0.9, 1.2, 1.5, 0.75])).toEqual([0, 0.9 / 1.2 - 1, 0, 0, -0.5]);
});

test("it begins with the first loss: a curve starts from 1, which it doesn't show", () => {
  expect(drawdowns([0.9, 1])).toEqual([0.9 - 1, 0]);
});

test("a ruined book has lost everything, for good", () => {
  expect(drawdowns([1, 0, 0])).toEqual([0, -1, -1]);
});
