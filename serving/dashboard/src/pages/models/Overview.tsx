// All models beside each other: what they can do, what they can't, and who would be next.

import { useMemo } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { ModelCard, Models, TickerMetrics } from "../../api/types";
import { pathOf } from "../../app/router";
import { change, count, decimal, percent, pValue } from "../../format/numbers";
import { session } from "../../format/time";
import { Figure, Figures } from "../../ui/figure";
import { Age, Empty, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { type Column, Table } from "../../ui/table";
import { Verdict } from "../../ui/verdict";
import { DriftCell } from "./DriftCell";
import { HorizonSwitch, sessionsAhead, shownHorizon } from "./Horizons";
import { SKILL_WORDS, skillOf, type Tally, tally } from "./metrics";
import { VERDICTS } from "./succession";

/** A model with its scores at the horizon that is shown. */
interface Row {
  readonly card: ModelCard;
  readonly m: TickerMetrics;
}

export function Overview() {
  const { answer, error, loading, reload } = useResource<Models>("/v1/models");
  const models = answer?.data.models;
  return (
    <div class="grid">
      <header class="models-head">
        <h1>Models</h1>
        <p class="models-card-link">
          <a href="/v1/model-card" target="_blank" rel="noreferrer">
            Model card
          </a>{" "}
          of the whole release (Markdown,{" "}
          <a href="/v1/model-card" download="model-card.md">
            download
          </a>
          )
        </p>
      </header>
      {error && <Failure what="models" error={error} retry={reload} stale={answer !== null} />}
      {models === undefined && loading && <Loading what="the models" lines={10} />}
      {models?.length === 0 && (
        <Empty title="The release in force has no model">
          <p>
            <code>stock-assets materialize</code> trains one for each ticker.
          </p>
        </Empty>
      )}
      {models !== undefined && models.length > 0 && <Compared models={models} />}
    </div>
  );
}

function Compared({ models }: { models: readonly ModelCard[] }) {
  const horizons = models[0]?.horizons ?? [];
  const horizon = shownHorizon(horizons);
  const rows = useMemo(
    () =>
      models.flatMap((card) => {
        const m = card.metrics[String(horizon)];
        return m === undefined ? [] : [{ card, m }];
      }),
    [models, horizon],
  );
  const title = `Out of sample, ${sessionsAhead(horizon)}`;
  return (
    <>
      <Panel title={title} aside={<HorizonSwitch horizons={horizons} />}>
        <Summary of={tally(rows.map(({ m }) => m))} />
      </Panel>
      <Panel title="By ticker" aside={<span>release {models[0]?.release_id}</span>}>
        <Table
          caption={`Models and their scores beside the baselines, ${sessionsAhead(horizon)}`}
          hideCaption
          columns={COLUMNS}
          rows={rows}
          rowKey={({ card }) => card.ticker}
        />
        <p class="models-foot">
          Return R² is against a forecast of no return. “Drift” compares the forecasts of the version in force since it
          went live with those out of sample. No challenger: the version that was trained last is in force.
        </p>
      </Panel>
    </>
  );
}

function Summary({ of }: { of: Tally }) {
  const luck = of.n * 0.05;
  return (
    <Figures>
      <Figure
        label="Beat the historical mean"
        value={`${of.beatMean} of ${of.n}`}
        baseline={{ label: "luck alone:", value: decimal(luck, 1) }}
        note="Clark-West at 5 %. Tickers move together: luck comes in clusters"
      />
      <Figure
        label="Volatility better than all four baselines"
        value={`${of.qlike} of ${of.n}`}
        baseline={{ label: "by a coin:", value: `at most ${decimal(of.n / 2, 1)}` }}
        note="QLIKE below EWMA, 63 sessions, log-HAR and GARCH"
      />
      <Figure
        label="P(up) better than the base rate"
        value={`${of.brier} of ${of.n}`}
        baseline={{ label: "by a coin:", value: decimal(of.n / 2, 1) }}
        note="Brier score; no test is made of the difference"
      />
      <Figure
        label="Inside the 90 % interval"
        value={percent(of.coverage)}
        baseline={{ label: "promised:", value: percent(0.9) }}
        note={`median of ${count(of.n)}; the least is ${percent(of.worstCoverage)}`}
      />
    </Figures>
  );
}

const COLUMNS: readonly Column<Row>[] = [
  {
    key: "ticker",
    header: "Ticker",
    rowHeader: true,
    cell: ({ card }) => <a href={pathOf("models", card.ticker)}>{card.ticker}</a>,
    sort: ({ card }) => card.ticker,
  },
  {
    key: "skill",
    header: "Skill in the mean",
    title: "In the model card's words; see a ticker's page",
    cell: ({ m }) => {
      const words = SKILL_WORDS[skillOf(m)];
      return <Verdict way={words.way}>{words.text}</Verdict>;
    },
    sort: ({ m }) => skillOf(m),
  },
  number("r2", "Return R²", "Against a forecast of no return", (m) => m.return_r2, change),
  number("mean", "The mean's", "R² of the historical mean", (m) => m.return_r2_historical_mean, change),
  number("p", "p", "Clark-West, over the historical mean", (m) => m.clark_west_p_historical_mean, pValue),
  number("qlike", "QLIKE", "Loss of the volatility; lower is better", (m) => m.qlike, decimal),
  number("ewma", "EWMA's", "Loss of EWMA(0.94)'s volatility", (m) => m.qlike_ewma, decimal),
  number("coverage", "In 90 %", "Share inside the 90 % interval", (m) => m.coverage_90, percent),
  {
    key: "drift",
    header: "Drift",
    cell: ({ card }) => <DriftCell ticker={card.ticker} />,
    class: "models-drift",
  },
  {
    key: "challenger",
    header: "Challenger",
    title: "None where the version that was trained last is in force",
    cell: ({ card }) => <ChallengerCell card={card} />,
    sort: ({ card }) => card.succession.challenger?.verdict,
  },
  {
    key: "version",
    header: "Version",
    align: "end",
    cell: ({ card }) => card.version,
    sort: ({ card }) => Number(card.version),
  },
  {
    key: "trained",
    header: "Trained",
    cell: ({ card }) => <Age at={Date.parse(card.lineage.trained_at)} label="" />,
    sort: ({ card }) => card.lineage.trained_at,
    class: "models-trained",
  },
  {
    key: "n",
    header: "Scored on",
    title: "Forecasts, and the years that they were made in",
    cell: ({ m }) => (
      <span class="num" title={`${session(m.first)} – ${session(m.last)}`}>
        {count(m.n)}, {m.first.slice(0, 4)}–{m.last.slice(0, 4)}
      </span>
    ),
    sort: ({ m }) => m.n,
  },
];

function number(
  key: string,
  header: string,
  title: string,
  of: (m: TickerMetrics) => number,
  write: (value: number) => string,
): Column<Row> {
  return { key, header, title, align: "end", cell: ({ m }) => write(of(m)), sort: ({ m }) => of(m) };
}

function ChallengerCell({ card }: { card: ModelCard }) {
  const challenger = card.succession.challenger;
  if (challenger === null) return <span class="muted">none</span>;
  return (
    <span title={challenger.decision}>
      version {challenger.version}: {VERDICTS[challenger.verdict].text}
    </span>
  );
}
