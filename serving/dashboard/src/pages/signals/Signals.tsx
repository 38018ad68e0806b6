// The signals page: which ticker it is of, and what stands on it for one and for all.

import { useResource } from "../../api/resource";
import type { Tickers } from "../../api/types";
import type { PageProps } from "../../app/App";
import { pathOf, query } from "../../app/router";
import { Empty, Failure, Loading } from "../../ui/notes";
import { Changes } from "./Changes";
import { InForce } from "./InForce";
import { InForceTable } from "./InForceTable";
import { TickerRecord } from "./TickerRecord";
import "./signals.css";
import { WorthOfAll } from "./WorthOfAll";

export default function Signals({ ticker }: PageProps) {
  const { answer, error, loading, reload } = useResource<Tickers>("/v1/tickers");
  const names = answer?.data.tickers.map((card) => card.ticker) ?? null;
  const exchange = answer?.data.tickers.find((card) => card.ticker === ticker)?.exchange ?? null;
  return (
    <>
      <h1>Signals{ticker && ` of ${ticker}`}</h1>
      {error && <Failure what="signals" error={error} retry={reload} stale={answer !== null} />}
      {names === null && loading && <Loading what="tickers" lines={10} />}
      {names && <TickerSwitch names={names} chosen={ticker} />}
      {names && ticker === null && <OfAll names={names} />}
      {names && ticker !== null && !names.includes(ticker) && <NoSuchTicker ticker={ticker} names={names} />}
      {/* By its key each ticker has a page of its own: nothing of another's is left in it. */}
      {names?.includes(ticker ?? "") && ticker && <OfOne key={ticker} ticker={ticker} exchange={exchange} />}
    </>
  );
}

function OfAll({ names }: { names: readonly string[] }) {
  return (
    <div class="grid">
      <InForceTable tickers={names} />
      <Changes ticker={null} />
      <WorthOfAll />
    </div>
  );
}

function OfOne({ ticker, exchange }: { ticker: string; exchange: string | null }) {
  return (
    <div class="grid">
      <InForce ticker={ticker} exchange={exchange} />
      <Changes ticker={ticker} />
      <TickerRecord ticker={ticker} />
    </div>
  );
}

/** Links to each; the filters go along. */
function TickerSwitch({ names, chosen }: { names: readonly string[]; chosen: string | null }) {
  return (
    <nav class="signals-switch" aria-label="Ticker">
      {[null, ...names].map((name) => (
        <a
          key={name ?? ""}
          class="button"
          href={pathOf("signals", name) + query.value}
          aria-current={name === chosen ? "page" : undefined}
        >
          {name ?? "All"}
        </a>
      ))}
    </nav>
  );
}

function NoSuchTicker({ ticker, names }: { ticker: string; names: readonly string[] }) {
  return (
    <Empty title={`There are no signals of ${ticker}`}>
      <p>
        The release in force has none of that name. It has{" "}
        {names.map((name, k) => (
          <span key={name}>
            {k > 0 && ", "}
            <a href={pathOf("signals", name)}>{name}</a>
          </span>
        ))}
        .
      </p>
    </Empty>
  );
}
