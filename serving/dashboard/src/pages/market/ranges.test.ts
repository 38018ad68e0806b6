import { describe, expect, it } from "vitest";
import { barsFor, MOST_BARS, moreThan, RANGES, rangeOf, sessionsOf } from "./ranges";

describe("ranges", () => {
  it("are filled by what is asked for", () => {
    for (const range of RANGES) expect(barsFor(range)).toBeGreaterThanOrEqual(Math.min(sessionsOf(range), MOST_BARS));
  });

  it("grow step by step to an end", () => {
    const asked = [barsFor("1M")];
    for (let k = 0; k < 5; k++) asked.push(moreThan(asked[k] ?? 0));

    expect(asked).toEqual([320, 1_400, 10_000, 10_000, 10_000, 10_000]);
  });

  it("are half a year where what was kept is none", () => {
    expect(rangeOf("2W")).toBe("6M");
    expect(rangeOf("All")).toBe("All");
  });
});
