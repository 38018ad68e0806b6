import { describe, expect, it } from "vitest";
import type { StrategyWeights } from "../../api/types";
import { bookOf, comparisons, distance } from "./books";
import { NOTHING } from "./holdings";

const PRICES: Readonly<Record<string, number>> = { AAPL: 500, IBM: 200 };
const priceOf = (ticker: string) => PRICES[ticker] ?? null;

describe("the book of what is held", () => {
  it("is shares at their prices, and cash", () => {
    const book = bookOf({ ...NOTHING, shares: { AAPL: "10", IBM: "5" }, cash: "4000" }, priceOf);

    expect(book).toEqual({ weights: { AAPL: 0.5, IBM: 0.1 }, cash: 0.4 });
  });

  it("goes by the viewer's own price before any other", () => {
    const held = { shares: { IBM: "10", XYZ: "10" }, prices: { IBM: "300", XYZ: "100" }, cash: "" };

    expect(bookOf(held, priceOf)).toEqual({ weights: { IBM: 0.75, XYZ: 0.25 }, cash: 0 });
  });

  it.each([
    ["nothing is held", NOTHING],
    ["a ticker has no price", { ...NOTHING, shares: { XYZ: "1" } }],
    ["shares are no number", { ...NOTHING, shares: { IBM: "some" } }],
    ["cash is no number", { ...NOTHING, shares: { IBM: "1" }, cash: "much" }],
  ])("is none where %s", (_, held) => {
    expect(bookOf(held, priceOf)).toBeNull();
  });
});

it("compares the largest weight first, and what is held besides last", () => {
  const target = { weights: { AAPL: 0.2, IBM: 0.7 }, risk_contributions: { AAPL: 0.4, IBM: 0.6 } };

  expect(comparisons(target as unknown as StrategyWeights, ["XYZ", "IBM"])).toEqual([
    { ticker: "IBM", target: 0.7, risk: 0.6 },
    { ticker: "AAPL", target: 0.2, risk: 0.4 },
    { ticker: "XYZ", target: 0, risk: 0 },
  ]);
});

describe("how far a book is from its target", () => {
  const book = (weights: Record<string, number>, cash: number) => ({ weights, cash });

  it("is nothing from itself and the whole from another", () => {
    expect(distance(book({ A: 0.6 }, 0.4), book({ A: 0.6 }, 0.4))).toBe(0);
    expect(distance(book({ A: 1 }, 0), book({ B: 1 }, 0))).toBe(1);
  });

  it("counts what moves once, cash included", () => {
    expect(distance(book({ A: 0.5 }, 0.5), book({ A: 0.8 }, 0.2))).toBeCloseTo(0.3);
  });
});
