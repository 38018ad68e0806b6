// When the first sight stands: what is not part of it is asked for and drawn after that.

import { type ReadonlySignal, signal } from "@preact/signals";

// Without a chart, because it failed or there is none, the rest does not wait for ever.
const PATIENCE_MS = 1_500;
const IDLE_MS = 500;

const cell = signal(false);

/** Whether there is time for what can wait. Once it is, it stays so. */
export const calm: ReadonlySignal<boolean> = cell;

/** The first sight is drawn: the rest may come when the browser has nothing else to do. */
export function calmDown(): void {
  if (cell.peek()) return;
  const rest = () => {
    cell.value = true;
  };
  // Safari has none.
  if (typeof requestIdleCallback === "function") requestIdleCallback(rest, { timeout: IDLE_MS });
  else setTimeout(rest, IDLE_MS);
}

/** Wait for `calmDown`, but not for long. */
export function waitForCalm(): () => void {
  const timer = setTimeout(calmDown, PATIENCE_MS);
  return () => clearTimeout(timer);
}
