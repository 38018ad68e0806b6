// The columns of the history: a forecast, what it made the signal say, and what came.

import type { SignalRow } from "../../api/types";
import { basisPoints, change, percent, simpleReturn } from "../../format/numbers";
import { session } from "../../format/time";
import { ActionBadge, Change } from "../../ui/signal";
import type { Column } from "../../ui/table";
import { actionOf, OUTCOME_LOOKS, outcomeOf } from "./outcome";

export const HISTORY_COLUMNS: readonly Column<SignalRow>[] = [
  {
    key: "session",
    header: "Session",
    rowHeader: true,
    sort: (row) => row.session,
    cell: (row) => <span title={`Its horizon ends on ${session(row.target_session)}`}>{session(row.session)}</span>,
  },
  {
    key: "action",
    header: "Signal",
    sort: (row) => row.action,
    cell: (row) => <ActionBadge action={actionOf(row.action)} />,
  },
  {
    key: "confidence",
    header: "Confidence",
    title: "The calibrated probability that the direction is right; how often it was stands above",
    align: "end",
    sort: (row) => row.confidence,
    cell: (row) => percent(row.confidence / 100),
  },
  { key: "up", header: "P(up)", align: "end", sort: (row) => row.p_up, cell: (row) => percent(row.p_up) },
  { key: "edge", header: "Edge", align: "end", sort: (row) => row.edge_bp, cell: (row) => basisPoints(row.edge_bp) },
  {
    key: "interval",
    header: "Forecast, 90 %",
    title: "Nine in ten outcomes were to fall in between; sorted by its width",
    align: "end",
    sort: (row) => row.upper_90 - row.lower_90,
    cell: (row) => `${change(simpleReturn(row.lower_90), 1)} … ${change(simpleReturn(row.upper_90), 1)}`,
  },
  {
    key: "realised",
    header: "Came",
    title: "The return over the horizon",
    align: "end",
    sort: (row) => row.realised,
    cell: ({ realised }) =>
      realised === null ? "–" : <Change value={realised} text={change(simpleReturn(realised))} />,
  },
  { key: "outcome", header: "Outcome", sort: outcomeOf, cell: (row) => <OutcomeMark row={row} /> },
  { key: "reason", header: "Reason", class: "signals-reason", cell: (row) => row.reason },
];

function OutcomeMark({ row }: { row: SignalRow }) {
  const outcome = outcomeOf(row);
  const { sign, text, means } = OUTCOME_LOOKS[outcome];
  return (
    <span class={`signals-outcome signals-${outcome}`} title={means}>
      <span aria-hidden="true">{sign}</span> {text}
    </span>
  );
}
