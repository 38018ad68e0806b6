// What the forecast in service is made of: how much each model is believed.

import type { ModelCard } from "../../api/types";
import { change, decimal, percent } from "../../format/numbers";
import { Panel } from "../../ui/panel";
import { sessionsAhead } from "./Horizons";

export function MixPanel({ card, horizon }: { card: ModelCard; horizon: number }) {
  const parameters = card.parameters[String(horizon)];
  if (parameters === undefined) return null;
  const believed = Object.values(parameters.edge_weights).reduce((sum, weight) => sum + weight, 0);
  return (
    <Panel title="How much each model is believed" aside={<span>{sessionsAhead(horizon)}</span>}>
      <h3>Expected return</h3>
      <Shares of={parameters.edge_weights} />
      <p class="models-foot">
        Of what they say beyond the historical mean ({change(Math.expm1(parameters.historical_mean), 3)}), at most{" "}
        {decimal(parameters.edge_limit)} volatilities, {percent(1 - believed, 0)} is not believed. 0 % for every model
        is a result, not a fault: the forecast is then that mean.
      </p>
      <h3>Volatility</h3>
      <Shares of={parameters.variance_weights} />
      <p class="models-foot">Shares in the log variance; they sum to 100 %.</p>
    </Panel>
  );
}

function Shares({ of }: { of: Readonly<Record<string, number>> }) {
  return (
    <dl class="models-shares">
      {Object.entries(of).map(([name, share]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <span class="models-bar" aria-hidden="true">
              <span style={{ width: `${100 * share}%` }} />
            </span>
            <span class="num">{percent(share)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
