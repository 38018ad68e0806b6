// Numbers as people type them: with a comma or a point before the decimals, with thousands apart, with a per cent sign.

export type Separator = "." | ",";

/** What stands before the decimals in the viewer's language. */
export const DECIMAL: Separator = new Intl.NumberFormat().format(1.5).includes(",") ? "," : ".";

const SPACES = "[ \\u00a0\\u2009\\u202f'’]";
const SPACED = new RegExp(`^\\d{1,3}(?:${SPACES}\\d{3})+(?:[.,]\\d*)?$`);
const APART = new RegExp(SPACES, "g");

/**
 * The number that a text says; null if it says none.
 *
 * "1,234.5" and "1.234,5" say one thing wherever they are read. "1,234" doesn't: there `decimal`, the reader's own
 * separator, decides whether it is a thousand or one and a bit.
 */
export function parseNumber(text: string, decimal: Separator = DECIMAL): number | null {
  const trimmed = text.trim().replace(/^[−–]/, "-");
  const sign = /^[+-]/.exec(trimmed)?.[0] ?? "";
  const plain = ungrouped(trimmed.slice(sign.length).trim(), decimal);
  if (plain === null || !/^(?:\d+\.?\d*|\.\d+)$/.test(plain)) return null;
  const value = Number(sign + plain);
  return Number.isFinite(value) ? value : null;
}

/** The share (0.125) that "12.5 %" or "12.5" says. */
export function parsePercent(text: string, decimal: Separator = DECIMAL): number | null {
  const value = parseNumber(text.trim().replace(/\s*%$/, ""), decimal);
  // Divided as a decimal: 14.1 / 100 is not 0.141 in binary.
  return value === null ? null : Number((value / 100).toPrecision(15));
}

/** A number as it may be typed: no thousands apart, the reader's own separator. */
export function typed(value: number, decimal: Separator = DECIMAL, digits = 8): string {
  const text = value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: digits });
  return decimal === "," ? text.replace(".", ",") : text;
}

/** Digits with a point before the decimals and nothing else; null if separators stand where none can. */
function ungrouped(text: string, decimal: Separator): string | null {
  if (SPACED.test(text)) return text.replace(APART, "").replace(",", ".");
  const [point, comma] = [text.lastIndexOf("."), text.lastIndexOf(",")];
  if (point >= 0 && comma >= 0) return apart(text, point > comma ? "." : ",");
  const only = point >= 0 ? "." : ",";
  if (text.split(only).length > 2) return thousands(text, only);
  if (only !== decimal && /^[1-9]\d{0,2}[.,]\d{3}$/.test(text)) return text.replace(only, "");
  return text.replace(",", ".");
}

/** With both separators in it, `last` is the one before the decimals. */
function apart(text: string, last: Separator): string | null {
  const [whole = "", decimals = "", ...more] = text.split(last);
  const found = more.length > 0 ? null : thousands(whole, last === "." ? "," : ".");
  return found === null ? null : `${found}.${decimals}`;
}

function thousands(text: string, separator: Separator): string | null {
  const [first = "", ...rest] = text.split(separator);
  const grouped = /^\d{1,3}$/.test(first) && rest.every((group) => /^\d{3}$/.test(group));
  return grouped ? first + rest.join("") : null;
}
