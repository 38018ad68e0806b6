import { describe, expect, it } from "vitest";
import { filtered, type Order, ordered, type Sortable } from "./order";

function row(ticker: string, more: Partial<Sortable> = {}): Sortable {
  return { ticker, change: null, action: null, confidence: null, pUp: null, heard: null, ...more };
}

const ROWS = [
  row("MSFT", { change: 0, action: "SELL", confidence: 51 }),
  row("AAPL", { change: -0.02, action: "BUY", confidence: 60 }),
  row("GOOG"),
  row("IBM", { change: 0.01, action: "HOLD", confidence: 55 }),
];

function tickers(order: Order, reversed = false): string[] {
  return ordered(ROWS, order, reversed).map(({ ticker }) => ticker);
}

describe("the watchlist's order", () => {
  it("has the largest change first, a change of none before what is not known", () => {
    expect(tickers("change")).toEqual(["IBM", "MSFT", "AAPL", "GOOG"]);
  });

  it("keeps what is not known last when it is turned", () => {
    expect(tickers("change", true)).toEqual(["AAPL", "MSFT", "IBM", "GOOG"]);
  });

  it("goes from buying to selling", () => {
    expect(tickers("signal")).toEqual(["AAPL", "IBM", "MSFT", "GOOG"]);
  });

  it("is by name, or the release's", () => {
    expect(tickers("ticker")).toEqual(["AAPL", "GOOG", "IBM", "MSFT"]);
    expect(tickers("released")).toEqual(["MSFT", "AAPL", "GOOG", "IBM"]);
  });
});

describe("the filter", () => {
  it("finds parts of a ticker in any case", () => {
    expect(filtered(ROWS, " s").map(({ ticker }) => ticker)).toEqual(["MSFT"]);
    expect(filtered(ROWS, "")).toBe(ROWS);
  });
});
