// Requests by route: how many, how many failed, how fast, since the page was opened and in total.

import { useMemo } from "preact/hooks";
import { count, decimal, milliseconds } from "../../format/numbers";
import { type Column, Table } from "../../ui/table";
import { between, counted, type Exposition, histogram, labelValues, quantile, samplesOf, total } from "./exposition";
import type { Reading } from "./recording";

interface Row {
  readonly route: string;
  readonly all: number;
  readonly since: number;
  readonly perSecond: number;
  readonly failed: number;
  readonly median: number | null;
  readonly tail: number | null;
}

const COUNTER = "stock_assets_http_requests_total";
const SECONDS = "stock_assets_http_request_seconds";

export function Routes({ reading, before }: { reading: Reading; before: Reading | null }) {
  const rows = useMemo(() => routeRows(reading, before), [reading, before]);
  return (
    <details class="system-routes">
      <summary>Requests by route ({rows.length})</summary>
      <Table
        caption="Requests by route, of all workers of this server"
        columns={COLUMNS}
        rows={rows}
        rowKey={(row) => row.route}
        sorting={{ key: "since", way: "descending" }}
      />
      <p class="system-foot">
        “Since opened” counts from the first reading of this page. Times are of what was measured: answers that were
        ready are only counted. This page itself asks for /v1/status and /metrics every 5 s.
      </p>
    </details>
  );
}

function routeRows(reading: Reading, before: Reading | null): readonly Row[] {
  const seconds = before === null ? 0 : (reading.at - before.at) / 1_000;
  return labelValues(reading.said, COUNTER, "route").map((route) => {
    const all = total(reading.said, COUNTER, { route }) ?? 0;
    const since = before === null ? 0 : counted(total(before.said, COUNTER, { route }), all);
    const measured = histogram(reading.said, SECONDS, { route });
    const recent = measured && between(before && histogram(before.said, SECONDS, { route }), measured);
    const shown = recent !== null && recent.count > 0 ? recent : measured;
    return {
      route,
      all,
      since,
      perSecond: seconds > 0 ? since / seconds : 0,
      failed: failures(reading.said, route),
      median: shown && quantile(shown, 0.5),
      tail: shown && quantile(shown, 0.99),
    };
  });
}

/** Those answered with a status of 500 or more: the server's fault. */
function failures(said: Exposition, route: string): number {
  const broken = samplesOf(said, COUNTER, { route }).filter(({ labels }) => labels.status?.startsWith("5"));
  return broken.reduce((sum, { value }) => sum + value, 0);
}

const inMs = (seconds: number | null) => milliseconds(seconds === null ? null : 1_000 * seconds);

const COLUMNS: readonly Column<Row>[] = [
  { key: "route", header: "Route", rowHeader: true, cell: (row) => <code>{row.route}</code>, sort: (row) => row.route },
  { key: "since", header: "Since opened", align: "end", cell: (row) => count(row.since), sort: (row) => row.since },
  {
    key: "rate",
    header: "Per second",
    align: "end",
    cell: (row) => decimal(row.perSecond),
    sort: (row) => row.perSecond,
  },
  { key: "median", header: "Median", align: "end", cell: (row) => inMs(row.median), sort: (row) => row.median },
  { key: "tail", header: "p99", align: "end", cell: (row) => inMs(row.tail), sort: (row) => row.tail },
  { key: "failed", header: "Failed (5xx)", align: "end", cell: (row) => count(row.failed), sort: (row) => row.failed },
  { key: "all", header: "In total", align: "end", cell: (row) => count(row.all), sort: (row) => row.all },
];
