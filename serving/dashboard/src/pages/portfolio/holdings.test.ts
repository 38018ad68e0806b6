import { describe, expect, it } from "vitest";
import { NOTHING, parsed, tickersOf } from "./holdings";

describe("holdings that a browser kept", () => {
  it("come back as they were typed", () => {
    const kept = { shares: { AAPL: "10", XYZ: "2,5" }, prices: { XYZ: "3" }, cash: "25 000" };

    expect(parsed(JSON.stringify(kept))).toEqual(kept);
  });

  it.each([null, "", "{", "null", "7", '"text"'])("are none where %j was kept", (text) => {
    expect(parsed(text)).toEqual(NOTHING);
  });

  it("lose what is no text, and nothing else", () => {
    const text = '{"shares": {"AAPL": 10, "IBM": "3"}, "prices": ["1"], "cash": null}';

    expect(parsed(text)).toEqual({ shares: { IBM: "3" }, prices: {}, cash: "" });
  });
});

it("has the release's tickers first, then what else is held", () => {
  const held = { ...NOTHING, shares: { XYZ: "1", IBM: "2" } };

  expect(tickersOf(["AAPL", "IBM"], held)).toEqual(["AAPL", "IBM", "XYZ"]);
});
