// The market: every ticker that is served, and one of them in full.

import { useEffect, useState } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { TickerCard, Tickers } from "../../api/types";
import type { PageProps } from "../../app/App";
import { prefer, preferences } from "../../app/preferences";
import { pathOf } from "../../app/router";
import { session } from "../../format/time";
import { Age, Empty, Failure, Loading } from "../../ui/notes";
import { waitForCalm } from "./calm";
import { askEarly, useSettled } from "./market";
import { TickerView } from "./TickerView";
import { Watchlist } from "./Watchlist";
import "./market.css";

// A ticker that is passed over with the arrow keys is not asked for.
const QUIET_MS = 150;

export default function Market({ ticker }: PageProps) {
  useState(() => askEarly(ticker));
  const { answer, error, loading, reload } = useResource<Tickers>("/v1/tickers");
  const told = answer?.data ?? null;
  const wanted = ticker ?? kept(told);
  const card = told?.tickers.find((each) => each.ticker === wanted) ?? null;
  const shown = useSettled(card, QUIET_MS);
  useEffect(waitForCalm, []);
  useEffect(() => {
    if (card) prefer({ ticker: card.ticker });
  }, [card]);
  return (
    <>
      <header class="market-head">
        <h1>Market</h1>
        {answer && (
          <p class="muted">
            Release of {session(answer.data.as_of)},{" "}
            <Age at={answer.receivedAt - 1_000 * (answer.ageSeconds ?? 0)} label="published" />
          </p>
        )}
      </header>
      {error && <Failure what="tickers" error={error} retry={reload} stale={told !== null} />}
      {told === null && loading && <Loading what="the tickers" lines={12} />}
      {told && (
        <div class="market">
          <Watchlist told={told} chosen={card?.ticker ?? null} />
          {card ? <Shown card={shown ?? card} /> : <NoSuch ticker={wanted} told={told} />}
        </div>
      )}
    </>
  );
}

/** The one that was looked at last, if it is served by now, else the first. */
function kept(told: Tickers | null): string | null {
  const last = preferences.value.ticker;
  const found = told?.tickers.find((each) => each.ticker === last) ?? told?.tickers[0];
  return found?.ticker ?? null;
}

function Shown({ card }: { card: TickerCard }) {
  return <TickerView key={card.ticker} card={card} />;
}

function NoSuch({ ticker, told }: { ticker: string | null; told: Tickers }) {
  const refused = told.refused.find((each) => each.ticker === ticker);
  return (
    <div class="market-chart">
      <Empty
        title={refused ? `${ticker} is not served` : ticker ? `There is no ticker ${ticker}` : "There are no tickers"}
      >
        {refused && <p>The release had to refuse it. {refused.reason}</p>}
        {ticker && !refused && <p>The address names one that the release does not have. It has:</p>}
        {ticker && refused && <p>There are:</p>}
        <ul class="market-others">
          {told.tickers.slice(0, MOST_NAMED).map((each) => (
            <li key={each.ticker}>
              <a href={pathOf("market", each.ticker)}>{each.ticker}</a>
            </li>
          ))}
        </ul>
        {told.tickers.length > MOST_NAMED && <p>All {told.tickers.length} are in the watchlist.</p>}
      </Empty>
    </div>
  );
}

const MOST_NAMED = 40;
