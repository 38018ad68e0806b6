import { describe, expect, it } from "vitest";
import type { FanPoint } from "./fan";
import { isSeenAs, isSeenAsBar } from "./look";
import type { LiveBar } from "./sessions";

const BAR: LiveBar = {
  session: "2012-03-02",
  open: 544,
  high: 547,
  low: 541,
  close: 545,
  volume: 1_000_000,
  provisional: true,
  before: 544.47,
  heard: 1,
  at: "2012-03-02T15:00:00Z",
};
const POINT: FanPoint = {
  session: "2012-03-05",
  ahead: 1,
  median: 545,
  lower50: 540,
  upper50: 550,
  lower90: 530,
  upper90: 560,
};

describe("a bar", () => {
  it("is seen as it was when only its time or a little volume came", () => {
    expect(isSeenAsBar({ ...BAR, heard: 2, at: "2012-03-02T15:00:01Z", volume: 1_000_100 }, BAR)).toBe(true);
  });

  it("is seen otherwise with a cent more, a new extreme, much volume, or when its session is over", () => {
    for (const news of [{ close: 545.01 }, { high: 548 }, { volume: 1_100_000 }, { provisional: false }])
      expect(isSeenAsBar({ ...BAR, ...news }, BAR)).toBe(false);
  });
});

describe("a point of the fan", () => {
  it("is seen as it was within less than a pixel", () => {
    expect(isSeenAs({ ...POINT, median: 545.02 }, POINT)).toBe(true);
    expect(isSeenAs({ ...POINT, upper90: 560.1 }, POINT)).toBe(false);
  });

  it("is another one of another session, or where there was none", () => {
    expect(isSeenAs({ ...POINT, session: "2012-03-06" }, POINT)).toBe(false);
    expect(isSeenAs(POINT, undefined)).toBe(false);
  });
});
