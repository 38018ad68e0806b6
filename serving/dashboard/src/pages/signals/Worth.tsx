// The figures of the signals as trades beside buying and holding, as a table.

import type { TradingRecord } from "../../api/types";
import { count } from "../../format/numbers";
import { type Column, Table } from "../../ui/table";
import { type Better, type WorthRow, worthRows } from "./figures";

const LOOKS: Readonly<Record<Better, { class: string; text: string }>> = {
  signals: { class: "change-up", text: "▲ signals" },
  buy_and_hold: { class: "change-down", text: "▼ holding" },
  equal: { class: "change-flat", text: "= equal" },
  neither: { class: "change-flat", text: "–" },
};

const COLUMNS: readonly Column<WorthRow>[] = [
  {
    key: "name",
    header: "Figure",
    rowHeader: true,
    cell: ({ name, means }) => (
      <>
        {name} <span class="signals-means">{means}</span>
      </>
    ),
  },
  { key: "signals", header: "Signals", align: "end", cell: (row) => row.signals },
  { key: "hold", header: "If held", align: "end", cell: (row) => row.buyAndHold },
  {
    key: "better",
    header: "Better",
    class: "signals-better",
    cell: ({ better }) => <span class={LOOKS[better].class}>{LOOKS[better].text}</span>,
  },
];

export function Worth({ trading }: { trading: TradingRecord }) {
  return (
    <div class="signals-worth">
      <Table
        caption="Out of sample, net of costs, beside what buying once and holding came to (“if held”)"
        columns={COLUMNS}
        rows={worthRows(trading)}
        rowKey={(row) => row.name}
      />
      <p class="muted signals-below">
        Deflated: {count(trading.trials)} variants were tried to find these signals, and the best of so many looks good
        by luck alone; this is the confidence that the true ratio beats that luck, and below 95 % it is no evidence of
        skill. Nothing was tried to find buying and holding, so its ratio is not deflated.
      </p>
    </div>
  );
}
