// Lines over time or any other axis, by uPlot. Its own module, so that pages without one don't load it.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { palette } from "./palette";

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** A name of `palette`'s; dashed for baselines. */
  readonly colour: string;
  readonly dashed?: boolean;
  readonly width?: number;
}

export interface LinesProps {
  /** What a screen reader is told instead of the picture. */
  readonly description: string;
  /** Unix seconds where `time`, else numbers. */
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  readonly time?: boolean;
  readonly height?: number;
  /** How values are written at the axis and in the legend. */
  readonly write: (value: number) => string;
  readonly writeX?: (value: number) => string;
  readonly logarithmic?: boolean;
  readonly range?: readonly [number, number];
}

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
      made.setSize({ width: element.clientWidth, height: props.height ?? 240 }),
    );
    watching.observe(element);
    return () => {
      watching.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [x, lines, scheme, props.height, props.logarithmic]);
  return <div class="lines" ref={host} role="img" aria-label={description} />;
}

function data({ x, lines }: LinesProps): uPlot.AlignedData {
  return [[...x], ...lines.map((line) => [...line.values])] as uPlot.AlignedData;
}

function options(props: LinesProps, width: number, scheme: typeof palette.value): uPlot.Options {
  const axis = {
    stroke: scheme.muted,
    grid: { stroke: scheme.line, width: 1 },
    ticks: { stroke: scheme.line, width: 1 },
  };
  return {
    width,
    height: props.height ?? 240,
    scales: {
      x: { time: props.time ?? false },
      y: {
        ...(props.logarithmic ? { distr: 3 as const } : {}),
        ...(props.range ? { range: [...props.range] as [number, number] } : {}),
      },
    },
    axes: [
      {
        ...axis,
        ...(props.writeX ? { values: (_plot, values) => values.map(props.writeX as (v: number) => string) } : {}),
      },
      {
        ...axis,
        size: 64,
        values: (_plot, values) => values.map((value) => (value === null ? "" : props.write(value))),
      },
    ],
    legend: { live: true },
    cursor: { points: { size: 6 } },
    series: [
      props.writeX
        ? { value: (_plot, value) => (value === null ? "–" : (props.writeX as (v: number) => string)(value)) }
        : {},
      ...props.lines.map((line) => ({
        label: line.label,
        stroke: scheme[line.colour as keyof typeof scheme] ?? line.colour,
        width: line.width ?? 1.5,
        ...(line.dashed ? { dash: [6, 4] } : {}),
        points: { show: false },
        value: (_plot: uPlot, value: number | null) => (value === null ? "–" : props.write(value)),
      })),
    ],
  };
}
