// Lines over time or any other axis, by uPlot. Its own module, so that pages without one don't load it.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { session } from "../format/time";
import "./lines.css";
import { type Palette, palette } from "./palette";
import { logarithmicRange } from "./scale";

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** A name of `palette`'s; dashed for baselines. */
  readonly colour: string;
  readonly dashed?: boolean;
  readonly width?: number;
  /** An edge of a band, say: drawn, but left out of the legend. */
  readonly unlisted?: boolean;
}

export interface LinesProps {
  /** What a screen reader is told instead of the picture. */
  readonly description: string;
  /** Unix seconds where `time` or `sessions`, else numbers. */
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  /** `x` are instants, written in the viewer's zone. */
  readonly time?: boolean;
  /** `x` are sessions by `sessionSeconds`: dates, which have no zone. */
  readonly sessions?: boolean;
  /** The ground between two lines, by their places in `lines`: an interval. */
  readonly band?: { readonly upper: number; readonly lower: number };
  readonly height?: number;
  /** How values are written at the axis and in the legend. */
  readonly write: (value: number) => string;
  readonly writeX?: (value: number) => string;
  readonly logarithmic?: boolean;
  readonly range?: readonly [number, number];
}

/** A session (ISO date) as `x` of lines with `sessions`. */
export function sessionSeconds(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / 1_000;
}

const HEIGHT = 240;
// A line of the legend, below the plot: reserved, so that nothing jumps when the plot comes.
const LEGEND = 34;

export function Lines(props: LinesProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { x, lines, description } = props;
  const scheme = palette.value;
  // Made anew when what is drawn, or its colours, change.
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const made = new uPlot(options(props, element.clientWidth, scheme), data(props), element);
    plot.current = made;
    const watching = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: props.height ?? HEIGHT }),
    );
    watching.observe(element);
    return () => {
      watching.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [x, lines, scheme, props.height, props.logarithmic, props.sessions]);
  const room = { minHeight: `${(props.height ?? HEIGHT) + LEGEND}px` };
  return <div class="lines" ref={host} style={room} role="img" aria-label={description} />;
}

function data({ x, lines, logarithmic = false }: LinesProps): uPlot.AlignedData {
  // Nothing has no logarithm: the line ends there.
  const shown = (value: number | null) => (logarithmic && value !== null && value <= 0 ? null : value);
  return [[...x], ...lines.map((line) => line.values.map(shown))] as uPlot.AlignedData;
}

function options(props: LinesProps, width: number, scheme: Palette): uPlot.Options {
  const axis = {
    stroke: scheme.muted,
    grid: { stroke: scheme.line, width: 1 },
    ticks: { stroke: scheme.line, width: 1 },
  };
  const writeX = props.writeX ?? (props.sessions ? isoSession : undefined);
  return {
    width,
    height: props.height ?? HEIGHT,
    ...(props.sessions ? { tzDate: (x: number) => uPlot.tzDate(new Date(x * 1_000), "Etc/UTC") } : {}),
    scales: {
      x: { time: props.time ?? props.sessions ?? false },
      y: {
        ...(props.logarithmic ? { distr: 3 as const, range: logarithmic } : {}),
        ...(props.range ? { range: [...props.range] as [number, number] } : {}),
      },
    },
    axes: [
      {
        ...axis,
        // A year's figures need no more, and a phone has no more.
        ...(props.sessions ? { space: 40 } : {}),
        ...(props.writeX ? { values: (_plot, values) => values.map(props.writeX as typeof isoSession) } : {}),
      },
      {
        ...axis,
        size: 64,
        values: (_plot, values) => values.map((value) => (value === null ? "" : props.write(value))),
      },
    ],
    legend: { live: true },
    cursor: { points: { size: 6 }, y: false },
    // Series 0 is x.
    ...(props.band ? { bands: [{ series: [props.band.upper + 1, props.band.lower + 1], fill: scheme.band }] } : {}),
    series: [
      writeX
        ? { ...(props.sessions ? { label: "Session" } : {}), value: (_plot, x) => (x === null ? "–" : writeX(x)) }
        : {},
      ...props.lines.map((line) => drawn(line, props.write, scheme)),
    ],
  };
}

function drawn(line: Line, write: (value: number) => string, scheme: Palette): uPlot.Series {
  return {
    label: line.label,
    stroke: scheme[line.colour as keyof Palette] ?? line.colour,
    width: line.width ?? 1.5,
    ...(line.dashed ? { dash: [6, 4] } : {}),
    ...(line.unlisted ? { class: "lines-unlisted" } : {}),
    points: { show: false },
    value: (_plot, value) => (value === null ? "–" : write(value)),
  };
}

function logarithmic(_plot: uPlot, least: number | null, greatest: number | null): uPlot.Range.MinMax {
  if (least === null || greatest === null) return [null, null];
  // A flat line has room around it.
  return least === greatest ? [least / 2, greatest * 2] : logarithmicRange(least, greatest);
}

function isoSession(seconds: number): string {
  return session(new Date(seconds * 1_000).toISOString().slice(0, 10));
}
