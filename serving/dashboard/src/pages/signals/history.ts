// A ticker's whole history of signals, page by page: what has come is shown while the rest is on its way.

import type { SignalHistory, SignalRow } from "../../api/types";

export const PAGE_LIMIT = 1_000;
// A history is many thousand sessions at most: an endless one is a server's mistake.
const MOST_PAGES = 100;

export interface History {
  readonly release: string;
  /** Newest first. */
  readonly rows: readonly SignalRow[];
  readonly complete: boolean;
}

type Get = (path: string) => Promise<{ readonly data: SignalHistory }>;

/**
 * The history after each page that came. A release that takes over in between begins it anew: rows of two releases are
 * no history.
 */
export async function* loadHistory(ticker: string, get: Get): AsyncGenerator<History> {
  let release: string | null = null;
  let rows: readonly SignalRow[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { data }: { data: SignalHistory } = await get(pagePath(ticker, cursor));
    if (release !== null && data.release_id !== release) {
      [release, rows, cursor] = [null, [], null];
      continue;
    }
    release = data.release_id;
    rows = [...rows, ...data.signals];
    cursor = data.next;
    yield { release, rows, complete: cursor === null };
    if (cursor === null) return;
  }
  throw new RangeError(`the history of ${ticker}: expected at most ${MOST_PAGES} pages, got more`);
}

export function pagePath(ticker: string, cursor: string | null): string {
  const query = new URLSearchParams({ limit: String(PAGE_LIMIT), ...(cursor === null ? {} : { cursor }) });
  return `/v1/signals/${encodeURIComponent(ticker)}/history?${query}`;
}
