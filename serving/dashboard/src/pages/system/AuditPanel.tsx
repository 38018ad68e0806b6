// The audit log: its entries newest first, the whole trail of one, and whether all of it is as it was written.

import { useState } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { AuditEntries, Tickers } from "../../api/types";
import { go, pathOf } from "../../app/router";
import { count } from "../../format/numbers";
import { session, time } from "../../format/time";
import { engineStatus } from "../../live/store";
import { Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { type Column, Table } from "../../ui/table";
import type { Links } from "../models/links";
import { Trail } from "./Trail";
import { Verification } from "./Verification";

type Entry = AuditEntries["entries"][number];

const PAGE = 15;
const KINDS = ["signal", "forecast", "outcome", "prediction"] as const;

export function AuditPanel({ entry, links }: { entry: string | null; links: Links | null }) {
  const opened = entry !== null && /^[1-9]\d{0,15}$/.test(entry) ? Number(entry) : null;
  return (
    <Panel title="Audit log" aside={<span>written before it is said; a chain of hashes</span>}>
      <Verification />
      <Entries opened={opened} open={open} />
      {opened !== null && (
        <Trail id={opened} links={links} open={open} close={() => go(pathOf("system"), { replace: true })} />
      )}
    </Panel>
  );
}

/** An entry has an address, which a signal's own link leads to. */
function open(id: number): void {
  go(pathOf("system", String(id)), { replace: true });
}

function Entries({ opened, open }: { opened: number | null; open: (id: number) => void }) {
  const [ticker, choose] = useState("");
  const [kind, chooseKind] = useState("");
  // `before` of this page and of those passed on the way here.
  const [places, move] = useState<readonly (number | null)[]>([null]);
  const before = places.at(-1) ?? null;
  const { answer, error, loading, reload } = useResource<AuditEntries>(pathTo(ticker, kind, before));
  const page = answer?.data;
  const columns = columnsFor(opened, open);
  const start = (change: () => void) => {
    change();
    move([null]);
  };
  return (
    <section>
      <div class="system-filters">
        <h3>Entries</h3>
        <TickerFilter ticker={ticker} choose={(value) => start(() => choose(value))} />
        <label class="field">
          <span>Kind</span>
          <select value={kind} onChange={(event) => start(() => chooseKind(event.currentTarget.value))}>
            <option value="">all</option>
            {KINDS.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <NumberField open={open} />
      </div>
      {error && <Failure what="the audit log" error={error} retry={reload} stale={answer !== null} />}
      {page === undefined && loading && <Loading what="the audit log" lines={PAGE} />}
      {page && (
        <Table
          caption="Entries of the audit log, newest first"
          hideCaption
          columns={columns}
          rows={page.entries}
          rowKey={(row) => row.audit_id}
          rowClass={(row) => (row.audit_id === opened ? "system-opened" : undefined)}
          empty="No entry of this kind."
        />
      )}
      <nav class="system-pager" aria-label="Pages of the audit log">
        <button type="button" class="button" disabled={before === null} onClick={() => move(places.slice(0, -1))}>
          Newer
        </button>
        <button
          type="button"
          class="button"
          disabled={page?.next == null}
          onClick={() => page?.next != null && move([...places, page.next])}
        >
          Older
        </button>
        {before === null && (
          <Fresher newest={page?.entries[0]?.audit_id} reload={reload} filtered={ticker + kind !== ""} />
        )}
      </nav>
    </section>
  );
}

function pathTo(ticker: string, kind: string, before: number | null): string {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (ticker) query.set("ticker", ticker);
  if (kind) query.set("kind", kind);
  if (before !== null) query.set("before", String(before));
  return `/v1/audit?${query}`;
}

function columnsFor(opened: number | null, open: (id: number) => void): readonly Column<Entry>[] {
  return [
    {
      key: "id",
      header: "Entry",
      rowHeader: true,
      cell: ({ audit_id }) => (
        <button
          type="button"
          class="system-entry num"
          aria-expanded={audit_id === opened}
          onClick={() => open(audit_id)}
        >
          <span class="visually-hidden">Entry </span>
          {count(audit_id)}
          <span class="visually-hidden">: its trail</span>
        </button>
      ),
    },
    { key: "kind", header: "Kind", cell: (row) => row.kind },
    { key: "ticker", header: "Ticker", cell: (row) => row.ticker },
    { key: "session", header: "Session", cell: (row) => <span class="num">{session(row.session)}</span> },
    { key: "at", header: "Written", cell: (row) => <span class="num">{time(row.recorded_at)}</span> },
    { key: "hash", header: "SHA-256", cell: (row) => <code title={row.sha256}>{row.sha256.slice(0, 12)}…</code> },
  ];
}

function TickerFilter({ ticker, choose }: { ticker: string; choose: (ticker: string) => void }) {
  const { answer } = useResource<Tickers>("/v1/tickers");
  return (
    <label class="field">
      <span>Ticker</span>
      <select value={ticker} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">all</option>
        {answer?.data.tickers.map((card) => (
          <option key={card.ticker}>{card.ticker}</option>
        ))}
      </select>
    </label>
  );
}

/** Straight to an entry, by the number that a signal carries. */
function NumberField({ open }: { open: (id: number) => void }) {
  return (
    <form
      class="system-number"
      onSubmit={(event) => {
        event.preventDefault();
        const id = Number(new FormData(event.currentTarget).get("id"));
        if (Number.isInteger(id) && id > 0) open(id);
      }}
    >
      <label class="field">
        <span>Entry number</span>
        <input name="id" type="number" min="1" step="1" required inputMode="numeric" placeholder="audit_id" />
      </label>
      <button type="submit" class="button">
        Show
      </button>
    </form>
  );
}

/** The list stays as it is under a reader's eyes; new entries are told of, not pushed in. */
function Fresher(props: { newest: number | undefined; reload: () => void; filtered: boolean }) {
  const { newest, reload, filtered } = props;
  const latest = engineStatus.value?.message.figures?.audit_id ?? null;
  const more = newest === undefined || latest === null ? 0 : latest - newest;
  return (
    <button type="button" class="button" onClick={reload}>
      {more > 0 && !filtered ? `Show ${count(more)} newer` : "Look again"}
    </button>
  );
}
