// Which horizon the scores are of: one button each.

import { signal } from "@preact/signals";

// Kept while the viewer goes from ticker to ticker; null is the first, which signals act on.
const chosen = signal<number | null>(null);

/** The horizon to show of those there are. */
export function shownHorizon(horizons: readonly number[]): number {
  const wanted = chosen.value;
  return wanted !== null && horizons.includes(wanted) ? wanted : (horizons[0] ?? 1);
}

export function sessionsAhead(horizon: number): string {
  return horizon === 1 ? "1 session ahead" : `${horizon} sessions ahead`;
}

export function HorizonSwitch({ horizons }: { horizons: readonly number[] }) {
  const shown = shownHorizon(horizons);
  return (
    <fieldset class="models-horizons">
      <legend class="visually-hidden">Horizon of the forecasts</legend>
      {horizons.map((horizon) => (
        <button
          key={horizon}
          type="button"
          class="button"
          aria-pressed={horizon === shown}
          title={horizon === horizons[0] ? "Signals act on this horizon" : undefined}
          onClick={() => {
            chosen.value = horizon;
          }}
        >
          {sessionsAhead(horizon)}
        </button>
      ))}
    </fieldset>
  );
}
