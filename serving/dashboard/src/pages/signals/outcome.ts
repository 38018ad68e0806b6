// What became of a signal. A direction is right or wrong only once the price has moved by the end of the horizon.

import type { Action, SignalRow } from "../../api/types";

export const OUTCOMES = ["right", "wrong", "unmoved", "open", "no_side"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** By word and sign. */
export const OUTCOME_LOOKS: Readonly<Record<Outcome, { sign: string; text: string; means: string }>> = {
  right: { sign: "✓", text: "right", means: "the price went the way that the signal said" },
  wrong: { sign: "✗", text: "wrong", means: "the price went the other way" },
  unmoved: { sign: "=", text: "unmoved", means: "the price ended where it was: neither right nor wrong" },
  open: { sign: "…", text: "open", means: "the horizon has not ended yet" },
  no_side: { sign: "–", text: "no side", means: "a HOLD takes no side, and is neither right nor wrong" },
};

export function outcomeOf({ action, realised }: Pick<SignalRow, "action" | "realised">): Outcome {
  if (action === "HOLD") return "no_side";
  if (realised === null) return "open";
  if (realised === 0) return "unmoved";
  return realised > 0 === (action === "BUY") ? "right" : "wrong";
}

/** The history's actions are these three; its schema says no more than text. */
export function actionOf(text: string): Action {
  if (text === "BUY" || text === "SELL" || text === "HOLD") return text;
  throw new TypeError(`action: expected BUY, SELL or HOLD, got ${text}`);
}
