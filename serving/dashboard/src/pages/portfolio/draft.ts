// The rebalance form without the form: what is typed in it, the request that this makes, and where an error belongs.
//
// A field goes by the name that the server calls it by in its errors: `cash`, `holdings.AAPL`, `prices.AAPL`.

import type { Problem, RebalanceBody, Strategy } from "../../api/types";
import { parseNumber, parsePercent } from "./parse";

type ByTicker = Readonly<Record<string, number>>;

/** A strategy of the release, the point chosen on the frontier, or weights of the viewer's own. */
export type Target = Strategy | "point" | "own";

/** Everything as typed; what is empty is left to the server, nothing held for `shares`. */
export interface Row {
  readonly ticker: string;
  readonly shares: string;
  readonly price: string;
  /** In per cent, where the target is `own`. */
  readonly weight: string;
}

export interface Options {
  readonly lots: string;
  readonly cost_bp: string;
  readonly slippage_bp: string;
  readonly band: string;
  readonly upper: string;
  readonly turnover: string;
  readonly minimum_order: string;
}

export const NO_OPTIONS: Options = {
  lots: "",
  cost_bp: "",
  slippage_bp: "",
  band: "",
  upper: "",
  turnover: "",
  minimum_order: "",
};

/** Those typed in per cent and sent as shares of one. */
export const IN_PERCENT: ReadonlySet<string> = new Set(["band", "upper", "turnover", "target"]);

export interface Draft {
  readonly rows: readonly Row[];
  readonly cash: string;
  readonly target: Target;
  /** The chosen point's weights; null if none is chosen. */
  readonly point: ByTicker | null;
  readonly options: Options;
}

export interface FieldError {
  readonly field: string;
  readonly message: string;
}

export type Made =
  | { readonly request: RebalanceBody; readonly errors: readonly [] }
  | { readonly request: null; readonly errors: readonly FieldError[] };

const A_NUMBER = "Write a number, such as 12 or 0.5.";
const A_SHARE = "Write a number in per cent, such as 12 or 0.5.";
// As near to a whole as the server asks for, in shares of one.
const WHOLE = 1e-9;

/** The request that a draft makes, or each field that is no number. What numbers may be is the server's to say. */
export function requestOf(draft: Draft): Made {
  const errors: FieldError[] = [];
  const holdings: Record<string, number> = {};
  const prices: Record<string, number> = {};
  for (const { ticker, shares, price } of draft.rows) {
    put(holdings, ticker, read(`holdings.${ticker}`, shares, errors));
    put(prices, ticker, read(`prices.${ticker}`, price, errors));
  }
  const cash = read("cash", draft.cash, errors) ?? 0;
  const target = targetOf(draft, errors);
  const options: Record<string, number> = {};
  for (const [name, text] of Object.entries(draft.options)) put(options, name, read(name, text, errors));
  if (errors.length > 0 || target === null) return { request: null, errors };
  const given = Object.keys(prices).length > 0 ? { prices } : {};
  return { request: { holdings, cash, target, ...given, ...options }, errors: [] };
}

function targetOf({ target, point, rows }: Draft, errors: FieldError[]): Strategy | Record<string, number> | null {
  if (target === "point") {
    if (point === null) errors.push({ field: "target", message: "Choose a point on the frontier first." });
    return point && { ...point };
  }
  if (target !== "own") return target;
  const weights: Record<string, number> = {};
  for (const { ticker, weight } of rows) put(weights, ticker, read(`target.${ticker}`, weight, errors));
  const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
  if (sum > 1 + WHOLE) {
    const message = `The weights sum to ${Number((sum * 100).toFixed(4))} %: they may be 100 % at most.`;
    errors.push({ field: "target", message });
  }
  return weights;
}

function read(field: string, text: string, errors: FieldError[]): number | null {
  if (text.trim() === "") return null;
  const share = IN_PERCENT.has(rootOf(field));
  const value = share ? parsePercent(text) : parseNumber(text);
  if (value === null) errors.push({ field, message: share ? A_SHARE : A_NUMBER });
  return value;
}

function put(into: Record<string, number>, name: string, value: number | null): void {
  if (value !== null) into[name] = value;
}

function rootOf(field: string): string {
  return /^[^.[]*/.exec(field)?.[0] ?? field;
}

/** What a refusal says field by field, and `general` what belongs to none of the form's `fields`. */
export function errorsOf(problem: Problem, fields: ReadonlySet<string>) {
  const found: FieldError[] = [];
  const general: string[] = [];
  for (const { field, value, expected } of problem.errors ?? []) {
    const root = rootOf(field);
    const place = fields.has(field) ? field : fields.has(root) ? root : null;
    const unit = IN_PERCENT.has(root) ? " As shares of the book: 0.01 is 1 %." : "";
    const said = `expected ${expected}, got ${value}.${unit}`;
    if (place === null) general.push(`${field}: ${said}`);
    else found.push({ field: place, message: place === field ? `E${said.slice(1)}` : `${field}: ${said}` });
  }
  if (found.length + general.length === 0) general.push(problem.detail);
  return { fields: found, general };
}

/** The fields that a form with these rows has. */
export function fieldsOf(draft: Draft): ReadonlySet<string> {
  const byRow = draft.rows.flatMap(({ ticker }) => [
    `holdings.${ticker}`,
    `prices.${ticker}`,
    ...(draft.target === "own" ? [`target.${ticker}`] : []),
  ]);
  return new Set(["cash", "target", ...Object.keys(draft.options), ...byRow]);
}
