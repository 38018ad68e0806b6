// What the strategies have earned out of sample, net of costs, beside their baselines.

import { useMemo } from "preact/hooks";
import type { Performance } from "../../api/types";
import { count, decimal, percent, pValue, signed } from "../../format/numbers";
import { session } from "../../format/time";
import { type Column, Table } from "../../ui/table";
import { Curves } from "./Curves";
import { nameOf } from "./names";
import { BASELINE, type Entry, entriesOf, reigns } from "./record";

export function Record({ performance, asked }: { performance: Performance; asked: string }) {
  const entries = useMemo(() => entriesOf(performance), [performance]);
  const { record } = performance;
  return (
    <>
      <p>
        <b>Out of sample</b>, {session(record.first)} to {session(record.last)}: {count(record.sessions)} sessions,
        weights anew in {count(record.weeks)} weeks, each traded at the next open for {decimal(record.cost_bp, 0)} bp of
        what is traded. {count(record.trials)} strategies were tried, which the deflated Sharpe ratio allows for. The
        tickers are those that have a model today, and were often chosen because they had done well: that flatters all
        of these alike, so read differences, not levels.
      </p>
      <Curves record={record} entries={entries} asked={asked} />
      <Table
        caption="A year's figures, net of costs; Sharpe ratios with a riskless rate of 0"
        columns={COLUMNS}
        rows={entries}
        rowKey={({ key }) => key}
        rowClass={({ key, kind }) => (key === asked ? "portfolio-asked" : `portfolio-${kind}`)}
      />
      <h3>Who was champion</h3>
      <ol class="portfolio-reigns">
        {reigns(record.champions).map(({ strategy, first, until }) => (
          <li key={first}>
            <b>{nameOf(strategy)}</b> from {session(first)} {until === null ? "on: in force" : `to ${session(until)}`}
          </li>
        ))}
      </ol>
    </>
  );
}

const COLUMNS: readonly Column<Entry>[] = [
  { key: "name", header: "Strategy", rowHeader: true, sort: ({ name }) => name, cell: ({ name }) => name },
  figure("return", "Return", ({ record }) => record.annualised_return, percent),
  figure("volatility", "Volatility", ({ record }) => record.annualised_volatility, percent),
  figure("sharpe", "Sharpe", ({ record }) => record.sharpe, decimal),
  {
    key: "interval",
    header: "95 %",
    title: "Interval of the Sharpe ratio",
    align: "end",
    cell: ({ record }) => `${decimal(record.sharpe_lower_95)} to ${decimal(record.sharpe_upper_95)}`,
  },
  figure(
    "over",
    "Over equal weight",
    beside(({ record }) => record.sharpe_over_equal_weight),
    signed,
    "Sharpe ratios",
  ),
  figure(
    "p",
    "p",
    beside(({ record }) => record.p_equal_weight),
    pValue,
    "One-sided: of being no better than equal weight",
  ),
  figure(
    "deflated",
    "Deflated",
    ({ record }) => record.deflated_sharpe,
    (value) => percent(value, 0),
    "How sure it is that the true ratio is above what the best of all tried would reach by luck",
  ),
  figure("drawdown", "Drawdown", ({ record }) => record.maximum_drawdown, percent, "The greatest, session by session"),
  figure("turnover", "Turnover", ({ record }) => record.turnover, decimal, "Of the book a year, bought and sold"),
  figure(
    "cost",
    "Costs, bp",
    ({ record }) => record.total_cost_bp,
    (value) => decimal(value, 0),
    "Altogether",
  ),
  figure(
    "positions",
    "Positions",
    ({ record }) => record.effective_number,
    (value) => decimal(value, 1),
    "In effect",
  ),
];

function figure(
  key: string,
  header: string,
  value: (entry: Entry) => number | null,
  write: (value: number | null) => string,
  title?: string,
): Column<Entry> {
  return { key, header, align: "end", sort: value, cell: (entry) => write(value(entry)), ...(title ? { title } : {}) };
}

/** Equal weight has no comparison with itself. */
function beside(value: (entry: Entry) => number): (entry: Entry) => number | null {
  return (entry) => (entry.key === BASELINE ? null : value(entry));
}
