import { describe, expect, test } from "vitest";
import { historyCsv, historyFileName } from "./historyCsv";
import { row } from "./rows.testing";

describe("the file of a history", () => {
  test("has a header with units, and each row in the order given", () => {
    const rows = [row({ session: "2012-03-01", realised: null }), row({ action: "SELL", realised: -0.01 })];

    const lines = historyCsv("AAPL", rows).split("\r\n");

    expect(lines[0]).toBe(
      "ticker,session,target_session,action,confidence_percent,p_up,edge_bp,volatility_log_return," +
        "lower_90_log_return,lower_50_log_return,upper_50_log_return,upper_90_log_return,realised_log_return,outcome,reason",
    );
    expect(lines[1]).toBe(
      "AAPL,2012-03-01,2012-03-01,BUY,54.1,0.541,7.8,0.017,-0.026,-0.009,0.0115,0.028,,open," +
        '"expected +7.8 bp, and keeping costs nothing; P(up) 54%"',
    );
    expect(lines[2]).toContain(",SELL,");
    expect(lines[2]).toContain(",-0.01,right,");
    expect(lines).toHaveLength(4);
    expect(lines[3]).toBe("");
  });

  test("is a header alone without rows", () => {
    expect(historyCsv("AAPL", []).match(/\r\n/g)).toHaveLength(1);
  });

  test("is named by ticker and release, as any file system takes it", () => {
    expect(historyFileName("AAPL", "2012-03-01-329c4dbbec2a")).toBe("signals_AAPL_2012-03-01-329c4dbbec2a.csv");
    expect(historyFileName("BTC/USD", "../x")).toBe("signals_BTC_USD_.._x.csv");
  });
});
