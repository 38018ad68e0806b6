// Every out-of-sample signal of a ticker: filtered by the address, shown as a table, given away as a file.

import { useMemo } from "preact/hooks";
import { go, pathOf, query } from "../../app/router";
import { count } from "../../format/numbers";
import { session } from "../../format/time";
import { save } from "../../ui/download";
import { Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { Table } from "../../ui/table";
import { FilterForm } from "./FilterForm";
import { type Filters, filtered, filtersOf, queryOf } from "./filters";
import type { History } from "./history";
import { HISTORY_COLUMNS } from "./historyColumns";
import { historyCsv, historyFileName } from "./historyCsv";
import type { Loaded } from "./useHistory";

// What follows the table is still within reach.
const PAGE_SIZE = 50;

export function HistoryPanel({ ticker, loaded }: { ticker: string; loaded: Loaded }) {
  const { history, error, reload } = loaded;
  return (
    <Panel
      title="History"
      class="signals-history"
      aside={history && <Progress history={history} failed={error !== null} />}
    >
      {error && (
        <Failure what={`history of ${ticker}`} error={error} retry={reload} stale={history?.complete ?? false} />
      )}
      {history === null && error === null && <Loading what="the history" lines={14} />}
      {history && <Shown ticker={ticker} history={history} />}
    </Panel>
  );
}

function Progress({ history: { rows, complete }, failed }: { history: History; failed: boolean }) {
  const since = rows.at(-1)?.session;
  const text = `${count(rows.length)} signals${since ? ` since ${session(since)}` : ""}`;
  return (
    <span class="num" role="status">
      {complete ? text : `${text}, earlier ones are ${failed ? "missing" : "coming…"}`}
    </span>
  );
}

function Shown({ ticker, history }: { ticker: string; history: History }) {
  const { rows, release, complete } = history;
  const asked = query.value;
  const filters = useMemo(() => filtersOf(asked), [asked]);
  const shown = useMemo(() => filtered(rows, filters), [rows, filters]);
  const change = (changes: Partial<Filters>) =>
    go(pathOf("signals", ticker) + queryOf({ ...filters, ...changes }), { replace: true });
  return (
    <>
      <FilterForm filters={filters} first={rows.at(-1)?.session} last={rows[0]?.session} change={change}>
        <p class="signals-count num" role="status">
          {count(shown.length)} of {count(rows.length)}
        </p>
        <button
          type="button"
          class="button"
          disabled={!complete || shown.length === 0}
          title={complete ? "Exactly the filtered signals, newest first" : "When the whole history has come"}
          onClick={() => save(historyFileName(ticker, release), "text/csv", historyCsv(ticker, shown))}
        >
          Save as CSV
        </button>
      </FilterForm>
      <Table
        caption="What the champion would have signalled, out of sample. Returns are simple, over the horizon; the edge is the expected log return before costs."
        columns={HISTORY_COLUMNS}
        rows={shown}
        rowKey={(row) => row.session}
        pageSize={PAGE_SIZE}
        empty={rows.length === 0 ? "No signal has a known outcome yet." : "No signal passes these filters."}
      />
    </>
  );
}
