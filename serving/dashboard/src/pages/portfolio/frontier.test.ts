import { describe, expect, it } from "vitest";
import { axisOf, labelled, nearest, ticksBetween, weightsAt } from "./frontier";

describe("an axis", () => {
  it("shows every value with room on both sides", () => {
    const axis = axisOf([0.18, 0.29, 0.2], 40, 400, 6);

    expect(axis.at(0.18)).toBeGreaterThan(40);
    expect(axis.at(0.29)).toBeLessThan(400);
  });

  it("may run upwards, as pixels run down", () => {
    const axis = axisOf([0, 1], 300, 0, 5);

    expect(axis.at(1)).toBeLessThan(axis.at(0));
  });

  it("shows a single value in the middle", () => {
    expect(axisOf([0.2, 0.2], 0, 100, 5).at(0.2)).toBeCloseTo(50);
  });

  it("has ticks at round values, as many as there is room for", () => {
    expect(ticksBetween(0.173, 0.301, 7)).toEqual([0.18, 0.2, 0.22, 0.24, 0.26, 0.28, 0.3]);
    expect(ticksBetween(-0.04, 0.12, 4)).toEqual([0, 0.05, 0.1]);
  });

  it.each([1, 3, 5, 8])("has at most %d ticks", (most) => {
    for (const span of [0.01, 0.07, 0.3, 2, 9.9]) {
      expect(ticksBetween(0.1, 0.1 + span, most).length).toBeLessThanOrEqual(most + 1);
    }
  });
});

describe("the nearest point", () => {
  it("is the one with the least distance", () => {
    const places = [
      { x: 0, y: 0 },
      { x: 10, y: 10 },
      { x: 20, y: 0 },
    ];

    expect(nearest(places, { x: 11, y: 6 })).toBe(1);
  });

  it("is none of none", () => {
    expect(nearest([], { x: 0, y: 0 })).toBe(-1);
  });
});

describe("labels", () => {
  const ROOM = { left: 0, right: 200, top: 0, bottom: 100 };

  it("stand to the right of their mark where there is room", () => {
    expect(labelled([{ x: 50, y: 50, text: "IBM" }], ROOM)).toMatchObject([{ anchor: "start" }]);
  });

  it("keep within the picture", () => {
    expect(labelled([{ x: 190, y: 50, text: "IBM" }], ROOM)).toMatchObject([{ anchor: "end" }]);
  });

  it("never cover another label, the first one wins", () => {
    const crowd = Array.from({ length: 12 }, (_, k) => ({ x: 100 + k, y: 50, text: `strategy ${k}` }));

    const placed = labelled(crowd, ROOM);

    expect(placed[0]?.text).toBe("strategy 0");
    expect(placed.length).toBeLessThan(crowd.length);
  });
});

it("takes a chosen point's weights for a target, without what a solver leaves of nothing", () => {
  const frontier = {
    release_id: "r",
    week: "2012-02-26",
    data_through: "2012-03-01",
    tickers: ["AAPL", "GOOG", "IBM"],
    expected_return_in_sample: [],
    volatility_in_sample: [],
    points: [{ expected_return: 0.2, volatility: 0.2, weights: [0.4, -3e-12, 0.6] }],
    strategies: [],
  };

  expect(weightsAt(frontier, 0)).toEqual({ AAPL: 0.4, IBM: 0.6 });
  expect(weightsAt(frontier, 7)).toEqual({});
});
