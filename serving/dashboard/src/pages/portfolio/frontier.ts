// Where things lie on the frontier's picture: scales, ticks, the nearest point, labels that don't cover each other.

import type { Frontier } from "../../api/types";

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** A scale from values to pixels, with ticks at round values between. */
export interface Axis {
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
}

/** An axis that shows all `values` with some room around them, drawn from pixel `from` to pixel `to`. */
export function axisOf(values: readonly number[], from: number, to: number, most: number): Axis {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  const [start, end] = [low - room, high + room];
  return {
    ticks: ticksBetween(start, end, most),
    at: (value) => from + ((value - start) / (end - start)) * (to - from),
  };
}

/** At most `most` multiples of 1, 2 or 5 times a power of ten within two bounds. */
export function ticksBetween(start: number, end: number, most: number): readonly number[] {
  const raw = (end - start) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.ceil(start / step);
  const count = Math.floor(end / step) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

/** The index of the place that is nearest to `there`; -1 if there are none. */
export function nearest(places: readonly Place[], there: Place): number {
  let found = -1;
  let least = Number.POSITIVE_INFINITY;
  places.forEach(({ x, y }, index) => {
    const distance = (x - there.x) ** 2 + (y - there.y) ** 2;
    if (distance < least) [found, least] = [index, distance];
  });
  return found;
}

export interface Label extends Place {
  readonly text: string;
  readonly anchor: "start" | "middle" | "end";
}

const LINE = 14;
const GLYPH = 6.6;
const OFF = 9;

/**
 * Labels beside their marks, the first ones first: right, left, above or below, where that covers no label placed
 * before, no other mark and no edge of `room`. One that fits nowhere is left out: the table has it.
 */
export function labelled(marks: readonly (Place & { readonly text: string })[], room: Box): readonly Label[] {
  const taken: Box[] = marks.map(({ x, y }) => ({ left: x - 4, right: x + 4, top: y - 4, bottom: y + 4 }));
  const placed: Label[] = [];
  for (const [index, mark] of marks.entries()) {
    const others = taken.filter((_, k) => k !== index);
    const label = candidates(mark).find((one) => {
      const box = boxOf(one);
      const inside =
        box.left >= room.left && box.right <= room.right && box.top >= room.top && box.bottom <= room.bottom;
      return inside && !others.some((other) => overlap(box, other));
    });
    if (label === undefined) continue;
    placed.push(label);
    taken.push(boxOf(label));
  }
  return placed;
}

export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function candidates({ x, y, text }: Place & { text: string }): readonly Label[] {
  return [
    { x: x + OFF, y: y + 4, text, anchor: "start" },
    { x: x - OFF, y: y + 4, text, anchor: "end" },
    { x, y: y - OFF, text, anchor: "middle" },
    { x, y: y + OFF + LINE - 4, text, anchor: "middle" },
  ];
}

function boxOf({ x, y, text, anchor }: Label): Box {
  const width = text.length * GLYPH;
  const left = anchor === "start" ? x : anchor === "end" ? x - width : x - width / 2;
  return { left, right: left + width, top: y - LINE + 3, bottom: y + 3 };
}

function overlap(one: Box, other: Box): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

/** A point's weights by ticker, as a target: what a solver leaves below a millionth is nothing. */
export function weightsAt(frontier: Frontier, index: number): Readonly<Record<string, number>> {
  const weights = frontier.points[index]?.weights ?? [];
  const pairs = frontier.tickers.map((ticker, k) => [ticker, weights[k] ?? 0] as const);
  return Object.fromEntries(pairs.filter(([, weight]) => weight > 1e-6));
}
