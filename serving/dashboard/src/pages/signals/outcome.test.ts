import { expect, test } from "vitest";
import { actionOf, outcomeOf } from "./outcome";

test.each([
  ["BUY", 0.01, "right"],
  ["BUY", -0.01, "wrong"],
  ["SELL", -0.01, "right"],
  ["SELL", 0.01, "wrong"],
  ["BUY", 0, "unmoved"],
  ["SELL", null, "open"],
  ["HOLD", 0.01, "no_side"],
  ["HOLD", null, "no_side"],
] as const)("a %s of which %s came is %s", (action, realised, outcome) => {
  expect(outcomeOf({ action, realised })).toBe(outcome);
});

test("an action that is none of the three is refused, not shown as one", () => {
  expect(() => actionOf("SHORT")).toThrow("expected BUY, SELL or HOLD, got SHORT");
});
