// The path of a small line through closes.

/** An SVG path of the values over `width` and `height`, the lowest at the bottom; "" for less than two of them. */
export function sparkline(values: readonly number[], width: number, height: number): string {
  if (values.length < 2) return "";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high - low || 1;
  const step = width / (values.length - 1);
  const points = values.map((value, k) => `${round(k * step)} ${round(height - ((value - low) / span) * height)}`);
  return `M${points.join("L")}`;
}

/** Where the line ends, by where it began. */
export function wayOf(values: readonly number[]): "up" | "down" {
  return (values.at(-1) ?? 0) >= (values[0] ?? 0) ? "up" : "down";
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
