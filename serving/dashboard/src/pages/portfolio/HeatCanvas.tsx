// The correlations of many tickers on a canvas; the one under the pointer is told beside it.

import { useEffect, useRef, useState } from "preact/hooks";
import { signed } from "../../format/numbers";
import { palette } from "../../ui/palette";
import { type Matrix, mixed, strength } from "./heat";
import { useWidth } from "./width";

/** Pixels between clusters: of many tickers there are many clusters, and little room. */
function gapOf(tickers: number): number {
  return tickers > 100 ? 1 : 3;
}

const MOST_WIDE = 640;

interface Cell {
  readonly row: number;
  readonly column: number;
}

export function HeatCanvas({ matrix }: { matrix: Matrix }) {
  const [host, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [cell, show] = useState<Cell | null>(null);
  const scheme = palette.value;
  const { tickers, rows, gaps } = matrix;
  const gap = gapOf(tickers.length);
  const size = Math.max(1, Math.floor((Math.min(width, MOST_WIDE) - gap * gaps.size) / tickers.length));
  const starts = startsOf(tickers.length, gaps, size, gap);
  const side = (starts.at(-1) ?? 0) + size;
  useEffect(() => {
    const found = canvas.current;
    if (found === null || width === 0) return;
    draw(found, matrix, starts, size, side, (value) =>
      mixed(scheme.surface, value < 0 ? scheme.down : scheme.up, strength(value, 100) / 100),
    );
  }, [matrix, width, scheme]);
  const at = (position: number) => starts.findLastIndex((start) => start <= position);
  const point = (event: PointerEvent & { currentTarget: HTMLCanvasElement }) => {
    const box = event.currentTarget.getBoundingClientRect();
    show({ row: Math.max(0, at(event.clientY - box.top)), column: Math.max(0, at(event.clientX - box.left)) });
  };
  const told = cell && `${tickers[cell.row]} and ${tickers[cell.column]}: ${signed(rows[cell.row]?.[cell.column])}`;
  return (
    <div ref={host} class="scroll">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`Map of the correlations of ${tickers.length} tickers; the list below has the numbers.`}
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={() => show(null)}
      />
      <p class="num portfolio-told">{told ?? "Point at a cell to read it."}</p>
    </div>
  );
}

/** Where each row, and each column, begins. */
function startsOf(count: number, gaps: ReadonlySet<number>, size: number, gap: number): readonly number[] {
  let passed = 0;
  return Array.from({ length: count }, (_, k) => {
    if (gaps.has(k)) passed += 1;
    return k * size + passed * gap;
  });
}

function draw(
  canvas: HTMLCanvasElement,
  { rows }: Matrix,
  starts: readonly number[],
  size: number,
  side: number,
  colour: (value: number) => string,
): void {
  const dense = devicePixelRatio;
  canvas.width = side * dense;
  canvas.height = side * dense;
  canvas.style.inlineSize = `${side}px`;
  canvas.style.blockSize = `${side}px`;
  const pen = canvas.getContext("2d");
  if (pen === null) return;
  pen.scale(dense, dense);
  for (const [row, values] of rows.entries()) {
    for (const [column, value] of values.entries()) {
      pen.fillStyle = colour(value);
      pen.fillRect(starts[column] ?? 0, starts[row] ?? 0, size, size);
    }
  }
}
