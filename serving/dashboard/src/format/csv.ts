// Comma-separated values by RFC 4180: for a machine, so decimals have dots and numbers have all their digits.

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
