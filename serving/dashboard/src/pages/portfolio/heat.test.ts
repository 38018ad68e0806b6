import { describe, expect, it } from "vitest";
import { extremes, matrixOf, mixed, pairsOf, strength } from "./heat";

const FOUND = {
  release_id: "r",
  week: "2012-02-26",
  data_through: "2012-03-01",
  tickers: ["A", "B", "C", "D"],
  correlation: [
    [1, 0.1, 0.8, 0.2],
    [0.1, 1, 0.3, 0.7],
    [0.8, 0.3, 1, 0.25],
    [0.2, 0.7, 0.25, 1],
  ],
  cluster_order: ["C", "A", "D", "B"],
};

describe("the matrix", () => {
  it("is drawn in the order of clusters, rows and columns alike", () => {
    const { tickers, rows } = matrixOf(FOUND, "clusters");

    expect(tickers).toEqual(["C", "A", "D", "B"]);
    expect(rows[0]).toEqual([1, 0.8, 0.25, 0.3]);
    expect(rows.map((row, k) => row[k])).toEqual([1, 1, 1, 1]);
  });

  it("parts where neighbours move together less than the average pair", () => {
    expect([...matrixOf(FOUND, "clusters").gaps]).toEqual([2]);
  });

  it("has no gaps in the order of the release, which is none of clusters", () => {
    expect(matrixOf(FOUND, "release")).toMatchObject({ tickers: FOUND.tickers, rows: FOUND.correlation });
    expect(matrixOf(FOUND, "release").gaps.size).toBe(0);
  });

  it("has each pair once", () => {
    const pairs = pairsOf(matrixOf(FOUND, "release"));

    expect(pairs).toHaveLength(6);
    expect(pairs).toContainEqual({ one: "C", other: "A", value: 0.8 });
  });

  it("names the pairs that move together most and least", () => {
    const { together, apart } = extremes(pairsOf(matrixOf(FOUND, "release")), 2);

    expect(together.map(({ value }) => value)).toEqual([0.8, 0.7]);
    expect(apart.map(({ value }) => value)).toEqual([0.1, 0.2]);
  });

  it("names no pair twice where there are few", () => {
    const { together, apart } = extremes(pairsOf(matrixOf(FOUND, "release")), 10);

    expect(together.length + apart.length).toBe(6);
  });
});

describe("its colours", () => {
  it("grow with the correlation, whichever its sign", () => {
    expect([0, 0.5, -0.5, 1, -1].map((value) => strength(value, 60))).toEqual([0, 30, 30, 60, 60]);
  });

  it("are mixed channel by channel", () => {
    expect(mixed("#000000", "#ff8000", 0.5)).toBe("rgb(128 64 0)");
    expect(mixed("#123456", "#ffffff", 0)).toBe("rgb(18 52 86)");
  });
});
