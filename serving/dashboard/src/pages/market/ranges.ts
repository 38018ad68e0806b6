// How much of the past the chart shows, and how many bars that needs.

export const RANGES = ["1M", "3M", "6M", "1Y", "5Y", "All"] as const;
export type Range = (typeof RANGES)[number];

const SESSIONS: Readonly<Record<Range, number>> = {
  "1M": 22,
  "3M": 64,
  "6M": 127,
  "1Y": 253,
  "5Y": 1_265,
  All: Number.POSITIVE_INFINITY,
};
export const MOST_BARS = 10_000;
// What is asked for at a time; a wider range, or going back beyond the first bar, asks for the next one.
const STEPS = [320, 1_400, MOST_BARS] as const;

/** The kept choice, or half a year for one that we don't know. */
export function rangeOf(kept: string): Range {
  return RANGES.find((range) => range === kept) ?? "6M";
}

/** Sessions that a range shows; infinite for all of them. */
export function sessionsOf(range: Range): number {
  return SESSIONS[range];
}

/** How many bars to ask for so that the range is filled. */
export function barsFor(range: Range): number {
  return STEPS.find((step) => step >= SESSIONS[range]) ?? MOST_BARS;
}

/** The next larger number of bars to ask for; the same if there is none. */
export function moreThan(bars: number): number {
  return STEPS.find((step) => step > bars) ?? bars;
}
