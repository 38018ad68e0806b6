// The file of a signal history: dates are ISO, units are in the header.

import type { SignalRow } from "../../api/types";
import { type CsvValue, csv } from "../../format/csv";
import { outcomeOf } from "./outcome";

const COLUMNS: readonly (readonly [header: string, value: (row: SignalRow) => CsvValue])[] = [
  ["session", (row) => row.session],
  ["target_session", (row) => row.target_session],
  ["action", (row) => row.action],
  ["confidence_percent", (row) => row.confidence],
  ["p_up", (row) => row.p_up],
  ["edge_bp", (row) => row.edge_bp],
  ["volatility_log_return", (row) => row.vol],
  ["lower_90_log_return", (row) => row.lower_90],
  ["lower_50_log_return", (row) => row.lower_50],
  ["upper_50_log_return", (row) => row.upper_50],
  ["upper_90_log_return", (row) => row.upper_90],
  ["realised_log_return", (row) => row.realised],
  ["outcome", (row) => outcomeOf(row)],
  ["reason", (row) => row.reason],
];

/** The history's rows as they are given. */
export function historyCsv(ticker: string, rows: readonly SignalRow[]): string {
  const header = ["ticker", ...COLUMNS.map(([name]) => name)];
  return csv(
    header,
    rows.map((row) => [ticker, ...COLUMNS.map(([, value]) => value(row))]),
  );
}

/** What the file is called; what no file system likes in a name becomes an underscore. */
export function historyFileName(ticker: string, release: string): string {
  return `signals_${ticker}_${release}.csv`.replaceAll(/[^A-Za-z0-9._-]/g, "_");
}
