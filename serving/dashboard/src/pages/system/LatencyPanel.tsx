// How long things take: histograms since the page was opened and in total, and the engine's latencies over time.

import { useState } from "preact/hooks";
import { milliseconds } from "../../format/numbers";
import { Age, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { Bars } from "./Bars";
import { histogram, labelValues } from "./exposition";
import { OverTime } from "./OverTime";
import { Routes } from "./Routes";
import { failed, first, newest, type Reading, readMetrics } from "./recording";

const LAG = "stock_assets_live_event_lag_seconds";
const REQUESTS = "stock_assets_http_request_seconds";

export function LatencyPanel() {
  const reading = newest.value;
  const error = failed.value;
  return (
    <Panel class="system-panel" title="Latency" aside={reading && <Age at={reading.at} label="read" />}>
      {error && <Failure what="the metrics" error={error} retry={readMetrics} stale={reading !== null} />}
      {(error?.status === 403 || error?.status === 404) && (
        <p class="system-foot">Behind nginx /metrics is for the same machine only; ask the server at its own port.</p>
      )}
      <div class="grid system-pair">
        <OverTime />
        {reading === null ? (
          error === null && <Loading what="the metrics" lines={9} />
        ) : (
          <Histograms reading={reading} before={first.value} />
        )}
      </div>
      {reading && <Routes reading={reading} before={first.value} />}
    </Panel>
  );
}

function Histograms({ reading, before }: { reading: Reading; before: Reading | null }) {
  const [route, choose] = useState("");
  const [name, labels] = route === "" ? [LAG, {}] : [REQUESTS, { route }];
  const all = histogram(reading.said, name, labels);
  return (
    <section>
      <div class="system-chart-head">
        <h3>How long it takes, by bucket</h3>
        <label class="field system-pick">
          <span>Of</span>
          <select value={route} onChange={(event) => choose(event.currentTarget.value)}>
            <option value="">live messages: Redis to the server</option>
            {labelValues(reading.said, `${REQUESTS}_count`, "route").map((known) => (
              <option key={known} value={known}>
                requests: {known}
              </option>
            ))}
          </select>
        </label>
      </div>
      {all === null ? (
        <p class="system-none">Nothing has been measured yet.</p>
      ) : (
        <Bars
          now={all}
          before={before && histogram(before.said, name, labels)}
          write={(s) => milliseconds(1_000 * s)}
        />
      )}
    </section>
  );
}
