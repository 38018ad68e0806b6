// Whether the probabilities kept their promise: the diagram, its twin as a table, and the score beside the base rate's.

import { useState } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { Calibration } from "../../api/types";
import { change, count, decimal, percent } from "../../format/numbers";
import { session } from "../../format/time";
import { Figure, Figures } from "../../ui/figure";
import { Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { type Column, Table } from "../../ui/table";
import { type Bin, keptPromise, sentenceOf } from "./bins";
import { Diagram } from "./Diagram";

export function Reliability({ ticker }: { ticker: string }) {
  const path = `/v1/models/${encodeURIComponent(ticker)}/calibration`;
  const { answer, error, loading, reload } = useResource<Calibration>(path);
  return (
    <Panel title="When it says 60 %…" class="signals-reliability">
      {error && <Failure what={`reliability of ${ticker}`} error={error} retry={reload} stale={answer !== null} />}
      {answer === null && loading && <Loading what="the reliability" lines={16} />}
      {answer && <Shown calibration={answer.data} />}
    </Panel>
  );
}

function Shown({ calibration }: { calibration: Calibration }) {
  const { reliability: bins, n, first, last, horizon } = calibration;
  const [chosen, choose] = useState<number | null>(null);
  // The most confident one is what a reader asks for first.
  const bin = bins[chosen ?? bins.length - 1];
  return (
    <>
      <p class="signals-sentence" aria-live="polite">
        {bin ? `${sentenceOf(bin)}.` : "No forecast's outcome is known yet."}
      </p>
      <Diagram bins={bins} chosen={chosen ?? bins.length - 1} choose={choose} />
      <p class="muted">
        {count(n)} out-of-sample forecasts of P(up), {session(first)} to {session(last)}, in groups of about equally
        many; bars are 95 % intervals (Wilson){horizon > 1 && ", too narrow here as outcomes overlap"}. On the diagonal
        what was said is what came.
      </p>
      <div class="signals-wide">
        <Figures>
          <Scores calibration={calibration} />
        </Figures>
      </div>
      <details class="signals-twin">
        <summary>The same as a table</summary>
        <Table
          caption="Forecasts of a gain and how often it came"
          columns={COLUMNS}
          rows={bins}
          rowKey={(row) => row.lower}
        />
      </details>
    </>
  );
}

function Scores({ calibration: { brier, brier_base_rate, calibration_error } }: { calibration: Calibration }) {
  return (
    <Figure
      label="Brier score of P(up), lower is better"
      value={decimal(brier, 4)}
      baseline={{ label: "always saying the base rate", value: decimal(brier_base_rate, 4) }}
      note={`Skill ${change(1 - brier / brier_base_rate, 1)}, where 0 is the base rate's; whether that is more than chance is not tested here. Calibration error ${percent(calibration_error)}, of which noise alone makes a part.`}
    />
  );
}

const COLUMNS: readonly Column<Bin>[] = [
  {
    key: "said",
    header: "It said",
    rowHeader: true,
    sort: (bin) => bin.lower,
    cell: (bin) => <span class="num">{`${decimal(bin.lower * 100, 1)}–${decimal(bin.upper * 100, 1)} %`}</span>,
  },
  { key: "mean", header: "On average", align: "end", cell: (bin) => percent(bin.forecast) },
  { key: "up", header: "It went up", align: "end", sort: (bin) => bin.happened, cell: (bin) => percent(bin.happened) },
  {
    key: "interval",
    header: "95 %",
    align: "end",
    cell: (bin) => `${decimal(bin.lower_95 * 100, 1)}–${decimal(bin.upper_95 * 100, 1)} %`,
  },
  { key: "n", header: "Times", align: "end", sort: (bin) => bin.n, cell: (bin) => count(bin.n) },
  { key: "kept", header: "As said?", cell: (bin) => (keptPromise(bin) ? "✓ within chance" : "✗ off") },
];
