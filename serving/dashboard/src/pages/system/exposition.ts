// Prometheus' text format, read: samples by name, histograms, and what has come since an earlier reading.

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Samples by the name of their series. */
export type Exposition = ReadonlyMap<string, readonly Sample[]>;

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** What a text says. A line that is not of the format is passed over: a newer server may know more than we do. */
export function parsed(text: string): Exposition {
  const found = new Map<string, Sample[]>();
  for (const line of text.split("\n")) {
    const parts = line.startsWith("#") ? null : LINE.exec(line.trim());
    if (!parts) continue;
    const [, name = "", labels = "", written = ""] = parts;
    const value = number(written);
    if (value === null) continue;
    const samples = found.get(name) ?? [];
    samples.push({ labels: labelsOf(labels), value });
    found.set(name, samples);
  }
  return found;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(LABEL)) labels[name] = unescaped(value);
  return labels;
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_all, letter: string) => (letter === "n" ? "\n" : letter));
}

function number(written: string): number | null {
  if (written === "+Inf") return Number.POSITIVE_INFINITY;
  if (written === "-Inf") return Number.NEGATIVE_INFINITY;
  if (written === "NaN") return Number.NaN;
  const value = Number(written);
  return Number.isNaN(value) ? null : value;
}

type Labels = Readonly<Record<string, string>>;

/** The samples of a series that have these labels, others beside them or not. */
export function samplesOf(from: Exposition, name: string, labels: Labels = {}): readonly Sample[] {
  const wanted = Object.entries(labels);
  return (from.get(name) ?? []).filter((sample) => wanted.every(([label, value]) => sample.labels[label] === value));
}

/** Their sum; null where there is none. */
export function total(from: Exposition, name: string, labels: Labels = {}): number | null {
  const samples = samplesOf(from, name, labels);
  return samples.length === 0 ? null : samples.reduce((sum, { value }) => sum + value, 0);
}

/** What a label is in the samples of a series, each once, in order. */
export function labelValues(from: Exposition, name: string, label: string): readonly string[] {
  const values = (from.get(name) ?? []).map((sample) => sample.labels[label]);
  return [...new Set(values)].filter((value) => value !== undefined).toSorted();
}

/** How many were at most so long: `counts[k]` between `bounds[k - 1]` and `bounds[k]`, of which the last is infinite. */
export interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** The histogram of that name, over all samples that have these labels; null where there is none. */
export function histogram(from: Exposition, name: string, labels: Labels = {}): Histogram | null {
  const upTo = new Map<number, number>();
  for (const sample of samplesOf(from, `${name}_bucket`, labels)) {
    const bound = number(sample.labels.le ?? "");
    if (bound !== null) upTo.set(bound, (upTo.get(bound) ?? 0) + sample.value);
  }
  if (upTo.size === 0) return null;
  const bounds = [...upTo.keys()].toSorted((a, b) => a - b);
  const cumulative = bounds.map((bound) => upTo.get(bound) ?? 0);
  const counts = cumulative.map((value, k) => value - (cumulative[k - 1] ?? 0));
  return { bounds, counts, count: cumulative.at(-1) ?? 0, sum: total(from, `${name}_sum`, labels) ?? Number.NaN };
}

/** What came between two readings; a count that has gone down began anew, so all of `now` came since. */
export function between(before: Histogram | null, now: Histogram): Histogram {
  if (before === null || before.bounds.length !== now.bounds.length) return now;
  const counts = now.counts.map((value, k) => value - (before.counts[k] ?? 0));
  if (counts.some((value) => value < 0)) return now;
  return { bounds: now.bounds, counts, count: now.count - before.count, sum: now.sum - before.sum };
}

/** As `between`, of a plain counter. */
export function counted(before: number | null, now: number): number {
  return before === null || now < before ? now : now - before;
}

/**
 * The `q` quantile, by a straight line within its bucket as Prometheus has it; null of nothing. What is beyond the last
 * finite bound can only be said to be more than that.
 */
export function quantile(of: Histogram, q: number): number | null {
  if (of.count === 0) return null;
  const rank = q * of.count;
  let below = 0;
  for (const [k, inside] of of.counts.entries()) {
    const [lower, upper] = [of.bounds[k - 1] ?? 0, of.bounds[k] ?? Number.POSITIVE_INFINITY];
    if (below + inside >= rank && inside > 0) {
      if (!Number.isFinite(upper)) return lower;
      return lower + ((upper - lower) * (rank - below)) / inside;
    }
    below += inside;
  }
  return null;
}
