// The changes of action as a table: the twin of the chart's markers, for eyes and ears. A row that is pointed at is
// pointed at in the chart.

import type { Signal } from "@preact/signals";
import { pathOf } from "../../app/router";
import { basisPoints, count, percent, signed } from "../../format/numbers";
import { session } from "../../format/time";
import { Empty, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { ActionBadge } from "../../ui/signal";
import { type Column, Table } from "../../ui/table";
import type { ActionChange } from "./changes";
import type { History } from "./market";

export interface LastSignalsProps {
  readonly ticker: string;
  readonly history: History;
  readonly changes: readonly ActionChange[];
  readonly pointed: Signal<string | null>;
  /** Asks for all of the history; null where it was asked for. */
  readonly lookFurther: (() => void) | null;
}

export function LastSignals({ ticker, history, changes, pointed, lookFurther }: LastSignalsProps) {
  const { rows, error, reload } = history;
  return (
    <Panel
      title="Last signals"
      class="market-signals"
      aside={<a href={pathOf("signals", ticker)}>All of them, and what they earned</a>}
    >
      {rows === null && error === null && <Loading what="the signals" lines={5} />}
      {error && <Failure what="the signals" error={error} retry={reload} stale={rows !== null} />}
      {rows !== null && changes.length === 0 && (
        <Empty title="No change of action">
          <p>
            In the last {count(rows.length)} sessions of the out-of-sample history it was {rows[0]?.action ?? "nothing"}{" "}
            throughout.
          </p>
        </Empty>
      )}
      {rows !== null && changes.length > 0 && (
        <Table
          caption={`Changes of action in the last ${count(rows.length)} sessions, out of sample: what the champion would have said`}
          columns={columns(pointed)}
          rows={changes}
          rowKey={(row) => row.session}
          pageSize={10}
        />
      )}
      {rows !== null && lookFurther && (
        <p class="market-further">
          <button type="button" class="button" onClick={lookFurther}>
            Look further back
          </button>
        </p>
      )}
    </Panel>
  );
}

function columns(pointed: Signal<string | null>): readonly Column<ActionChange>[] {
  const point = (session: string | null) => () => {
    pointed.value = session;
  };
  return [
    {
      key: "session",
      header: "Session",
      rowHeader: true,
      sort: (row) => row.session,
      cell: (row) => (
        <button
          type="button"
          class="market-point"
          title="Point at it in the chart"
          onMouseEnter={point(row.session)}
          onMouseLeave={point(null)}
          onFocus={point(row.session)}
          onBlur={point(null)}
        >
          {session(row.session)}
        </button>
      ),
    },
    { key: "action", header: "Action", cell: (row) => <ActionBadge action={row.action} />, sort: (row) => row.action },
    { key: "previous", header: "Was", cell: (row) => row.previous },
    {
      key: "confidence",
      header: "Confidence",
      align: "end",
      cell: (row) => percent(row.confidence / 100),
      sort: (row) => row.confidence,
    },
    { key: "p_up", header: "P(up)", align: "end", cell: (row) => percent(row.p_up), sort: (row) => row.p_up },
    {
      key: "edge",
      header: "Expected",
      title: "Log return until the target session",
      align: "end",
      cell: (row) => basisPoints(row.edge_bp),
      sort: (row) => row.edge_bp,
    },
    {
      key: "realised",
      header: "Came",
      title: "Log return until the target session, as it came",
      align: "end",
      cell: (row) => (row.realised === null ? "not yet" : `${signed(10_000 * row.realised, 1)} bp`),
      sort: (row) => row.realised,
    },
    { key: "reason", header: "Reason", class: "market-reason", cell: (row) => row.reason },
  ];
}
