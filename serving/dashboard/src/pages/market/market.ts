// What the parts of the page ask for: the stream's newest where there is one, else what REST answered.

import { computed, effect, type ReadonlySignal, untracked } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Resource, reloadFailed, resourceOf, useResource } from "../../api/resource";
import type { Answer, RequestFailed } from "../../api/rest";
import type {
  Indicators,
  Prediction,
  Predictions,
  PriceBar,
  Prices,
  Signal,
  SignalHistory,
  SignalRow,
  Signals,
  TickerCard,
} from "../../api/types";
import { preferences } from "../../app/preferences";
import { now } from "../../live/clock";
import { signalOf } from "../../live/store";
import { useTurn } from "./calm";
import { type Quote, quoteOf } from "./quote";
import { barsFor, rangeOf } from "./ranges";
import { predictedOf, seed, seenOf } from "./seen";

/** Something that was told, and our clock (ms) when it was. */
export interface Dated<T> {
  readonly message: T;
  readonly at: number;
}

/** What is made of signals here: drawn anew only when it comes to something else. Made anew when `of` changes. */
export function useDerived<T>(make: () => T, of: readonly unknown[]): ReadonlySignal<T> {
  return useMemo(() => computed(make), of);
}

/** What REST answered of a ticker's forecast: the stream's wins. */
export function useAskedPrediction(ticker: string): Dated<Prediction> | null {
  const { answer } = useResource<Predictions>("/v1/predictions");
  return useMemo(() => dated(byTicker(answer?.data.predictions).get(ticker), answer), [answer, ticker]);
}

/** The newest prediction of a ticker, as it ticks. */
export function usePrediction(ticker: string): ReadonlySignal<Dated<Prediction> | null> {
  const asked = useAskedPrediction(ticker);
  return useDerived(() => predictedOf(ticker).value ?? asked, [ticker, asked]);
}

/** The value as it is at each full second: what is told beside a price need not be drawn with each of them. */
export function useBySecond<T>(cell: ReadonlySignal<T | null>): T | null {
  const isThere = useDerived(() => cell.value !== null, [cell]);
  void now.value;
  return isThere.value ? cell.peek() : null;
}

/** The signal in force of a ticker. */
export function useInForce(ticker: string): Dated<Signal> | null {
  const { answer } = useResource<Signals>("/v1/signals");
  const asked = useMemo(() => dated(byTicker(answer?.data.signals).get(ticker), answer), [answer, ticker]);
  return signalOf(ticker).value ?? asked;
}

/** What a ticker costs, as it ticks. */
export function useQuote(card: TickerCard, bars: readonly PriceBar[] | null): ReadonlySignal<Quote> {
  return useDerived(() => quoteOf(card, bars, seenOf(card.ticker).value), [card, bars]);
}

export function byTicker<T extends { ticker: string }>(told: readonly T[] | undefined): ReadonlyMap<string, T> {
  return new Map(told?.map((message) => [message.ticker, message]));
}

function dated<T>(message: T | undefined, answer: Answer<unknown> | null): Dated<T> | null {
  if (message === undefined || answer === null) return null;
  return { message, at: answer.receivedAt - 1_000 * (answer.ageSeconds ?? 0) };
}

/** The newest `limit` bars of a ticker; while more or other ones are on the way, those that were there before. */
export function usePrices(
  ticker: string,
  limit: number,
  adjusted: boolean,
  wanted = true,
): Resource<Prices> & { reload: () => void } {
  const path = wanted ? pricesPath(ticker, limit, adjusted) : null;
  const found = useResource<Prices>(path);
  // Before the answer is drawn: its bars and those after them come as one.
  useLayoutEffect(() => (path === null ? undefined : seedWith(path)), [path]);
  return { ...found, answer: useKept(found.answer, ticker) };
}

function seedWith(path: string): () => void {
  const asked = resourceOf(path);
  return effect(() => {
    const answer = asked.value.answer as Answer<Prices> | null;
    if (answer) untracked(() => seed(answer.data, answer.receivedAt));
  });
}

export function pricesPath(ticker: string, limit: number, adjusted: boolean): string {
  return `${pathOf(ticker)}?limit=${limit}&adjusted=${adjusted}`;
}

/** The indicators of the same bars; nothing is asked for unless they are `wanted`. */
export function useIndicators(ticker: string, limit: number, adjusted: boolean, wanted: boolean): Resource<Indicators> {
  const found = useResource<Indicators>(
    wanted ? `${pathOf(ticker)}/indicators?limit=${limit}&adjusted=${adjusted}` : null,
  );
  return { ...found, answer: useKept(found.answer, `${ticker} ${adjusted} ${wanted}`) };
}

function pathOf(ticker: string): string {
  return `/v1/prices/${encodeURIComponent(ticker)}`;
}

/** The last answer of the same `subject`, until there is the next one. */
function useKept<T>(answer: Answer<T> | null, subject: string): Answer<T> | null {
  const last = useRef<{ subject: string; answer: Answer<T> } | null>(null);
  if (answer !== null) last.current = { subject, answer };
  return last.current?.subject === subject ? last.current.answer : null;
}

const PAGE = 1_000;

export interface History {
  /** Newest first; null before the first answer. */
  readonly rows: readonly SignalRow[] | null;
  readonly error: RequestFailed | null;
  readonly reload: () => void;
}

/** At least the newest `wanted` out-of-sample signals of a ticker, or all there are; asked for when there is time. */
export function useHistory(ticker: string, wanted: number): History {
  const [history, set] = useState<History & { ticker: string }>({ ...UNKNOWN, ticker });
  const quiet = useTurn();
  useEffect(() => {
    if (!quiet) return undefined;
    return effect(() => {
      const found = pages(ticker, wanted);
      set((before) => {
        // While more of them, or newer ones, are on the way, those that were there before.
        const rows = found.rows ?? (before.ticker === ticker ? before.rows : null);
        return { ticker, ...found, rows };
      });
    });
  }, [ticker, wanted, quiet]);
  return history.ticker === ticker ? history : UNKNOWN;
}

const UNKNOWN: History = { rows: null, error: null, reload: reloadFailed };

/** Page after page as they are kept or come; `rows` is null until there is the last one that is wanted. */
function pages(ticker: string, wanted: number): History {
  const rows: SignalRow[] = [];
  const base = `/v1/signals/${encodeURIComponent(ticker)}/history`;
  for (let cursor: string | null = ""; cursor !== null && rows.length < wanted; ) {
    const path: string = `${base}?limit=${Math.min(PAGE, wanted - rows.length)}${cursor && `&cursor=${cursor}`}`;
    const { answer, error } = resourceOf(path).value as Resource<SignalHistory>;
    if (answer === null) return { rows: null, error, reload: reloadFailed };
    rows.push(...answer.data.signals);
    cursor = answer.data.next;
  }
  return { ...UNKNOWN, rows };
}

/**
 * Ask for what every sight of this page needs, before it is known which part of it does: none waits for another. The
 * bars only of a ticker that there was: one that is only in the address may be none.
 */
export function askEarly(named: string | null): void {
  for (const path of ["/v1/tickers", "/v1/predictions", "/v1/signals"]) resourceOf(path);
  const { ticker, range } = preferences.peek();
  if (ticker && (named === null || named === ticker)) resourceOf(pricesPath(ticker, barsFor(rangeOf(range)), true));
}

/** The value once it has stood still for `quiet` ms: what is passed over quickly is not asked for. The first at once. */
export function useSettled<T>(value: T, quiet: number): T {
  const [settled, settle] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => settle(() => value), quiet);
    return () => clearTimeout(timer);
  }, [value, quiet]);
  return settled;
}
