// Which signals of the history are shown. Filters stand in the address, so that a view can be shared: what is no filter
// there, or none of ours, filters nothing.

import type { Action, SignalRow } from "../../api/types";
import { OUTCOMES, type Outcome, outcomeOf } from "./outcome";

export interface Filters {
  readonly action: Action | null;
  /** Sessions (ISO dates), both included. */
  readonly from: string | null;
  readonly to: string | null;
  /** The least confidence, 0-100. */
  readonly confidence: number | null;
  readonly outcome: Outcome | null;
}

export const NO_FILTERS: Filters = { action: null, from: null, to: null, confidence: null, outcome: null };

const ACTIONS: readonly Action[] = ["BUY", "SELL", "HOLD"];
const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/;

/** The filters that a query ("?action=BUY&from=2011-01-01") asks for. */
export function filtersOf(query: string): Filters {
  const told = new URLSearchParams(query);
  const confidence = Number.parseFloat(told.get("confidence") ?? "");
  return {
    action: ACTIONS.find((action) => action === told.get("action")) ?? null,
    from: date(told.get("from")),
    to: date(told.get("to")),
    confidence: confidence >= 0 && confidence <= 100 ? confidence : null,
    outcome: OUTCOMES.find((outcome) => outcome === told.get("outcome")) ?? null,
  };
}

/** The query of filters; empty without any. */
export function queryOf(filters: Filters): string {
  const set = Object.entries(filters).filter(([, value]) => value !== null);
  const query = new URLSearchParams(set.map(([name, value]) => [name, String(value)]));
  return set.length === 0 ? "" : `?${query}`;
}

export function filtered(rows: readonly SignalRow[], filters: Filters): readonly SignalRow[] {
  const { action, from, to, confidence, outcome } = filters;
  return rows.filter(
    (row) =>
      (action === null || row.action === action) &&
      // ISO dates sort as text.
      (from === null || row.session >= from) &&
      (to === null || row.session <= to) &&
      (confidence === null || row.confidence >= confidence) &&
      (outcome === null || outcomeOf(row) === outcome),
  );
}

function date(text: string | null): string | null {
  return text !== null && ISO_DATE.test(text) && !Number.isNaN(Date.parse(text)) ? text : null;
}
