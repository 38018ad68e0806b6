// BUY, SELL and HOLD: by word and sign, the colour only repeats it.

import type { Action } from "../api/types";

export const SIGNS: Readonly<Record<Action, string>> = { BUY: "▲", SELL: "▼", HOLD: "■" };

export function ActionBadge({ action, title }: { action: Action; title?: string }) {
  return (
    <span class={`badge badge-${action.toLowerCase()}`} title={title}>
      <span aria-hidden="true">{SIGNS[action]}</span> {action}
    </span>
  );
}

/** A change with its sign and an arrow. */
export function Change({ value, text }: { value: number | null; text: string }) {
  const way = value === null || value === 0 ? "flat" : value > 0 ? "up" : "down";
  const arrow = { up: "▲", down: "▼", flat: "" }[way];
  return (
    <span class={`change change-${way} num`}>
      <span aria-hidden="true">{arrow}</span> {text}
    </span>
  );
}
