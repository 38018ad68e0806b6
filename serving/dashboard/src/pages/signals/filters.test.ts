import { describe, expect, test } from "vitest";
import { type Filters, filtered, filtersOf, NO_FILTERS, queryOf } from "./filters";
import { row } from "./rows.testing";

describe("filters in the address", () => {
  test("come back as they were put there", () => {
    const filters: Filters = {
      action: "SELL",
      from: "2011-01-01",
      to: "2011-12-31",
      confidence: 52.5,
      outcome: "no_side",
    };

    expect(filtersOf(queryOf(filters))).toEqual(filters);
  });

  test("none need no query", () => {
    expect(queryOf(NO_FILTERS)).toBe("");
    expect(filtersOf("")).toEqual(NO_FILTERS);
  });

  test.each([
    "?action=buy",
    "?action=SHORT",
    "?from=2011-13-01",
    "?to=yesterday",
    "?confidence=lots",
    "?confidence=101",
  ])("%s is no filter of ours, and filters nothing", (query) => {
    expect(filtersOf(query)).toEqual(NO_FILTERS);
  });
});

describe("filtered rows", () => {
  const rows = [
    row({ session: "2011-01-03", action: "BUY", confidence: 54, realised: 0.01 }),
    row({ session: "2011-01-04", action: "SELL", confidence: 51, realised: 0.02 }),
    row({ session: "2011-01-05", action: "HOLD", confidence: 50, realised: -0.01 }),
    row({ session: "2011-01-06", action: "BUY", confidence: 56, realised: null }),
  ];
  const sessions = (filters: Partial<Filters>) =>
    filtered(rows, { ...NO_FILTERS, ...filters }).map((found) => found.session.slice(-2));

  test("without filters are all", () => {
    expect(sessions({})).toEqual(["03", "04", "05", "06"]);
  });

  test("have both ends of a range", () => {
    expect(sessions({ from: "2011-01-04", to: "2011-01-05" })).toEqual(["04", "05"]);
  });

  test("have the least confidence itself", () => {
    expect(sessions({ confidence: 54 })).toEqual(["03", "06"]);
  });

  test("answer all that is asked at once", () => {
    expect(sessions({ action: "BUY", outcome: "open" })).toEqual(["06"]);
    expect(sessions({ outcome: "wrong" })).toEqual(["04"]);
  });
});
