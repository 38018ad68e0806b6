// What the viewer holds, as typed, kept in this browser and nowhere else.

import { type Signal, signal } from "@preact/signals";

export interface Holdings {
  /** Shares by ticker, as typed. */
  readonly shares: Readonly<Record<string, string>>;
  /** The viewer's own prices by ticker, as typed: of what the release knows nothing of, they are all there is. */
  readonly prices: Readonly<Record<string, string>>;
  readonly cash: string;
}

export const KEY = "stock-assets.holdings";
export const NOTHING: Holdings = { shares: {}, prices: {}, cash: "" };

/** What was kept; whatever isn't text is not ours. */
export function parsed(text: string | null): Holdings {
  let kept: unknown;
  try {
    kept = JSON.parse(text ?? "null");
  } catch {
    return NOTHING;
  }
  if (typeof kept !== "object" || kept === null) return NOTHING;
  const { shares, prices, cash } = kept as Record<string, unknown>;
  return { shares: texts(shares), prices: texts(prices), cash: typeof cash === "string" ? cash : "" };
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** The tickers of a form: the release's, and after them what else is held. */
export function tickersOf(known: readonly string[], { shares }: Holdings): readonly string[] {
  return [...known, ...Object.keys(shares).filter((ticker) => !known.includes(ticker))];
}

export const holdings: Signal<Holdings> = signal(parsed(read()));

/** Change some of it, and keep it. */
export function hold(changes: Partial<Holdings>): void {
  holdings.value = { ...holdings.value, ...changes };
  try {
    localStorage.setItem(KEY, JSON.stringify(holdings.value));
  } catch {
    // A browser may refuse to keep anything: it then holds until the page goes.
  }
}

function read(): string | null {
  try {
    return globalThis.localStorage?.getItem(KEY) ?? null;
  } catch {
    return null;
  }
}
