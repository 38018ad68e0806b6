// Numbers as a person reads them, in the browser's language. A value that is not there is a dash, never a zero.

import { numberFormat } from "./locale";

export const MISSING = "–";
const MINUS = "−";

type Maybe = number | null | undefined;

function format(value: Maybe, options: Intl.NumberFormatOptions): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  // What is rounded to zero has no sign, whichever side it came from.
  const text = numberFormat({ signDisplay: "negative", ...options }).format(value);
  // A hyphen is shorter than a figure: columns of signed numbers would not line up.
  return text.replace("-", MINUS);
}

function fixed(digits: number, more: Intl.NumberFormatOptions = {}): Intl.NumberFormatOptions {
  return { minimumFractionDigits: digits, maximumFractionDigits: digits, ...more };
}

/** A price as traded: cents, or more digits where a cent is much of it. */
export function price(value: Maybe): string {
  const size = Math.abs(value ?? 0);
  if (size >= 1 || size === 0) return format(value, fixed(2));
  // Of a coin's price of less than a cent four figures, however far down they are.
  return format(value, size >= 0.01 ? fixed(4) : { maximumSignificantDigits: 4 });
}

/** A share (0.123) in per cent: "12.3 %". */
export function percent(value: Maybe, digits = 1): string {
  const text = format(typeof value === "number" ? value * 100 : value, fixed(digits));
  return text === MISSING ? text : `${text} %`;
}

/** A change (0.0123) in per cent with its sign: "+1.23 %". */
export function change(value: Maybe, digits = 2): string {
  const text = format(typeof value === "number" ? value * 100 : value, fixed(digits, { signDisplay: "exceptZero" }));
  return text === MISSING ? text : `${text} %`;
}

/** Basis points with their sign: "+8.5 bp". */
export function basisPoints(value: Maybe, digits = 1): string {
  const text = format(value, fixed(digits, { signDisplay: "exceptZero" }));
  return text === MISSING ? text : `${text} bp`;
}

/** A plain number with so many decimals. */
export function decimal(value: Maybe, digits = 2): string {
  return format(value, fixed(digits));
}

/** A plain number with its sign. */
export function signed(value: Maybe, digits = 2): string {
  return format(value, fixed(digits, { signDisplay: "exceptZero" }));
}

/** A count. */
export function count(value: Maybe): string {
  return format(value, { maximumFractionDigits: 0 });
}

/** A large count in short: "1.2M". */
export function compact(value: Maybe): string {
  return format(value, { notation: "compact", maximumFractionDigits: 1 });
}

/** A duration in ms: "0.43 ms", "12 ms", "1.2 s". */
export function milliseconds(value: Maybe): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  // By what they are rounded to: never "1,000 ms" nor "10.00 ms".
  if (value >= 999.5) return `${format(value / 1_000, fixed(1))} s`;
  return `${format(value, fixed(value < 9.995 ? 2 : 0))} ms`;
}

/** A p value: never "0.000", and never "1.000" for less than that. */
export function pValue(value: Maybe): string {
  if (typeof value === "number" && value < 0.001) return `< ${format(0.001, fixed(3))}`;
  if (typeof value === "number" && value < 1 && value >= 0.9995) return `> ${format(0.999, fixed(3))}`;
  return format(value, fixed(3));
}

/** What a log return is as a change of the price. */
export function simpleReturn(logReturn: number): number {
  return Math.expm1(logReturn);
}
