// Whether the intervals have held over time: the share of outcomes inside them, beside what they promise.

import { useMemo } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { Calibration } from "../../api/types";
import { count, percent } from "../../format/numbers";
import { session } from "../../format/time";
import { type Line, Lines, sessionSeconds } from "../../ui/lines";
import { Empty, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { sessionsAhead } from "./Horizons";

const CHART_LINES = 9;

export function CoveragePanel({ ticker, horizon }: { ticker: string; horizon: number }) {
  const path = `/v1/models/${encodeURIComponent(ticker)}/calibration`;
  const { answer, error, loading, reload } = useResource<Calibration>(path);
  const of = answer?.data;
  return (
    <Panel class="models-panel" title="Coverage over time" aside={of && <span>over {of.window} outcomes running</span>}>
      {error && <Failure what="the coverage" error={error} retry={reload} stale={answer !== null} />}
      {of === undefined && loading && <Loading what="the coverage" lines={CHART_LINES} />}
      {of && of.horizon !== horizon && (
        <p class="models-foot">This picture is of {sessionsAhead(of.horizon)}, the horizon that signals act on.</p>
      )}
      {of && of.coverage.length > 0 && <Chart of={of} />}
      {of?.coverage.length === 0 && (
        <Empty title="Too few outcomes yet">
          <p>
            {count(of.n)} are known, a point takes {of.window}.
          </p>
        </Empty>
      )}
    </Panel>
  );
}

function Chart({ of }: { of: Calibration }) {
  const x = useMemo(() => of.coverage.map((point) => sessionSeconds(point.session)), [of]);
  const lines = useMemo(() => drawn(of), [of]);
  const words = inWords(of);
  return (
    <>
      <Lines
        description={words}
        x={x}
        lines={lines}
        sessions
        height={260}
        range={[0, 1]}
        write={(v) => percent(v, 0)}
      />
      <p class="models-foot">{words}</p>
    </>
  );
}

function drawn(of: Calibration): readonly Line[] {
  const level = (value: number) => of.coverage.map(() => value);
  return [
    { label: "inside 90 %", values: of.coverage.map((point) => point.coverage_90), colour: "s1" },
    { label: "90 % promised", values: level(of.nominal_90), colour: "s1", dashed: true, width: 1 },
    { label: "inside 50 %", values: of.coverage.map((point) => point.coverage_50), colour: "s2" },
    { label: "50 % promised", values: level(of.nominal_50), colour: "s2", dashed: true, width: 1 },
  ];
}

/** The picture for who can't see it, and its key numbers for who can. */
function inWords(of: Calibration): string {
  const nineties = of.coverage.map((point) => point.coverage_90);
  const least = Math.min(...nineties);
  const when = of.coverage[nineties.indexOf(least)]?.session;
  const last = of.coverage.at(-1);
  return (
    `Of every ${of.window} outcomes running, the least inside the 90 % interval was ${percent(least)} ` +
    `(to ${session(when)}), the newest ${percent(last?.coverage_90)}, and ${percent(last?.coverage_50)} inside the 50 % ` +
    `interval (to ${session(last?.session)}). ${count(of.n)} forecasts, ${session(of.first)} – ${session(of.last)}.`
  );
}
