// One ticker's model: what it can do, who would be next, how it does live, and where it comes from.

import { useResource } from "../../api/resource";
import type { ModelCard, Status, TickerMetrics, Tickers } from "../../api/types";
import { go, pathOf } from "../../app/router";
import { change, count, decimal, percent, pValue } from "../../format/numbers";
import { session } from "../../format/time";
import { Figure, Figures } from "../../ui/figure";
import { Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { Verdict, type Way } from "../../ui/verdict";
import { CoveragePanel } from "./CoveragePanel";
import { HorizonSwitch, sessionsAhead, shownHorizon } from "./Horizons";
import { LineageList } from "./Lineage";
import { LivePanel } from "./LivePanel";
import { MixPanel } from "./MixPanel";
import { coverageError, SKILL_WORDS, skillOf } from "./metrics";
import { ScoresPanel } from "./ScoresPanel";
import { SuccessionPanel } from "./SuccessionPanel";

export function TickerModel({ ticker }: { ticker: string }) {
  const { answer, error, loading, reload } = useResource<ModelCard>(`/v1/models/${encodeURIComponent(ticker)}`);
  const card = answer?.data;
  const horizons = card?.horizons ?? [];
  const horizon = shownHorizon(horizons);
  const metrics = card?.metrics[String(horizon)];
  return (
    <div class="grid">
      <header class="models-head">
        <h1>{ticker}: the model</h1>
        <Ways ticker={ticker} />
      </header>
      {error && error.status === 404 && <Unknown ticker={ticker} known={error.problem?.known ?? []} />}
      {error && error.status !== 404 && (
        <Failure what={`${ticker}'s model`} error={error} retry={reload} stale={answer !== null} />
      )}
      {card === undefined && loading && <Loading what={`${ticker}'s model`} lines={14} />}
      {card && metrics && (
        <>
          <Panel
            title={`Out of sample, ${sessionsAhead(horizon)}`}
            aside={horizons.length > 1 && <HorizonSwitch horizons={horizons} />}
          >
            <Headline m={metrics} horizon={horizon} />
          </Panel>
          <SuccessionPanel succession={card.succession} />
          <ScoresPanel metrics={metrics} horizon={horizon} />
          <div class="grid models-pair">
            <CoveragePanel ticker={ticker} horizon={horizon} />
            <LivePanel ticker={ticker} horizon={horizons[0] ?? horizon} />
          </div>
          <div class="grid models-pair">
            <Origin card={card} />
            <MixPanel card={card} horizon={horizon} />
          </div>
        </>
      )}
    </div>
  );
}

function Ways({ ticker }: { ticker: string }) {
  const { answer } = useResource<Tickers>("/v1/tickers");
  const known = answer?.data.tickers.map((card) => card.ticker) ?? [];
  return (
    <nav class="models-ways" aria-label="Other models">
      <a href={pathOf("models")}>All models</a>
      <a href={pathOf("market", ticker)}>Market</a>
      <a href={pathOf("signals", ticker)}>Signals</a>
      <label class="models-pick">
        <span class="visually-hidden">Another ticker</span>
        <select value={ticker} onChange={(event) => go(pathOf("models", event.currentTarget.value))}>
          {!known.includes(ticker) && <option value={ticker}>{ticker}</option>}
          {known.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </nav>
  );
}

function Unknown({ ticker, known }: { ticker: string; known: readonly string[] }) {
  return (
    <div class="note note-error" role="status">
      <p class="note-title">There is no model of {ticker}</p>
      <p>
        The release in force has{" "}
        {known.map((name, k) => (
          <>
            {k > 0 && ", "}
            <a key={name} href={pathOf("models", name)}>
              {name}
            </a>
          </>
        ))}
        . If {ticker} should be among them, <a href={pathOf("system")}>System</a> tells why a ticker was refused.
      </p>
    </div>
  );
}

function Headline({ m, horizon }: { m: TickerMetrics; horizon: number }) {
  const skill = SKILL_WORDS[skillOf(m)];
  const best = Math.min(m.qlike_ewma, m.qlike_rolling, m.qlike_log_har, m.qlike_garch);
  const off = (m.coverage_90 - 0.9) / coverageError(0.9, m.n, horizon);
  const ahead = (m.directional_accuracy - m.base_rate) / m.directional_accuracy_se;
  return (
    <>
      <p class="models-lead">
        <Verdict way={skill.way}>{skill.long}</Verdict>
      </p>
      <Figures>
        <Figure
          label="Return R²"
          value={change(m.return_r2)}
          baseline={{ label: "historical mean", value: change(m.return_r2_historical_mean) }}
          verdict={meanVerdict(m)}
          note={`Clark-West p ${pValue(m.clark_west_p_historical_mean)}`}
        />
        <Figure
          label="Right direction"
          value={percent(m.directional_accuracy)}
          baseline={{ label: "the commoner one", value: percent(m.base_rate) }}
          verdict={Math.abs(ahead) <= 2 ? "even" : ahead > 0 ? "better" : "worse"}
          note={`± ${percent(m.directional_accuracy_se)} (standard error)`}
        />
        <Figure
          label="Volatility (QLIKE, lower is better)"
          value={decimal(m.qlike, 3)}
          baseline={{ label: "the best of four simple ones", value: decimal(best, 3) }}
          verdict={m.qlike < best ? "better" : "worse"}
          note="no test is made of the difference"
        />
        <Figure
          label="Inside the 90 % interval"
          value={percent(m.coverage_90)}
          baseline={{ label: "the promise of", value: percent(0.9) }}
          verdict={off < -2 ? "worse" : "even"}
          note={`worst 63 running: ${percent(m.worst_coverage_63)}`}
        />
      </Figures>
      <p class="models-foot">
        {count(m.n)} forecasts, made at the closes from {session(m.first)} to {session(m.last)}. They are of the
        procedure, refitted as time went on; the model in force is its newest refit. {count(m.trials)} settings were
        tried on the way.
      </p>
    </>
  );
}

function meanVerdict(m: TickerMetrics): Way {
  if (m.clark_west_p_historical_mean < 0.05 && m.return_r2 > m.return_r2_historical_mean) return "better";
  return m.return_r2 < m.return_r2_historical_mean && m.clark_west_p_historical_mean >= 0.05 ? "worse" : "even";
}

function Origin({ card }: { card: ModelCard }) {
  const { answer } = useResource<Status>("/v1/status");
  return (
    <Panel title="Where it comes from">
      <LineageList lineage={card.lineage} release={card.release_id} links={answer?.data.links ?? null} />
      <p class="models-foot">
        {count(card.features)} features of {count(card.window)} sessions each.{" "}
        <a href="/v1/model-card" target="_blank" rel="noreferrer">
          Model card
        </a>
      </p>
    </Panel>
  );
}
