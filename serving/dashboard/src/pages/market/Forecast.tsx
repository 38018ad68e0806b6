// What the ticker's model says of the sessions to come, and how good it has been at that.

import { useResource } from "../../api/resource";
import type { Further, ModelCard, TickerCard, TickerMetrics } from "../../api/types";
import { pathOf } from "../../app/router";
import { basisPoints, count, decimal, percent, price } from "../../format/numbers";
import { exchangeTime, session } from "../../format/time";
import { Age, Empty, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { useTurn } from "./calm";
import { horizonsOf } from "./fan";
import { Missing } from "./Missing";
import { useBySecond, usePrediction } from "./market";

export function Forecast({ card }: { card: TickerCard }) {
  const path = useTurn() ? `/v1/models/${encodeURIComponent(card.ticker)}` : null;
  const { answer, error, reload } = useResource<ModelCard>(path);
  const model = answer?.data ?? null;
  return (
    <Panel title="Forecast" class="market-forecast" aside={<Made card={card} />}>
      <Intervals ticker={card.ticker} />
      {model && <Record model={model} />}
      {model === null && error === null && <Loading what="the model's record" lines={6} />}
      {error && <Failure what="the model's record" error={error} retry={reload} stale={model !== null} />}
    </Panel>
  );
}

function Made({ card }: { card: TickerCard }) {
  const made = useBySecond(usePrediction(card.ticker));
  if (made === null) return null;
  const { message, at } = made;
  return (
    <>
      {message.provisional && (
        <span class="badge badge-warn" title="Of a session that is not over: it moves with the price">
          provisional
        </span>
      )}
      <span title={`made at ${exchangeTime(message.made_at, card.exchange)}`}>
        <Age at={at} label="made" />
      </span>
    </>
  );
}

function Intervals({ ticker }: { ticker: string }) {
  const made = usePrediction(ticker).value?.message;
  if (made === undefined)
    return (
      <Missing what="forecasts" path="/v1/predictions">
        <Empty title="No forecast">
          <p>Neither the release nor the live engine has one of {ticker}.</p>
        </Empty>
      </Missing>
    );
  const horizons = horizonsOf(made);
  return (
    <ByHorizon
      caption={`At ${price(made.close)} in the session of ${session(made.session)}, for the close of`}
      heads={horizons.map((each) => [each.horizon, session(each.target_session)] as const)}
      rows={[
        ["Median", horizons.map((each) => price(each.price_median))],
        ["Expected return", horizons.map((each) => basisPoints(10_000 * each.mean))],
        ["50 % interval", horizons.map((each) => spread(each.price_lower_50, each.price_upper_50))],
        ["90 % interval", horizons.map((each) => spread(each.price_lower_90, each.price_upper_90))],
        ["P(up)", horizons.map((each: Further) => percent(each.p_up))],
      ]}
    />
  );
}

function spread(lower: number, upper: number) {
  return (
    <>
      <span>{price(lower)}–</span>
      <wbr />
      <span>{price(upper)}</span>
    </>
  );
}

function Record({ model }: { model: ModelCard }) {
  const horizons = [...model.horizons].toSorted((a, b) => a - b);
  const scores = horizons.map((horizon) => model.metrics[horizon]);
  const row = (write: (scores: TickerMetrics) => string) => scores.map((each) => (each ? write(each) : "–"));
  return (
    <>
      <h3>How good it has been</h3>
      <ByHorizon
        caption="Out of sample, each beside what it has to beat"
        heads={horizons.map((horizon) => [horizon, ""] as const)}
        rows={[
          ["Forecasts", row((each) => count(each.n))],
          ["90 % interval held", row((each) => percent(each.coverage_90))],
          ["… worst 63 in a row", row((each) => percent(each.worst_coverage_63))],
          ["50 % interval held", row((each) => percent(each.coverage_50))],
          [
            "Right direction",
            row((each) => `${percent(each.directional_accuracy)} ± ${decimal(100 * each.directional_accuracy_se, 1)}`),
          ],
          ["… the commoner one", row((each) => percent(each.base_rate))],
          ["Brier score of P(up)", row((each) => decimal(each.brier, 4))],
          ["… of the base rate", row((each) => decimal(each.brier_base_rate, 4))],
          ["P(up) is off by", row((each) => percent(each.calibration_error))],
          ["R² of returns", row((each) => percent(each.return_r2, 2))],
          ["… of the mean so far", row((each) => percent(each.return_r2_historical_mean, 2))],
          ["… of zero", row(() => percent(0, 2))],
        ]}
      />
      <p class="muted">
        Forecasts of {session(scores[0]?.first)} to {session(scores[0]?.last)}, each by a model that had not seen what
        it is scored on.{" "}
        <a href={pathOf("models", model.ticker)}>Model {model.version}, with everything that is known of it</a>.
      </p>
    </>
  );
}

interface ByHorizonProps {
  readonly caption: string;
  readonly heads: readonly (readonly [horizon: number, date: string])[];
  readonly rows: readonly (readonly [name: string, values: readonly preact.ComponentChild[]])[];
}

function ByHorizon({ caption, heads, rows }: ByHorizonProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reached by keys
    <section class="scroll" tabIndex={0} aria-label={caption}>
      <table class="market-horizons">
        <caption>{caption}</caption>
        <thead>
          <tr>
            <td />
            {heads.map(([horizon, date]) => (
              <th key={horizon} scope="col" class="num">
                {date && <span>{date}</span>}
                <small>{horizon === 1 ? "1 session" : `${horizon} sessions`}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, values]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {values.map((value, k) => (
                <td key={heads[k]?.[0]} class="num">
                  {value}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
