// The reliability diagram as a picture: drawn in its own units, so that it is as sharp on a phone as on a wall.

import { percent } from "../../format/numbers";
import { type Bin, domainOf, keptPromise, sentenceOf, ticksOf } from "./bins";

const WIDTH = 400;
const LEFT = 62;
const RIGHT = 20;
const TOP = 10;
// Below the square: its axis, then how many forecasts there were.
const SIDE = WIDTH - LEFT - RIGHT;
const BOTTOM = TOP + SIDE;
const BARS = 34;
// Between the axis and the bars: its marks.
const MARKS = 24;
const HEIGHT = BOTTOM + MARKS + BARS + 22;

export function Diagram(props: { bins: readonly Bin[]; chosen: number; choose: (bin: number) => void }) {
  const { bins, chosen, choose } = props;
  const domain = domainOf(bins);
  const share = (p: number) => (p - domain[0]) / (domain[1] - domain[0]);
  const x = (p: number) => LEFT + share(p) * SIDE;
  const y = (p: number) => BOTTOM - share(p) * SIDE;
  const kept = bins.filter(keptPromise).length;
  return (
    <svg
      class="signals-diagram"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Reliability diagram: ${kept} of ${bins.length} groups within chance of what was said. ${bins.map(sentenceOf).join(". ")}.`}
    >
      <Axes domain={domain} x={x} y={y} />
      <line class="signals-diagonal" x1={x(domain[0])} y1={y(domain[0])} x2={x(domain[1])} y2={y(domain[1])} />
      {bins.map((bin, k) => (
        <g
          key={bin.lower}
          class={`signals-bin ${k === chosen ? "signals-bin-chosen" : ""}`}
          onPointerEnter={() => choose(k)}
          onPointerDown={() => choose(k)}
        >
          <rect
            class="signals-hit"
            x={x(bin.lower)}
            y={TOP}
            width={Math.max(6, x(bin.upper) - x(bin.lower))}
            height={SIDE}
          />
          <line x1={x(bin.forecast)} x2={x(bin.forecast)} y1={y(bin.lower_95)} y2={y(bin.upper_95)} />
          <circle
            class={keptPromise(bin) ? "signals-kept" : "signals-off"}
            cx={x(bin.forecast)}
            cy={y(bin.happened)}
            r={5}
          />
          <Bar bin={bin} most={Math.max(...bins.map(({ n }) => n))} x={x} />
        </g>
      ))}
    </svg>
  );
}

function Axes(props: { domain: readonly [number, number]; x: (p: number) => number; y: (p: number) => number }) {
  const { domain, x, y } = props;
  return (
    <g class="signals-axes">
      {ticksOf(domain).map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={LEFT + SIDE} y1={y(tick)} y2={y(tick)} />
          <line x1={x(tick)} x2={x(tick)} y1={TOP} y2={BOTTOM} />
          <text x={LEFT - 6} y={y(tick) + 4} text-anchor="end">
            {percent(tick, 0)}
          </text>
          <text x={x(tick)} y={BOTTOM + 16} text-anchor="middle">
            {percent(tick, 0)}
          </text>
        </g>
      ))}
      <text x={LEFT + SIDE / 2} y={HEIGHT - 6} text-anchor="middle">
        forecast P(up); bars: how many forecasts
      </text>
      <text x={12} y={TOP + SIDE / 2} text-anchor="middle" transform={`rotate(-90 12 ${TOP + SIDE / 2})`}>
        how often it went up
      </text>
    </g>
  );
}

/** How many forecasts a point is of, over the range that they said. */
function Bar({ bin, most, x }: { bin: Bin; most: number; x: (p: number) => number }) {
  const height = (bin.n / most) * BARS;
  const foot = BOTTOM + MARKS + BARS;
  const width = Math.max(2, x(bin.upper) - x(bin.lower) - 1);
  return <rect class="signals-bar" x={x(bin.lower)} y={foot - height} width={width} height={height} />;
}
