import { expect, test } from "vitest";
import { logarithmicRange } from "./scale";

test.each([
  [0.783, 1.79, [0.7, 2]],
  [0.53, 75.7, [0.5, 80]],
  [1, 99, [1, 100]],
  [0.3, 0.30000000000000004, [0.3, 0.3]],
  [1e-4, 2_345, [1e-4, 3_000]],
])("a logarithmic axis of %s to %s is %j", (least, greatest, range) => {
  expect(logarithmicRange(least, greatest)).toEqual(range);
});
