// What is drawn of an equity curve besides itself.

/** How far each value lies below the highest before it, as a share of that: 0 at a peak, at least -1. */
export function drawdowns(values: readonly number[]): readonly number[] {
  let peak = 0;
  return values.map((value) => {
    peak = Math.max(peak, value);
    return peak === 0 ? 0 : value / peak - 1;
  });
}
