// How forecasts have done since they went live, beside the same figures out of sample, and whether they drift.

import { useResource } from "../../api/resource";
import type { LivePerformance } from "../../api/types";
import { count, decimal, percent } from "../../format/numbers";
import { session } from "../../format/time";
import { Age, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { usePolling } from "../../ui/polling";
import { type Column, Table } from "../../ui/table";
import { LevelBadge } from "../../ui/verdict";
import { coverageError } from "./metrics";

const EVERY_MS = 15_000;

/** `horizon` is the one that signals act on: forecasts at the closes are followed at that one. */
export function LivePanel({ ticker, horizon }: { ticker: string; horizon: number }) {
  const path = `/v1/models/${encodeURIComponent(ticker)}/live`;
  const { answer, error, loading, reload } = useResource<LivePerformance>(path);
  usePolling(reload, EVERY_MS);
  const live = answer?.data;
  return (
    <Panel class="models-panel" title="Live, and drift" aside={answer && <Age at={answer.receivedAt} label="asked" />}>
      {error && <Failure what="live performance" error={error} retry={reload} stale={answer !== null} />}
      {live === undefined && loading && <Loading what="live performance" lines={8} />}
      {live && (
        <>
          <Drift live={live} />
          <Table
            caption="Live forecasts beside those out of sample"
            hideCaption
            columns={COLUMNS}
            rows={rows(live, horizon)}
            rowKey={(row) => row.name}
          />
          <p class="models-foot">
            {live.n === 0
              ? "No outcome of a live forecast is known yet: it takes a forecast at a close, and the close that it was for."
              : `Live: the forecasts at the closes from ${session(live.first)} to ${session(live.last)}, of every version that has been in force. ± is a standard error.`}
          </p>
        </>
      )}
    </Panel>
  );
}

function Drift({ live }: { live: LivePerformance }) {
  const { drift } = live;
  if (drift === null)
    return (
      <p class="models-lead">
        <LevelBadge level="unknown">Drift: too early to say</LevelBadge> {live.why}
      </p>
    );
  const scale = Math.max(drift.statistic, drift.threshold) * 1.15;
  return (
    <div class="models-lead">
      <p>
        <LevelBadge level={drift.drifted ? "bad" : "ok"}>{drift.drifted ? "It drifts" : "No drift"}</LevelBadge> version{" "}
        {live.model_version}, newest {count(drift.n)} live forecasts
      </p>
      <div class="models-meter" aria-hidden="true">
        <span class="models-meter-value" style={{ width: `${(100 * drift.statistic) / scale}%` }} />
        <span class="models-meter-limit" style={{ insetInlineStart: `${(100 * drift.threshold) / scale}%` }} />
      </div>
      <p class="models-foot">
        Mean squared residual <b class="num">{decimal(drift.statistic)}</b>; chance explains up to{" "}
        <b class="num">{decimal(drift.threshold)}</b> in 99 % of looks.{" "}
        {drift.drifted && "The sensor forecast_drift trains it anew where it is on; see the Dagster pages."}
      </p>
    </div>
  );
}

interface Row {
  readonly name: string;
  readonly live: string;
  readonly before: string;
  readonly due: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { key: "name", header: "Figure", rowHeader: true, cell: (row) => row.name },
  { key: "live", header: "Live", align: "end", cell: (row) => row.live },
  { key: "before", header: "Out of sample", align: "end", cell: (row) => row.before },
  { key: "due", header: "To be held to", align: "end", cell: (row) => row.due },
];

function rows(live: LivePerformance, horizon: number): readonly Row[] {
  const before = live.out_of_sample;
  const hits = (of: LivePerformance["out_of_sample"]) =>
    of.hit_rate === null ? percent(null) : `${percent(of.hit_rate)} ± ${percent(of.hit_rate_se)}`;
  return [
    { name: "Forecasts", live: count(live.n), before: count(before.n), due: "" },
    {
      name: "Inside the 90 % interval",
      live: percent(live.coverage_90),
      before: percent(before.coverage_90),
      due: live.n === 0 ? percent(0.9) : `${percent(0.9)} ± ${percent(coverageError(0.9, live.n, horizon))}`,
    },
    {
      name: "Inside the 50 % interval",
      live: percent(live.coverage_50),
      before: percent(before.coverage_50),
      due: percent(0.5),
    },
    {
      name: "Right direction",
      live: hits(live),
      before: hits(before),
      due: live.base_rate === null ? "the base rate" : `base rate ${percent(live.base_rate)}`,
    },
    {
      name: "Mean squared residual",
      live: decimal(live.mean_squared_residual),
      before: decimal(before.mean_squared_residual),
      due: decimal(1),
    },
  ];
}
