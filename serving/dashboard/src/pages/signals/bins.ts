// The reliability diagram's geometry and words: forecasts of a gain against how often it came.

import type { Calibration } from "../../api/types";
import { count, decimal } from "../../format/numbers";

export type Bin = Calibration["reliability"][number];

/** Both axes' range: all points and intervals, out to the next twentieth, so that the diagonal is at 45 degrees. */
export function domainOf(bins: readonly Bin[]): readonly [number, number] {
  const low = Math.min(0.45, ...bins.flatMap((bin) => [bin.lower, bin.lower_95]));
  const high = Math.max(0.55, ...bins.flatMap((bin) => [bin.upper, bin.upper_95]));
  return [Math.max(0, Math.floor(low * 20) / 20), Math.min(1, Math.ceil(high * 20) / 20)];
}

/** Round marks inside a domain, at most eight or so. */
export function ticksOf([low, high]: readonly [number, number]): readonly number[] {
  const step = [0.05, 0.1, 0.2].find((size) => (high - low) / size <= 8) ?? 0.2;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // From whole numbers: a sum of steps would drift off.
  return Array.from({ length: last - first + 1 }, (_, k) => Number(((first + k) * step).toFixed(2)));
}

/** Whether chance explains that what was said and what came differ: the interval holds what was said. */
export function keptPromise(bin: Bin): boolean {
  return bin.lower_95 <= bin.forecast && bin.forecast <= bin.upper_95;
}

/** "When it said 55.0–59.8 %, it went up 57 % of 212 times (95 %: 50–63 %)". */
export function sentenceOf(bin: Bin): string {
  const said = `${hundredths(bin.lower, 1)}–${hundredths(bin.upper, 1)} %`;
  const interval = `${hundredths(bin.lower_95)}–${hundredths(bin.upper_95)} %`;
  return `When it said ${said}, it went up ${hundredths(bin.happened)} % of ${count(bin.n)} times (95 %: ${interval})`;
}

function hundredths(share: number, digits = 0): string {
  return decimal(share * 100, digits);
}

/** The bin of a probability that is said now; null for one that was never said when it could be counted. */
export function binOf(bins: readonly Bin[], probability: number): Bin | null {
  const first = bins[0];
  if (first === undefined || probability < first.lower) return null;
  return bins.find((bin) => probability <= bin.upper) ?? null;
}
