// Which strategy the page is about, why the champion is the one in force, and what the chosen one is worth.

import type { Performance, StrategyRecord, StrategyWeights, Weights } from "../../api/types";
import { count, decimal, percent, pValue } from "../../format/numbers";
import { session } from "../../format/time";
import { Figure, Figures } from "../../ui/figure";
import { championFirst, nameOf, STRATEGIES } from "./names";
import { BASELINE, verdictOf } from "./record";

interface Props {
  readonly weights: Weights;
  readonly performance: Performance | null;
  readonly asked: string | null;
  readonly choose: (strategy: string) => void;
}

/** The allocation that was asked for; the champion's where it was none of this release's. */
export function allocationOf({ allocations, champion }: Weights, asked: string | null): StrategyWeights | undefined {
  const find = (name: string | null) => allocations.find(({ strategy }) => strategy === name);
  return find(asked) ?? find(champion) ?? allocations[0];
}

export function Strategies({ weights, performance, asked, choose }: Props) {
  const chosen = allocationOf(weights, asked)?.strategy ?? weights.champion;
  return (
    <>
      <div class="portfolio-pick">
        <label class="field">
          Shown on this page
          <select value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
            {championFirst(weights.allocations, weights.champion).map(({ strategy }) => (
              <option key={strategy} value={strategy}>
                {strategy === weights.champion ? `★ ${nameOf(strategy)}: champion` : nameOf(strategy)}
              </option>
            ))}
          </select>
        </label>
        <p>{STRATEGIES[chosen]?.holds}</p>
      </div>
      <div class="portfolio-worth">{performance && <Worth performance={performance} chosen={chosen} />}</div>
      <details class="portfolio-why" open={chosen === weights.champion}>
        <summary>Why {nameOf(weights.champion)} is the champion</summary>
        <p>{weights.why}</p>
      </details>
      <p class="muted">
        Week of {session(weights.week)}, from sessions up to {session(weights.data_through)}.
        {weights.left_out.length > 0 && (
          <> Left out: {weights.left_out.map(({ ticker, reason }) => `${ticker} (${reason})`).join("; ")}.</>
        )}
      </p>
    </>
  );
}

/** Out of sample, beside equal weight; equal weight itself beside what was bought and held. */
function Worth({ performance, chosen }: { performance: Performance; chosen: string }) {
  const { record } = performance;
  const own = record.strategies[chosen];
  const equal = record.strategies[BASELINE];
  if (own === undefined || equal === undefined) return null;
  const [other, label] = chosen === BASELINE ? [record.buy_and_hold, "bought and held"] : [equal, "equal weight"];
  const beside = (text: (one: StrategyRecord) => string) => ({ label, value: text(other) });
  const tested = chosen === BASELINE ? "" : `, p ${pValue(own.p_equal_weight)} of being no better`;
  return (
    <Figures>
      <Figure
        label="Sharpe ratio"
        value={decimal(own.sharpe)}
        baseline={beside(({ sharpe }) => decimal(sharpe))}
        verdict={chosen === BASELINE ? undefined : verdictOf(own)}
        note={`95 %: ${decimal(own.sharpe_lower_95)} to ${decimal(own.sharpe_upper_95)}${tested}`}
      />
      <Figure
        label="Return a year"
        value={percent(own.annualised_return)}
        baseline={beside(({ annualised_return }) => percent(annualised_return))}
        note={`out of sample, ${count(record.sessions)} sessions, net of ${decimal(record.cost_bp, 0)} bp`}
      />
      <Figure
        label="Volatility a year"
        value={percent(own.annualised_volatility)}
        baseline={beside(({ annualised_volatility }) => percent(annualised_volatility))}
      />
      <Figure
        label="Greatest drawdown"
        value={percent(own.maximum_drawdown)}
        baseline={beside(({ maximum_drawdown }) => percent(maximum_drawdown))}
      />
      <Figure
        label="Deflated Sharpe ratio"
        value={percent(own.deflated_sharpe, 0)}
        baseline={beside(({ deflated_sharpe }) => percent(deflated_sharpe, 0))}
        note={`how sure it is that the best of ${record.trials} tried is no luck`}
      />
    </Figures>
  );
}
