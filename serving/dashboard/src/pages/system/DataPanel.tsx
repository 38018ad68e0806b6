// How old each ticker's bars and live prices are, and which tickers the release had to refuse.

import { useResource } from "../../api/resource";
import type { TickerCard, Tickers } from "../../api/types";
import { pathOf } from "../../app/router";
import { count } from "../../format/numbers";
import { session } from "../../format/time";
import { now } from "../../live/clock";
import { priceOf } from "../../live/store";
import { Age, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { type Column, Table } from "../../ui/table";
import { LevelBadge } from "../../ui/verdict";
import { barsLevel, replays } from "./health";

export function DataPanel() {
  const { answer, error, loading, reload } = useResource<Tickers>("/v1/tickers");
  const of = answer?.data;
  return (
    <Panel class="system-panel" title="Data" aside={of && <span>release of {session(of.as_of)}</span>}>
      {error && <Failure what="the tickers" error={error} retry={reload} stale={answer !== null} />}
      {of === undefined && loading && <Loading what="the tickers" lines={6} />}
      {of && (
        <Table
          caption="How old each ticker's data is"
          hideCaption
          columns={COLUMNS}
          rows={of.tickers}
          rowKey={(row) => row.ticker}
          pageSize={20}
        />
      )}
      {of && of.refused.length > 0 && <Refused of={of.refused} />}
    </Panel>
  );
}

const COLUMNS: readonly Column<TickerCard>[] = [
  {
    key: "ticker",
    header: "Ticker",
    rowHeader: true,
    cell: ({ ticker }) => <a href={pathOf("market", ticker)}>{ticker}</a>,
    sort: ({ ticker }) => ticker,
  },
  {
    key: "last",
    header: "Last bar",
    cell: (row) => <LastBar card={row} />,
    sort: (row) => row.last_session,
  },
  { key: "bars", header: "Bars", align: "end", cell: (row) => count(row.bars), sort: (row) => row.bars },
  { key: "live", header: "Live session", cell: ({ ticker }) => <LiveSession ticker={ticker} />, class: "system-ticks" },
  { key: "heard", header: "Live price", cell: ({ ticker }) => <Heard ticker={ticker} />, class: "system-ticks" },
];

function LastBar({ card }: { card: TickerCard }) {
  const told = priceOf(card.ticker).value;
  const replayed = replays(told?.message.at ?? null, told?.at ?? null);
  const level = barsLevel(card.last_session, now.value, replayed);
  return (
    <span class="num">
      {session(card.last_session)}{" "}
      {replayed ? <span class="muted">(a replay)</span> : level !== "ok" && <LevelBadge level={level}>old</LevelBadge>}
    </span>
  );
}

function LiveSession({ ticker }: { ticker: string }) {
  const told = priceOf(ticker).value;
  return <span class="num">{told === null ? "–" : session(told.message.session)}</span>;
}

function Heard({ ticker }: { ticker: string }) {
  const told = priceOf(ticker).value;
  return told === null ? <span class="muted">none yet</span> : <Age at={told.at} label="heard" />;
}

function Refused({ of }: { of: Tickers["refused"] }) {
  return (
    <>
      <h3>Refused by the release</h3>
      <ul class="system-alerts">
        {of.map(({ ticker, reason }) => (
          <li key={ticker}>
            <p class="system-alert-head">
              <LevelBadge level="warn">{ticker}</LevelBadge>
            </p>
            <p class="system-alert-text">{reason}</p>
            <p class="system-check-advice">
              Mend its data, then <code>stock-assets materialize --tickers {ticker}</code>.
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
