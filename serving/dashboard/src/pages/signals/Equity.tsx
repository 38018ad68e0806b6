// What 1 became by the signals and by buying and holding, how deep each fell, and the figures of both.

import { useMemo, useState } from "preact/hooks";
import type { SignalPerformance } from "../../api/types";
import { count, decimal, percent } from "../../format/numbers";
import { session } from "../../format/time";
import { drawdowns } from "../../ui/drawdowns";
import { Lines, sessionSeconds } from "../../ui/lines";
import { Worth } from "./Worth";

export function Equity({ performance }: { performance: SignalPerformance }) {
  const { trading } = performance;
  return (
    <>
      <p class="muted">
        The out-of-sample signals as trades at the next open, {session(trading.first)} to {session(trading.last)} (
        {count(trading.sessions)} sessions), net of {decimal(trading.cost_bp, 1)} bp commission and{" "}
        {decimal(trading.slippage_bp, 1)} bp slippage a side, beside buying once and holding on the same sessions at the
        same costs.
      </p>
      <div class="signals-pair">
        <Curves performance={performance} />
        <Worth trading={trading} />
      </div>
    </>
  );
}

function Curves({ performance: { curves, trading } }: { performance: SignalPerformance }) {
  const [logarithmic, draw] = useState(true);
  const drawn = useMemo(() => {
    const pair = (ours: readonly number[], theirs: readonly number[]) => [
      { label: "Signals", values: ours, colour: "s1", width: 2 },
      { label: "Buy and hold", values: theirs, colour: "s2", dashed: true },
    ];
    return {
      x: curves.sessions.map(sessionSeconds),
      equity: pair(curves.signals, curves.buy_and_hold),
      drawdown: pair(drawdowns(curves.signals), drawdowns(curves.buy_and_hold)),
    };
  }, [curves]);
  const became = `${decimal(curves.signals.at(-1))} by the signals, ${decimal(curves.buy_and_hold.at(-1))} by buying and holding`;
  const fell = `${percent(trading.signals.maximum_drawdown)} by the signals, ${percent(trading.buy_and_hold.maximum_drawdown)} by buying and holding`;
  return (
    <div>
      <div class="signals-chart-head">
        <h3>What 1 became</h3>
        <label class="signals-check">
          <input type="checkbox" checked={logarithmic} onChange={() => draw(!logarithmic)} /> logarithmic
        </label>
      </div>
      <Lines
        sessions
        description={`1 became ${became}, net of costs, by ${session(trading.last)}.`}
        x={drawn.x}
        lines={drawn.equity}
        logarithmic={logarithmic}
        height={260}
        write={multiple}
      />
      <h3>Below the highest before</h3>
      <Lines
        sessions
        description={`The deepest falls from a peak: ${fell}.`}
        x={drawn.x}
        lines={drawn.drawdown}
        height={150}
        write={wholePercent}
      />
      <p class="muted">
        1 became {became}. Drawn are {count(curves.sessions.length)} of the sessions; the deepest fall of all of them is
        in the table.
      </p>
    </div>
  );
}

const multiple = (value: number) => decimal(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);
const wholePercent = (value: number) => percent(value, 0);
