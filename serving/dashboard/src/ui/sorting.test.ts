import { describe, expect, test } from "vitest";
import { nextSorting, pageOf, sortedBy } from "./sorting";

describe("the order of rows", () => {
  const rows = [
    { name: "b", value: 2 },
    { name: "none", value: null },
    { name: "a", value: -1 },
    { name: "also 2", value: 2 },
    { name: "not a number", value: Number.NaN },
  ];

  test.each([
    ["ascending", ["a", "b", "also 2", "none", "not a number"]],
    ["descending", ["b", "also 2", "a", "none", "not a number"]],
  ] as const)("%s: what is missing goes last, equals stay as they were", (way, names) => {
    const sorted = sortedBy(rows, (row) => row.value, way);

    expect(sorted.map((row) => row.name)).toEqual(names);
  });

  test("words go by their numbers too", () => {
    expect(sortedBy(["v10", "v9", "v1"], (text) => text, "ascending")).toEqual(["v1", "v9", "v10"]);
  });

  test("the rows given are left alone", () => {
    const given = [3, 1, 2];

    sortedBy(given, (n) => n, "ascending");

    expect(given).toEqual([3, 1, 2]);
  });
});

describe("a click on a header", () => {
  test("asks for the greatest number first, for the first word first", () => {
    expect(nextSorting(null, "edge", 12)).toEqual({ key: "edge", way: "descending" });
    expect(nextSorting(null, "ticker", "AAPL")).toEqual({ key: "ticker", way: "ascending" });
  });

  test("on the same column turns it round", () => {
    const once = nextSorting(null, "edge", 12);

    expect(nextSorting(once, "edge", 12).way).toBe("ascending");
    expect(nextSorting(nextSorting(once, "edge", 12), "edge", 12).way).toBe("descending");
  });
});

describe("pages", () => {
  const rows = Array.from({ length: 7 }, (_, k) => k);

  test("hold each row once", () => {
    const pages = [0, 1, 2].map((page) => pageOf(rows, page, 3).rows);

    expect(pages).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  test("beyond the last is the last: rows may have become fewer", () => {
    expect(pageOf(rows, 9, 3)).toEqual({ rows: [6], page: 2, pages: 3, start: 6 });
    expect(pageOf([], 4, 3)).toEqual({ rows: [], page: 0, pages: 1, start: 0 });
  });
});
