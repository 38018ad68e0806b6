// Every ticker that is served, in the order one likes, and those that were refused. Rows are links; the arrow keys go
// from one to the next, and with Alt move one that is pinned.

import { useRef, useState } from "preact/hooks";
import type { TickerCard, Tickers } from "../../api/types";
import { prefer, preferences } from "../../app/preferences";
import { go, pathOf } from "../../app/router";
import { count } from "../../format/numbers";
import { Panel } from "../../ui/panel";
import { keepFocus } from "./focus";
import { filtered, moved, ORDERS, orderOf, pinnedFirst } from "./order";
import { useOrdered } from "./ordering";
import { WatchRow } from "./WatchRow";

export function Watchlist({ told, chosen }: { told: Tickers; chosen: string | null }) {
  const { pinned, reversed, order: kept } = preferences.value;
  const order = orderOf(kept);
  const [text, filter] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const sorted = useOrdered(told.tickers, order, reversed, list.current);
  const shown = filtered(pinnedFirst(sorted, pinned), text);
  return (
    <Panel title="Watchlist" class="market-watch" aside={`${count(told.tickers.length)} tickers`}>
      <div class="market-tools">
        <input
          type="search"
          value={text}
          placeholder="Filter"
          aria-label="Filter tickers"
          onInput={(event) => filter(event.currentTarget.value)}
        />
        <select value={order} aria-label="Sort by" onChange={(event) => prefer({ order: event.currentTarget.value })}>
          {Object.entries(ORDERS).map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
        <button
          type="button"
          class="button"
          aria-pressed={reversed}
          aria-label="The other way round"
          title="The other way round"
          onClick={() => prefer({ reversed: !reversed })}
        >
          ⇅
        </button>
      </div>
      <ul ref={list} class="market-rows" data-rows onKeyDown={(event) => step(event, shown)}>
        {shown.map((card) => (
          <WatchRow
            key={card.ticker}
            card={card}
            chosen={card.ticker === chosen}
            pinned={pinned.includes(card.ticker)}
          />
        ))}
      </ul>
      {shown.length === 0 && <p class="muted">No ticker has “{text}” in its name.</p>}
      <Refusals told={told} />
    </Panel>
  );
}

function Refusals({ told }: { told: Tickers }) {
  if (told.refused.length === 0) return null;
  return (
    <details class="market-refused">
      <summary>{count(told.refused.length)} not served</summary>
      <dl>
        {told.refused.map(({ ticker, reason }) => (
          <div key={ticker}>
            <dt>{ticker}</dt>
            <dd>{reason.replace(`${ticker}: `, "")}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

const WAYS: Readonly<Record<string, -1 | 1>> = { ArrowDown: 1, ArrowUp: -1 };

/** The arrow keys choose the next or the previous ticker, as far as there is one; with Alt, they move it if pinned. */
function step(event: KeyboardEvent, shown: readonly TickerCard[]): void {
  const way = WAYS[event.key];
  if (way === undefined || event.ctrlKey || event.metaKey) return;
  const links = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLAnchorElement>("a")];
  const from = links.findIndex((each) => each.matches(":focus"));
  if (event.altKey) {
    const ticker = shown[from]?.ticker;
    if (ticker === undefined) return;
    event.preventDefault();
    const here = new Set(shown.map((card) => card.ticker));
    prefer({ pinned: moved(preferences.peek().pinned, ticker, way, (other) => here.has(other)) });
    if (links[from] !== undefined) keepFocus(links[from]);
    return;
  }
  const to = from + way;
  const [link, card] = [links[to], shown[to]];
  if (link === undefined || card === undefined) return;
  event.preventDefault();
  link.focus();
  go(pathOf("market", card.ticker), { replace: true });
}
