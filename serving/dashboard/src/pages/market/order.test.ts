import { describe, expect, it, test } from "vitest";
import { filtered, moved, type Order, ordered, orderOf, pinnedFirst, type Sortable, toggled } from "./order";

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

describe("pinned tickers", () => {
  it("stand first in the viewer's order, the others as they were sorted", () => {
    const rows = pinnedFirst(ordered(ROWS, "ticker", false), ["MSFT", "NONE", "AAPL"]);

    expect(rows.map(({ ticker }) => ticker)).toEqual(["MSFT", "AAPL", "GOOG", "IBM"]);
    expect(pinnedFirst(ROWS, [])).toBe(ROWS);
  });

  it("are pinned last, and not any more at the next click", () => {
    expect(toggled(["IBM"], "AAPL")).toEqual(["IBM", "AAPL"]);
    expect(toggled(["IBM", "AAPL"], "IBM")).toEqual(["AAPL"]);
  });

  it("move past those that are not shown, and no further than there are any", () => {
    const pinned = ["MSFT", "GONE", "AAPL"];
    const shown = (ticker: string) => ticker !== "GONE";

    expect(moved(pinned, "AAPL", -1, shown)).toEqual(["AAPL", "MSFT", "GONE"]);
    expect(moved(pinned, "MSFT", 1, shown)).toEqual(["GONE", "AAPL", "MSFT"]);
    expect(moved(pinned, "MSFT", -1, shown)).toBe(pinned);
    expect(moved(pinned, "AAPL", 1, shown)).toBe(pinned);
    expect(moved(pinned, "IBM", 1, shown)).toBe(pinned);
  });
});

test("an order that there is none of is the release's", () => {
  expect([orderOf("change"), orderOf("volume"), orderOf("toString")]).toEqual(["change", "released", "released"]);
});
