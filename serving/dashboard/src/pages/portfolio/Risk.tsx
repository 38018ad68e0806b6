// What the chosen allocation may lose: in a session, and if the worst times of the past came again. All in sample.

import type { StrategyWeights, Weights } from "../../api/types";
import { count, decimal, percent } from "../../format/numbers";
import { session } from "../../format/time";
import { type Column, Table } from "../../ui/table";
import { nameOf } from "./names";
import { BASELINE } from "./record";
import { allocationOf } from "./Strategies";

type Tail = StrategyWeights["tails"][number];
type Stress = StrategyWeights["stress"][number];

export function Risk({ weights, asked }: { weights: Weights; asked: string | null }) {
  const chosen = allocationOf(weights, asked);
  const equal = allocationOf(weights, BASELINE);
  if (chosen === undefined || equal === undefined) return null;
  return (
    <>
      <p>
        <b>{nameOf(chosen.strategy)}</b>, <b>in sample</b>: expected {percent(chosen.expected_return_in_sample)} a year
        at a volatility of {percent(chosen.volatility_in_sample)} (equal weight:{" "}
        {percent(equal.expected_return_in_sample)} at {percent(equal.volatility_in_sample)}), with{" "}
        {decimal(chosen.effective_number, 1)} positions in effect ({decimal(equal.effective_number, 1)}). The estimates
        that say so chose the weights: what came of them is under What was earned.
      </p>
      <Table
        caption="Loss of one session, as a share of the book"
        columns={tailColumns(equal.tails)}
        rows={chosen.tails}
        rowKey={({ level }) => level}
      />
      <Table
        caption="What these weights would have lost at their worst times"
        columns={STRESS}
        rows={chosen.stress}
        rowKey={({ sessions }) => sessions}
      />
      <p class="muted">
        VaR: in one session of 20 (at 95 %), or of 100 (at 99 %), that much or more is lost; CVaR is the mean of those
        losses. Counted from past sessions, and in brackets as if returns were normal, which they are not.
      </p>
    </>
  );
}

function tailColumns(equal: readonly Tail[]): readonly Column<Tail>[] {
  const beside = (row: Tail) => equal.find(({ level }) => level === row.level);
  return [
    { key: "level", header: "Level", rowHeader: true, cell: ({ level }) => percent(level, 0) },
    { key: "var", header: "VaR", align: "end", cell: (row) => both(row.historical_var, row.normal_var) },
    { key: "cvar", header: "CVaR", align: "end", cell: (row) => both(row.historical_cvar, row.normal_cvar) },
    {
      key: "equal",
      header: "CVaR of equal weight",
      align: "end",
      cell: (row) => both(beside(row)?.historical_cvar, beside(row)?.normal_cvar),
    },
  ];
}

function both(historical: number | undefined, normal: number | undefined) {
  return (
    <>
      {percent(historical)} <span class="muted">({percent(normal)})</span>
    </>
  );
}

const STRESS: readonly Column<Stress>[] = [
  {
    key: "sessions",
    header: "Worst",
    rowHeader: true,
    cell: ({ sessions }) => (sessions === 1 ? "session" : `${count(sessions)} sessions`),
  },
  { key: "loss", header: "Loss", align: "end", cell: ({ loss }) => percent(loss) },
  { key: "equal", header: "Equal weight then", align: "end", cell: ({ equal_weight }) => percent(equal_weight) },
  {
    key: "when",
    header: "When",
    class: "portfolio-nowrap",
    cell: ({ first, last }) => (first === last ? session(first) : `${session(first)} – ${session(last)}`),
  },
];
