// One ticking second for every age on the page; it stands still while nobody looks.

import { type ReadonlySignal, signal } from "@preact/signals";

const cell = signal(Date.now());

/** Our clock in ms, once a second. */
export const now: ReadonlySignal<number> = cell;

/** Let it tick; to be called once. */
export function startClock(): void {
  const tick = () => {
    if (document.visibilityState === "visible") cell.value = Date.now();
  };
  setInterval(tick, 1_000);
  document.addEventListener("visibilitychange", tick);
}
