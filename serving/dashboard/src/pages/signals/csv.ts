// Comma-separated values by RFC 4180, and the file of a signal history: for a machine, so dates are ISO, decimals have
// dots, and numbers have all their digits.

import type { SignalRow } from "../../api/types";
import { outcomeOf } from "./outcome";

export type CsvValue = string | number | null;

const NEEDS_QUOTES = /[",\r\n]/;
// A spreadsheet takes text that begins so for a formula, and runs it; its full-width twins too.
const FORMULA = /^[=+\-@\t\r＝＋－＠]/;

/** The text of one file: the header, then the rows, each line with its end. */
export function csv(header: readonly string[], rows: readonly (readonly CsvValue[])[]): string {
  return [header, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

function field(value: CsvValue): string {
  if (value === null) return "";
  // Of numbers none is a formula: a minus stays as it is.
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  const text = FORMULA.test(value) ? `'${value}` : value;
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

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
