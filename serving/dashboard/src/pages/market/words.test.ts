import { describe, expect, it } from "vitest";
import type { PriceBar } from "../../api/types";
import type { LiveBar } from "./sessions";
import { inWords, laterOnes } from "./words";

function bar(day: number, close: number): PriceBar {
  const session = `2012-02-${String(day).padStart(2, "0")}`;
  return { session, open: close, high: close + 1, low: close - 1, close, volume: 1 };
}

describe("the chart in words", () => {
  it("names where it began and ended, and its extremes", () => {
    const words = inWords("AAPL", [bar(1, 100), bar(2, 120), bar(3, 90), bar(6, 110)], "6M");

    expect(words).toContain("over 4 sessions");
    expect(words).toContain("100.00");
    expect(words).toContain("+10.00 %");
    expect(words).toContain("121.00");
    expect(words).toContain("89.00");
  });

  it("is of the range's sessions only", () => {
    const bars = Array.from({ length: 29 }, (_, k) => bar(k + 1, 100 + k));

    expect(inWords("AAPL", bars, "1M")).toContain("over 22 sessions");
    expect(inWords("AAPL", bars, "All")).toContain("over 29 sessions");
  });

  it("says that there is nothing", () => {
    expect(inWords("AAPL", [], "All")).toBe("No bars of AAPL.");
  });
});

describe("what is told of the bars after a release", () => {
  function live(session: string, provisional = false): LiveBar {
    return { ...bar(1, 100), session, provisional, before: null, heard: 1, at: session };
  }

  it("is nothing where there are none", () => {
    expect(laterOnes("2012-03-01", [live("2012-03-01")])).toBe("");
  });

  it("is how many, what they are, and that the last one is not over", () => {
    expect(laterOnes("2012-03-01", [live("2012-03-02"), live("2012-03-05", true)])).toBe(
      "The 2 after are live, as traded, not yet in a release; the last is provisional: its session is not over.",
    );
    expect(laterOnes("2012-03-01", [live("2012-03-02")])).toBe(
      "The one after is live, as traded, not yet in a release.",
    );
  });

  it("is that some may be missing", () => {
    expect(laterOnes("2012-03-01", [live("2012-03-05")])).toContain("1 weekday among them has no bar");
    expect(laterOnes("2012-03-01", [live("2012-03-06")])).toContain("2 weekdays among them have no bar");
  });
});
