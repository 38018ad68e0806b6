// What each ticker's signals would have earned, beside buying and holding: one row a ticker.

import { useResource } from "../../api/resource";
import type { ModelCard, Models } from "../../api/types";
import { pathOf } from "../../app/router";
import { change, count, percent, signed } from "../../format/numbers";
import { session } from "../../format/time";
import { Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { type Column, Table } from "../../ui/table";

const COLUMNS: readonly Column<ModelCard>[] = [
  {
    key: "ticker",
    header: "Ticker",
    rowHeader: true,
    sort: (model) => model.ticker,
    cell: ({ ticker }) => <a href={pathOf("signals", ticker)}>{ticker}</a>,
  },
  number(
    "return",
    "Return a year",
    "net of costs, compound",
    ({ trading }) => trading.signals.annualised_return,
    change,
  ),
  number("hold", "If held", "the same, bought once and held", (m) => m.trading.buy_and_hold.annualised_return, change),
  number("sharpe", "Sharpe", "a year, riskless rate 0", ({ trading }) => trading.signals.sharpe, signed),
  number("hold_sharpe", "If held", "its Sharpe ratio", ({ trading }) => trading.buy_and_hold.sharpe, signed),
  number(
    "deflated",
    "Deflated",
    "confidence that the Sharpe ratio beats the luck of the best of all trials; 95 % would be evidence of skill",
    ({ trading }) => trading.signals.deflated_sharpe,
    percent,
  ),
  number("drawdown", "Drawdown", "the deepest", ({ trading }) => trading.signals.maximum_drawdown, percent),
  number("hold_drawdown", "If held", "its deepest", (m) => m.trading.buy_and_hold.maximum_drawdown, percent),
  number("trades", "Trades", "those still held included", ({ trading }) => trading.signals.trades, count),
  number("sessions", "Sessions", "out of sample", ({ trading }) => trading.sessions, count),
  {
    key: "since",
    header: "From, to",
    class: "signals-line",
    sort: ({ trading }) => trading.first,
    cell: ({ trading }) => `${session(trading.first)} – ${session(trading.last)}`,
  },
];

export function WorthOfAll() {
  const { answer, error, loading, reload } = useResource<Models>("/v1/models");
  return (
    <Panel title="What they would have earned">
      {error && <Failure what="trading records" error={error} retry={reload} stale={answer !== null} />}
      {answer === null && loading && <Loading what="trading records" lines={6} />}
      {answer && (
        <Table
          caption="Out-of-sample signals as trades at the next open, net of costs, each figure beside what buying once and holding came to (“if held”)"
          columns={COLUMNS}
          rows={answer.data.models}
          rowKey={(model) => model.ticker}
        />
      )}
    </Panel>
  );
}

function number(
  key: string,
  header: string,
  title: string,
  value: (model: ModelCard) => number | null,
  write: (value: number | null) => string,
): Column<ModelCard> {
  return { key, header, title, align: "end", sort: value, cell: (model) => write(value(model)) };
}
