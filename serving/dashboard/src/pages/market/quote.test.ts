import { describe, expect, it } from "vitest";
import type { PriceBar, TickerCard } from "../../api/types";
import { quoteOf, shownChange, sinceWhen } from "./quote";
import type { LiveBar } from "./sessions";

const CARD: TickerCard = {
  ticker: "AAPL",
  exchange: "XNYS",
  source: "sample",
  first_session: "2000-03-01",
  last_session: "2012-03-01",
  bars: 3020,
  last_close: 544.47,
};

function bar(session: string, close: number): PriceBar {
  return { session, open: close, high: close, low: close, close, volume: 1 };
}

function live(session: string, close: number, before: number | null = null): LiveBar {
  return { ...bar(session, close), provisional: true, before, heard: 2, at: `${session}T15:00:00Z` };
}

describe("a quote", () => {
  it("is the last close and its change on the day before when nothing is live", () => {
    const quote = quoteOf(CARD, [bar("2012-02-29", 542.44), bar("2012-03-01", 544.47)], []);

    expect(quote).toMatchObject({ price: 544.47, kind: "close", heard: null, before: { session: "2012-02-29" } });
    expect(quote.change).toBeCloseTo(544.47 / 542.44 - 1);
    expect(quote.skips).toBe(false);
  });

  it("has no change while the bar before is not known", () => {
    expect(quoteOf(CARD, null, [])).toMatchObject({ price: 544.47, before: null, change: null });
  });

  it("is the live price, changed since the release's last close", () => {
    const quote = quoteOf(CARD, null, [live("2012-03-02", 550)]);

    expect(quote).toMatchObject({ price: 550, kind: "live", heard: 2, skips: false });
    expect(quote.change).toBeCloseTo(550 / 544.47 - 1);
  });

  it("says that sessions may lie between", () => {
    expect(quoteOf(CARD, null, [live("2012-03-05", 526)])).toMatchObject({ skips: true });
  });

  it("counts from the session before as it was seen live", () => {
    const quote = quoteOf(CARD, null, [live("2012-03-02", 545), live("2012-03-05", 526)]);

    expect(quote).toMatchObject({ before: { close: 545, session: "2012-03-02" }, skips: false });
  });

  it("does not take a live price of a session that the release has", () => {
    expect(quoteOf(CARD, null, [live("2012-03-01", 540)])).toMatchObject({ kind: "close", price: 544.47 });
  });

  it("is changed since the close before as it was told, whatever bars there are", () => {
    const quote = quoteOf(CARD, null, [live("2012-03-02", 545), live("2012-03-05", 526, 540)]);

    expect(quote).toMatchObject({ before: { close: 540, session: null }, skips: false });
    expect(quote.change).toBeCloseTo(526 / 540 - 1);
    expect(sinceWhen(quote)).toBe("since the close before");
  });

  it("has a change that is none when it is written as none", () => {
    expect(shownChange(quoteOf(CARD, null, [live("2012-03-02", 544.470_01)]))).toBe(0);
    expect(shownChange(quoteOf(CARD, null, []))).toBeNull();
  });
});
