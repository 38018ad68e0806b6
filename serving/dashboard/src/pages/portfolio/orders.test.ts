import { describe, expect, it } from "vitest";
import { csvOf, sharesAfter, textOf } from "./orders";

const ORDERS = [
  { ticker: "IBM", side: "BUY", shares: 25, price: 197.21, notional: 4930.25, cost: 1.48 },
  { ticker: "BRK,B", side: "SELL", shares: 2, price: 80.5, notional: 161, cost: 0.05 },
] as const;

describe("orders for another program", () => {
  it("are CSV with a header, a line each and numbers in full", () => {
    expect(csvOf(ORDERS)).toBe(
      'side,ticker,shares,price,notional,cost\r\nBUY,IBM,25,197.21,4930.25,1.48\r\nSELL,"BRK,B",2,80.5,161,0.05\r\n',
    );
  });

  it("are no formulas, whatever a ticker is called", () => {
    expect(csvOf([{ ...ORDERS[0], ticker: "=1+1" }])).toContain("BUY,'=1+1,25");
  });

  it("are lines that one can read out", () => {
    expect(textOf(ORDERS, (price) => price.toFixed(2))).toBe("BUY 25 IBM at about 197.21\nSELL 2 BRK,B at about 80.50");
  });
});

it("knows what is held when the orders have been carried out", () => {
  expect(sharesAfter([{ ticker: "IBM", shares_after: 30 }])).toEqual({ IBM: 30 });
});
