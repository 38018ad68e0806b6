import { expect, test } from "vitest";
import type { Book, TradingRecord } from "../../api/types";
import { worthRows } from "./figures";

const book = (changes: Partial<Book>): Book => ({
  annualised_return: 0.057,
  annualised_volatility: 0.18,
  sharpe: 0.31,
  probabilistic_sharpe: 0.82,
  deflated_sharpe: 0.03,
  maximum_drawdown: 0.46,
  hit_rate: null,
  turnover: 0.56,
  exposure: 0.32,
  trades: 3,
  total_cost_bp: 14,
  ...changes,
});

const record = (signals: Partial<Book>, buyAndHold: Partial<Book>): TradingRecord => ({
  first: "2003-03-10",
  last: "2012-03-01",
  sessions: 2263,
  cost_bp: 1,
  slippage_bp: 2,
  trials: 274,
  signals: book(signals),
  buy_and_hold: book(buyAndHold),
});

const better = (rows: ReturnType<typeof worthRows>, name: string) => rows.find((row) => row.name === name)?.better;

test("more return is better, more drawdown and cost are worse, more exposure is neither", () => {
  const more = { annualised_return: 0.2, maximum_drawdown: 0.6, total_cost_bp: 30, exposure: 1 };

  const rows = worthRows(record(more, {}));

  expect(better(rows, "Return a year")).toBe("signals");
  expect(better(rows, "Deepest drawdown")).toBe("buy_and_hold");
  expect(better(rows, "Costs paid")).toBe("buy_and_hold");
  expect(better(rows, "Exposure")).toBe("neither");
  expect(better(rows, "Sharpe ratio")).toBe("equal");
});

test("a ruined book, which has no ratio, is the worse one", () => {
  const ruined = { sharpe: null, annualised_volatility: null, annualised_return: -1 };

  const rows = worthRows(record(ruined, {}));

  expect(better(rows, "Sharpe ratio")).toBe("buy_and_hold");
  expect(better(rows, "Volatility a year")).toBe("buy_and_hold");
  expect(rows.find((row) => row.name === "Sharpe ratio")?.signals).toBe("–");
});
