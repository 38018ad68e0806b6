// Every score beside its baselines, group by group, each with its meaning on demand.

import { useMemo } from "preact/hooks";
import type { TickerMetrics } from "../../api/types";
import { count } from "../../format/numbers";
import { session } from "../../format/time";
import { Panel } from "../../ui/panel";
import { type Column, Table } from "../../ui/table";
import { Verdict } from "../../ui/verdict";
import { EXPLANATIONS } from "./explanations";
import { sessionsAhead } from "./Horizons";
import { type Comparison, type Group, groups } from "./metrics";

export function ScoresPanel({ metrics, horizon }: { metrics: TickerMetrics; horizon: number }) {
  const made = useMemo(() => groups(metrics, horizon), [metrics, horizon]);
  return (
    <Panel
      title="Scores beside their baselines"
      aside={
        <span>
          {sessionsAhead(horizon)}, n = {count(metrics.n)}, {session(metrics.first)} – {session(metrics.last)}
        </span>
      }
    >
      <div class="models-groups">
        {made.map((group) => (
          <Scores key={group.title} group={group} />
        ))}
      </div>
    </Panel>
  );
}

// The verdict stands first: on a phone it is what is in sight.
const COLUMNS: readonly Column<Comparison>[] = [
  {
    key: "score",
    header: "Score",
    rowHeader: true,
    cell: (row) => (
      <>
        {row.score} <span class="models-against">beside: {row.against}</span>
      </>
    ),
  },
  {
    key: "verdict",
    header: "The model is",
    cell: ({ verdict }) => (verdict === null ? "–" : <Verdict way={verdict.way}>{verdict.text}</Verdict>),
  },
  { key: "model", header: "Model's", align: "end", cell: (row) => row.model },
  { key: "baseline", header: "Baseline's", align: "end", cell: (row) => row.baseline },
  { key: "test", header: "Test", cell: (row) => <span class="muted">{row.test}</span> },
];

function Scores({ group }: { group: Group }) {
  return (
    <section class="models-group">
      <h3>{group.title}</h3>
      <Table
        caption={`${group.title}: scores beside their baselines`}
        hideCaption
        columns={COLUMNS}
        rows={group.rows}
        rowKey={(row) => `${row.score} ${row.against}`}
      />
      <details class="models-explained">
        <summary>What these mean</summary>
        <dl>
          {EXPLANATIONS[group.title]?.map(({ term, meaning }) => (
            <div key={term}>
              <dt>{term}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </details>
      {group.title === "Price level" && (
        <p class="models-foot">
          Nearly 1, as for anyone who repeats yesterday's close. It says nothing about returns, which is why it stands
          nowhere else.
        </p>
      )}
    </section>
  );
}
