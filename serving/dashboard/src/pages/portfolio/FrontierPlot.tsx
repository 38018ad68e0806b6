// The picture of the frontier: the curve, the strategies, single tickers, the point that is chosen.

import { useMemo } from "preact/hooks";
import type { Frontier } from "../../api/types";
import { percent } from "../../format/numbers";
import { type Axis, axisOf, labelled, nearest, type Place } from "./frontier";
import { nameOf } from "./names";
import { useWidth } from "./width";

interface Props {
  readonly frontier: Frontier;
  readonly champion: string | null;
  readonly point: number | null;
  readonly choose: (point: number) => void;
}

const HEIGHT = 340;
const EDGE = { left: 56, right: 14, top: 12, bottom: 46 };
// Pixels between ticks, at least.
const APART = { x: 70, y: 40 };

interface Mark extends Place {
  readonly kind: "champion" | "strategy" | "ticker";
  readonly text: string;
}

export function FrontierPlot({ frontier, champion, point, choose }: Props) {
  const [host, width] = useWidth<HTMLDivElement>();
  const drawn = useMemo(() => (width > 0 ? drawing(frontier, champion, width) : null), [frontier, champion, width]);
  const chosen = drawn && point !== null ? drawn.curve[point] : undefined;
  const pick = (event: MouseEvent & { currentTarget: SVGSVGElement }) => {
    const box = event.currentTarget.getBoundingClientRect();
    const index = nearest(drawn?.curve ?? [], { x: event.clientX - box.left, y: event.clientY - box.top });
    if (index >= 0) choose(index);
  };
  return (
    <div class="portfolio-plot" ref={host}>
      {drawn && (
        // The slider below is the same choice for keys and screen readers.
        // biome-ignore lint/a11y/useKeyWithClickEvents: see above
        <svg width={width} height={HEIGHT} role="img" aria-label={described(frontier)} onClick={pick}>
          <Axes x={drawn.x} y={drawn.y} width={width} />
          <polyline class="portfolio-curve" points={drawn.curve.map(({ x, y }) => `${x},${y}`).join(" ")} />
          {drawn.marks.map((mark) => (
            <Marked key={`${mark.kind} ${mark.text}`} mark={mark} />
          ))}
          {drawn.labels.map(({ x, y, text, anchor }) => (
            <text key={text} class="portfolio-label" x={x} y={y} text-anchor={anchor}>
              {text}
            </text>
          ))}
          {chosen && <Crosshair at={chosen} />}
        </svg>
      )}
      <p class="portfolio-legend muted">
        <span>
          <Sign kind="champion" /> champion
        </span>
        <span>
          <Sign kind="strategy" /> other strategies
        </span>
        <span>
          <Sign kind="ticker" /> single tickers
        </span>
        <span>
          <span class="portfolio-key portfolio-key-curve" aria-hidden="true" /> frontier
        </span>
      </p>
    </div>
  );
}

function drawing(frontier: Frontier, champion: string | null, width: number) {
  const own = frontier.tickers.map((_, k) => ({
    volatility: frontier.volatility_in_sample[k] ?? 0,
    expected: frontier.expected_return_in_sample[k] ?? 0,
  }));
  const volatilities = [...frontier.points, ...own].map(({ volatility }) => volatility);
  const returns = [...frontier.points.map(({ expected_return }) => expected_return), ...own.map((one) => one.expected)];
  for (const one of frontier.strategies) {
    volatilities.push(one.volatility_in_sample);
    returns.push(one.expected_return_in_sample);
  }
  const [right, bottom] = [width - EDGE.right, HEIGHT - EDGE.bottom];
  const x = axisOf(volatilities, EDGE.left, right, Math.max(2, Math.floor((right - EDGE.left) / APART.x)));
  const y = axisOf(returns, bottom, EDGE.top, Math.floor((bottom - EDGE.top) / APART.y));
  const strategies = frontier.strategies.map(
    (one): Mark => ({
      x: x.at(one.volatility_in_sample),
      y: y.at(one.expected_return_in_sample),
      kind: one.strategy === champion ? "champion" : "strategy",
      text: nameOf(one.strategy),
    }),
  );
  const tickers = frontier.tickers.map(
    (ticker, k): Mark => ({
      x: x.at(own[k]?.volatility ?? 0),
      y: y.at(own[k]?.expected ?? 0),
      kind: "ticker",
      text: ticker,
    }),
  );
  // Those that are named first find room for their names; the champion is drawn last, over the others.
  const named = [...strategies.filter(({ kind }) => kind === "champion"), ...tickers, ...strategies];
  const marks = [...new Set(named)];
  return {
    x,
    y,
    curve: frontier.points.map(({ volatility, expected_return }) => ({
      x: x.at(volatility),
      y: y.at(expected_return),
    })),
    labels: labelled(marks, { left: EDGE.left, right: width, top: 0, bottom }),
    marks: marks.toReversed(),
  };
}

function described({ points, strategies, tickers }: Frontier): string {
  const [first, last] = [points[0], points.at(-1)];
  const end = (one: typeof first) =>
    `${percent(one?.expected_return)} a year at ${percent(one?.volatility)} volatility`;
  return `Efficient frontier, in sample: from ${end(first)} to ${end(last)}; with ${strategies.length} strategies and ${tickers.length} tickers, which the table below lists.`;
}

function Axes({ x, y, width }: { x: Axis; y: Axis; width: number }) {
  const [right, bottom] = [width - EDGE.right, HEIGHT - EDGE.bottom];
  // Whole per cents where they tell all ticks apart.
  const digits = [...x.ticks, ...y.ticks].every((tick) => Math.abs(tick * 100 - Math.round(tick * 100)) < 1e-9) ? 0 : 1;
  return (
    <g class="portfolio-axes">
      {x.ticks.map((tick) => (
        <g key={tick}>
          <line x1={x.at(tick)} x2={x.at(tick)} y1={EDGE.top} y2={bottom} />
          <text x={x.at(tick)} y={bottom + 18} text-anchor="middle">
            {percent(tick, digits)}
          </text>
        </g>
      ))}
      {y.ticks.map((tick) => (
        <g key={tick}>
          <line x1={EDGE.left} x2={right} y1={y.at(tick)} y2={y.at(tick)} />
          <text x={EDGE.left - 6} y={y.at(tick) + 4} text-anchor="end">
            {percent(tick, digits)}
          </text>
        </g>
      ))}
      <text x={(EDGE.left + right) / 2} y={HEIGHT - 8} text-anchor="middle">
        Volatility a year, in sample
      </text>
      <text transform={`translate(12 ${(EDGE.top + bottom) / 2}) rotate(-90)`} text-anchor="middle">
        Expected return a year, in sample
      </text>
    </g>
  );
}

function Marked({ mark: { x, y, kind, text } }: { mark: Mark }) {
  return (
    <g transform={`translate(${x} ${y})`} class={`portfolio-mark portfolio-mark-${kind}`}>
      <title>{text}</title>
      <Shape kind={kind} />
    </g>
  );
}

function Shape({ kind }: { kind: Mark["kind"] }) {
  if (kind === "ticker") return <rect x={-4} y={-4} width={8} height={8} />;
  if (kind === "strategy") return <circle r={4} />;
  return <path d="M0-8 2.4-2.6 8-2.4 3.6 1.3 5 7 0 3.8-5 7-3.6 1.3-8-2.4-2.4-2.6Z" />;
}

function Sign({ kind }: { kind: Mark["kind"] }) {
  return (
    <svg class={`portfolio-sign portfolio-mark-${kind}`} viewBox="-9 -9 18 18" aria-hidden="true">
      <Shape kind={kind} />
    </svg>
  );
}

function Crosshair({ at: { x, y } }: { at: Place }) {
  return (
    <g class="portfolio-crosshair">
      <line x1={EDGE.left} x2={x} y1={y} y2={y} />
      <line x1={x} x2={x} y1={y} y2={HEIGHT - EDGE.bottom} />
      <circle cx={x} cy={y} r={7} />
    </g>
  );
}
