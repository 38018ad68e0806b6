// How deep a curve of equity has fallen, for what is drawn of it.

/**
 * How far each value lies below the highest before it, as a share of that: 0 at a peak, at least -1. The 1 that a curve
 * begins with counts as well, which it doesn't show.
 */
export function drawdowns(equity: readonly number[]): readonly number[] {
  let peak = 1;
  return equity.map((value) => {
    peak = Math.max(peak, value);
    return value / peak - 1;
  });
}
