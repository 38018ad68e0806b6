// Which page the address names. The server answers the same document at each of these paths
// (`serving/routes/dashboard.py` lists them).

import { batch, type ReadonlySignal, signal } from "@preact/signals";

export const PAGES = ["market", "signals", "portfolio", "models", "system", "playground"] as const;
export type PageName = (typeof PAGES)[number];

/** A page, and what its path names of it: a ticker or, on the system page, an entry of the audit log. */
export interface Place {
  readonly page: PageName;
  readonly ticker: string | null;
}

/** The place of a path; null for one that is none. */
export function placeOf(path: string): Place | null {
  const [first = "", second, ...rest] = path.replace(/^\//, "").split("/");
  if (rest.length > 0) return null;
  const name = first === "" ? "market" : PAGES.find((page) => page === first);
  if (name === undefined) return null;
  try {
    return { page: name, ticker: second ? decodeURIComponent(second) : null };
  } catch {
    // Half of an escape, as "%E0": no name of anything.
    return null;
  }
}

export function pathOf(page: PageName, ticker: string | null = null): string {
  if (ticker === null) return page === "market" ? "/" : `/${page}`;
  return `/${page}/${encodeURIComponent(ticker)}`;
}

const cell = signal<Place | null>(placeOf(globalThis.location?.pathname ?? "/"));
const queryCell = signal(globalThis.location?.search ?? "");

export const place: ReadonlySignal<Place | null> = cell;
/** What stands behind the path ("?action=BUY", or nothing): a page's own choices, so that its view can be shared. */
export const query: ReadonlySignal<string> = queryCell;

/** Go to a path, with its query if it has one, as a click on a link would. */
export function go(path: string, { replace = false } = {}): void {
  // Where one is already, there is nothing to come back to.
  if (replace || path === location.pathname + location.search) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  look();
  if (!replace) scrollTo(0, 0);
}

function look(): void {
  batch(() => {
    const found = placeOf(location.pathname);
    // An equal place is no news: a page whose query changes is not drawn anew as a whole.
    if (found?.page !== cell.value?.page || found?.ticker !== cell.value?.ticker) cell.value = found;
    queryCell.value = location.search;
  });
}

/** Follow the browser's buttons and clicks on links to our own pages. To be called once. */
export function startRouter(): void {
  addEventListener("popstate", look);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.target || link.download) return;
    // A part of this very page: browsers know how to go there, and move the focus with it.
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    if (placeOf(link.pathname) === null) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
