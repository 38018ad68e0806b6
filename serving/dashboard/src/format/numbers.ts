// Numbers as a person reads them, in the browser's language. A value that is not there is a dash, never a zero.

export const MISSING = "–";
const MINUS = "−";

type Maybe = number | null | undefined;

const formats = new Map<string, Intl.NumberFormat>();

function format(value: Maybe, options: Intl.NumberFormatOptions): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  const name = JSON.stringify(options);
  let made = formats.get(name);
  if (made === undefined) {
    made = new Intl.NumberFormat(undefined, options);
    formats.set(name, made);
  }
  // A hyphen is shorter than a figure: columns of signed numbers would not line up.
  return made.format(value).replace("-", MINUS);
}

function fixed(digits: number, more: Intl.NumberFormatOptions = {}): Intl.NumberFormatOptions {
  return { minimumFractionDigits: digits, maximumFractionDigits: digits, ...more };
}

/** A price as traded: cents, or more digits where a cent is much of it. */
export function price(value: Maybe): string {
  const small = typeof value === "number" && Math.abs(value) < 1;
  return format(value, fixed(small ? 4 : 2));
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
  if (value >= 1_000) return `${format(value / 1_000, fixed(1))} s`;
  return `${format(value, fixed(value < 10 ? 2 : 0))} ms`;
}

/** A p value: never "0.000". */
export function pValue(value: Maybe): string {
  if (typeof value === "number" && value < 0.001) return "< 0.001";
  return format(value, fixed(3));
}

/** What a log return is as a change of the price. */
export function simpleReturn(logReturn: number): number {
  return Math.expm1(logReturn);
}
