// The efficient frontier, whose points one may choose: what each holds, and the way to hold it. All in sample.

import { useRef } from "preact/hooks";
import type { Frontier as FrontierAnswer, Performance } from "../../api/types";
import { percent } from "../../format/numbers";
import { type Column, Table } from "../../ui/table";
import { FrontierPlot } from "./FrontierPlot";
import { weightsAt } from "./frontier";
import { nameOf } from "./names";

interface Props {
  readonly frontier: FrontierAnswer;
  readonly performance: Performance | null;
  readonly champion: string | null;
  readonly point: number | null;
  readonly choose: (point: number) => void;
  /** Make the chosen point the rebalance form's target. */
  readonly use: () => void;
}

export function Frontier({ frontier, performance, champion, point, choose, use }: Props) {
  const slider = useRef<HTMLInputElement>(null);
  const chosen = point === null ? undefined : frontier.points[point];
  const said = (index: number) => {
    const { volatility, expected_return } = frontier.points[index] ?? {};
    return `Point ${index + 1} of ${frontier.points.length}: volatility ${percent(volatility)}, expected return ${percent(expected_return)} a year, in sample`;
  };
  return (
    <>
      <p class="portfolio-warning">
        <b>In sample.</b> The curve is drawn by the estimates that choose its points, without costs and without a cap on
        any ticker. Those who hold such points seldom earn what it says.
      </p>
      <FrontierPlot
        frontier={frontier}
        champion={champion}
        point={point}
        choose={(index) => {
          choose(index);
          // From here on the arrow keys go along the curve.
          slider.current?.focus({ preventScroll: true });
        }}
      />
      <label class="field portfolio-slider">
        A point of the curve, from least variance to most return (click the curve, or the arrow keys)
        <input
          ref={slider}
          type="range"
          min={0}
          max={frontier.points.length - 1}
          value={point ?? 0}
          aria-valuetext={point === null ? "None chosen" : said(point)}
          onInput={(event) => choose(event.currentTarget.valueAsNumber)}
        />
      </label>
      <div class="portfolio-point">
        {point === null || chosen === undefined ? (
          <p class="muted">No point is chosen yet.</p>
        ) : (
          <>
            <p>{said(point)}.</p>
            <Weights weights={weightsAt(frontier, point)} />
            <button type="button" class="button button-main" onClick={use}>
              Use as the rebalance target
            </button>
          </>
        )}
      </div>
      <Expectations frontier={frontier} performance={performance} champion={champion} />
    </>
  );
}

function Weights({ weights }: { weights: Readonly<Record<string, number>> }) {
  const sorted = Object.entries(weights).sort(([, one], [, other]) => other - one);
  return (
    <ul class="portfolio-weights">
      {sorted.map(([ticker, weight]) => (
        <li key={ticker}>
          <span>{ticker}</span>
          <span class="portfolio-bar-group" aria-hidden="true">
            <span class="portfolio-bar portfolio-bar-target" style={{ inlineSize: `${weight * 100}%` }} />
          </span>
          <span class="num">{percent(weight)}</span>
        </li>
      ))}
    </ul>
  );
}

interface Expectation {
  readonly name: string;
  readonly expected: number;
  readonly volatility: number;
  readonly earned: number | undefined;
  readonly realised: number | undefined;
}

/** The picture's marks as a table, and beside what was expected what was earned. */
function Expectations({ frontier, performance, champion }: Omit<Props, "point" | "choose" | "use">) {
  const strategies = frontier.strategies.map((one): Expectation => {
    const record = performance?.record.strategies[one.strategy];
    return {
      name: nameOf(one.strategy) + (one.strategy === champion ? " ★" : ""),
      expected: one.expected_return_in_sample,
      volatility: one.volatility_in_sample,
      earned: record?.annualised_return,
      realised: record?.annualised_volatility,
    };
  });
  const tickers = frontier.tickers.map(
    (name, k): Expectation => ({
      name,
      expected: frontier.expected_return_in_sample[k] ?? Number.NaN,
      volatility: frontier.volatility_in_sample[k] ?? Number.NaN,
      earned: undefined,
      realised: undefined,
    }),
  );
  return (
    <details>
      <summary>The picture as a table, beside what was earned</summary>
      <Table
        caption="Return and volatility a year: expected in sample, and earned out of sample net of costs"
        columns={EXPECTATIONS}
        rows={[...strategies, ...tickers]}
        rowKey={({ name }) => name}
      />
    </details>
  );
}

function figure(
  key: "expected" | "volatility" | "earned" | "realised",
  header: string,
  title: string,
): Column<Expectation> {
  return { key, header, title, align: "end", sort: (row) => row[key], cell: (row) => percent(row[key]) };
}

const EXPECTATIONS: readonly Column<Expectation>[] = [
  { key: "name", header: "Of", rowHeader: true, sort: ({ name }) => name, cell: ({ name }) => name },
  figure("expected", "Expected", "in sample, a year"),
  figure("earned", "Earned", "out of sample, net of costs, a year"),
  figure("volatility", "Volatility in sample", "a year"),
  figure("realised", "Volatility since", "out of sample, a year"),
];
