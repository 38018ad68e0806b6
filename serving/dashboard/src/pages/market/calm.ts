// What is not of the first sight comes after it, one thing at a time, when the browser has nothing else to do.

import { useEffect, useState } from "preact/hooks";

// Without a chart, because it failed or there is none, the rest does not wait for ever.
const PATIENCE_MS = 1_500;
const IDLE_MS = 250;

const waiting = new Set<() => void>();
let stands = false;
let asked = false;

/** The first sight stands: whoever waits has their turn, in the order of their coming. */
export function calmDown(): void {
  stands = true;
  ask();
}

/** Wait for `calmDown`, but not for long. */
export function waitForCalm(): () => void {
  const timer = setTimeout(calmDown, PATIENCE_MS);
  return () => clearTimeout(timer);
}

/** Whether it is this component's turn. */
export function useTurn(): boolean {
  const [turn, come] = useState(false);
  useEffect(() => {
    const mine = () => come(true);
    waiting.add(mine);
    ask();
    return () => void waiting.delete(mine);
  }, []);
  return turn;
}

function ask(): void {
  if (asked || !stands || waiting.size === 0) return;
  asked = true;
  // Safari has no idle times.
  if (typeof requestIdleCallback === "function") requestIdleCallback(next, { timeout: IDLE_MS });
  else setTimeout(next);
}

function next(): void {
  asked = false;
  const [first] = waiting;
  if (first) {
    waiting.delete(first);
    first();
  }
  ask();
}
