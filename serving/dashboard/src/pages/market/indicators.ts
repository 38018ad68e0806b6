// The indicators that can be drawn: their names, where, and how they are told apart without colour.

import type { Indicators } from "../../api/types";
import { percent, price } from "../../format/numbers";
import type { Palette } from "../../ui/palette";

type Values = Exclude<keyof Indicators, "ticker" | "release_id" | "adjusted" | "sessions">;

export interface Overlay {
  readonly key: string;
  readonly name: string;
  readonly title: string;
  /** In a pane of its own below the candles. */
  readonly below: boolean;
  readonly colour: keyof Palette;
  readonly style: "solid" | "dashed" | "dotted";
  readonly of: readonly Values[];
  readonly write: (value: number | null | undefined) => string;
}

const OVER = { below: false, write: price } as const;

export const OVERLAYS: readonly Overlay[] = [
  { ...OVER, key: "sma_20", name: "SMA 20", title: "Mean of 20 closes", colour: "s3", style: "solid", of: ["sma_20"] },
  { ...OVER, key: "sma_50", name: "SMA 50", title: "Mean of 50 closes", colour: "s4", style: "dashed", of: ["sma_50"] },
  {
    ...OVER,
    key: "sma_200",
    name: "SMA 200",
    title: "Mean of 200 closes",
    colour: "s5",
    style: "dotted",
    of: ["sma_200"],
  },
  {
    ...OVER,
    key: "ema_20",
    name: "EMA 20",
    title: "Exponentially weighted mean, 20 sessions",
    colour: "s1",
    style: "dashed",
    of: ["ema_20"],
  },
  {
    ...OVER,
    key: "bollinger",
    name: "Bollinger",
    title: "Two standard deviations around the mean of 20 closes",
    colour: "s6",
    style: "dotted",
    of: ["bollinger_lower", "bollinger_upper"],
  },
  {
    key: "rsi",
    name: "RSI 14",
    title: "Relative strength index, 0 to 100, below the candles",
    below: true,
    colour: "s4",
    style: "solid",
    of: ["rsi_14"],
    write: (value) => (typeof value === "number" ? value.toFixed(0) : "–"),
  },
  {
    key: "volatility",
    name: "Volatility",
    title: "Realised over 21 sessions, annualised, in per cent, below the candles",
    below: true,
    colour: "s5",
    style: "solid",
    of: ["realised_volatility_21"],
    write: percent,
  },
];

/** A line as it is drawn. */
export interface Drawn {
  readonly name: string;
  /** What it is called where it has a pane of its own. */
  readonly title: string;
  readonly pane: number;
  readonly colour: keyof Palette;
  readonly style: Overlay["style"];
  readonly sessions: readonly string[];
  readonly values: readonly (number | null)[];
}

/** The overlays among `chosen`, in our order. */
export function chosenOf(chosen: readonly string[]): readonly Overlay[] {
  return OVERLAYS.filter(({ key }) => chosen.includes(key));
}

/** Their lines; those below the candles are numbered from the first pane on. */
export function linesOf(told: Indicators, chosen: readonly string[]): readonly Drawn[] {
  let panes = 0;
  const { sessions } = told;
  return chosenOf(chosen).flatMap(({ name: title, below, colour, style, of }) => {
    const pane = below ? ++panes : 0;
    return of.map((name) => ({ name, title, pane, colour, style, sessions, values: scaled(told, name) }));
  });
}

/** Volatility is drawn in per cent: the axis has room for whole numbers. */
function scaled(told: Indicators, name: Values): readonly (number | null)[] {
  if (name !== "realised_volatility_21") return told[name];
  return told[name].map((value) => value && 100 * value);
}

/** What the indicators were at a session, as text: "SMA 20 501.99". */
export function readings(told: Indicators, chosen: readonly string[], session: string): readonly string[] {
  const k = told.sessions.indexOf(session);
  if (k < 0) return [];
  return chosenOf(chosen).map(({ name, of, write }) => `${name} ${of.map((line) => write(told[line][k])).join("–")}`);
}
