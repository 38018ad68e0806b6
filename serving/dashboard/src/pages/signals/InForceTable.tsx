// The signals in force of all tickers. Each cell reads its own ticker's signal, so that a tick redraws that cell.

import type { ComponentChildren } from "preact";
import { useResource } from "../../api/resource";
import type { Signal, Signals } from "../../api/types";
import { pathOf, query } from "../../app/router";
import { basisPoints, MISSING, percent } from "../../format/numbers";
import { session } from "../../format/time";
import type { Told } from "../../live/store";
import { Age, Failure } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { ActionBadge } from "../../ui/signal";
import { type Column, Table } from "../../ui/table";
import { AuditLink, Finality, newest } from "./force";

type Rest = ReadonlyMap<string, Told<Signal>>;

export function InForceTable({ tickers }: { tickers: readonly string[] }) {
  const { answer, error, reload } = useResource<Signals>("/v1/signals");
  const at = answer ? answer.receivedAt - (answer.ageSeconds ?? 0) * 1_000 : 0;
  const rest: Rest = new Map(answer?.data.signals.map((message) => [message.ticker, { message, at }]));
  return (
    <Panel title="In force" class="signals-force-all">
      {error && <Failure what="signals" error={error} retry={reload} stale={answer !== null} />}
      {/* From the first, with dashes: the stream may be faster than the answer. */}
      <Table
        caption="The signal in force of every ticker; the edge is the expected log return over the horizon, before costs"
        columns={columns(rest)}
        rows={tickers}
        rowKey={(ticker) => ticker}
        empty="The release in force has no tickers."
      />
      <p class="muted signals-below">
        Confidence is the calibrated probability that the direction is right. How often it was, beside the base rate,
        stands on each ticker's own page.
      </p>
    </Panel>
  );
}

function columns(rest: Rest): readonly Column<string>[] {
  const cell = (draw: (told: Told<Signal>) => ComponentChildren) => (ticker: string) => (
    <Cell ticker={ticker} rest={rest.get(ticker) ?? null} draw={draw} />
  );
  const by = (value: (signal: Signal) => string | number) => (ticker: string) => {
    const told = newest(ticker, rest.get(ticker) ?? null);
    return told && value(told.message);
  };
  return [
    { key: "ticker", header: "Ticker", rowHeader: true, sort: (ticker) => ticker, cell: link },
    {
      key: "action",
      header: "Signal",
      sort: by((signal) => signal.action),
      cell: cell(({ message }) => <ActionBadge action={message.action} title={message.reason} />),
    },
    {
      key: "confidence",
      header: "Confidence",
      align: "end",
      sort: by((signal) => signal.confidence),
      cell: cell(({ message }) => percent(message.confidence / 100)),
    },
    {
      key: "edge",
      header: "Edge",
      align: "end",
      sort: by((signal) => signal.edge_bp),
      cell: cell(({ message }) => basisPoints(message.edge_bp)),
    },
    { key: "was", header: "Before", cell: cell(({ message }) => message.previous) },
    {
      key: "state",
      header: "State",
      class: "signals-line",
      cell: cell(({ message }) => <Finality provisional={message.provisional} />),
    },
    { key: "session", header: "Session", class: "signals-line", cell: cell(({ message }) => session(message.session)) },
    { key: "age", header: "Told", class: "signals-age", cell: cell(({ at }) => <Age at={at} label="" />) },
    {
      key: "reason",
      header: "Reason",
      class: "signals-reason",
      cell: cell(({ message }) => message.reason),
    },
    {
      key: "audit",
      header: "Trail",
      class: "signals-line",
      cell: cell(({ message }) => <AuditLink signal={message} />),
    },
  ];
}

function Cell(props: { ticker: string; rest: Told<Signal> | null; draw: (told: Told<Signal>) => ComponentChildren }) {
  const told = newest(props.ticker, props.rest);
  return <>{told ? props.draw(told) : MISSING}</>;
}

function link(ticker: string) {
  return <a href={pathOf("signals", ticker) + query.value}>{ticker}</a>;
}
