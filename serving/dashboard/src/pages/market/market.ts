// What the parts of the page ask for: the stream's newest where there is one, else what REST answered.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Resource, useResource } from "../../api/resource";
import { type Answer, get, RequestFailed } from "../../api/rest";
import type {
  Indicators,
  Prediction,
  Predictions,
  Prices,
  Signal,
  SignalHistory,
  SignalRow,
  Signals,
} from "../../api/types";
import { predictionOf, releaseId, signalOf } from "../../live/store";
import { seed } from "./seen";

/** Something that was told, and our clock (ms) when it was. */
export interface Dated<T> {
  readonly message: T;
  readonly at: number;
}

/** The newest prediction of a ticker. Redraws whoever asks with each of them: ask in the smallest component. */
export function usePrediction(ticker: string): Dated<Prediction> | null {
  const { answer } = useResource<Predictions>("/v1/predictions");
  const asked = useMemo(() => byTicker(answer?.data.predictions), [answer]).get(ticker);
  return predictionOf(ticker).value ?? dated(asked, answer);
}

/** The signal in force of a ticker. */
export function useInForce(ticker: string): Dated<Signal> | null {
  const { answer } = useResource<Signals>("/v1/signals");
  const asked = useMemo(() => byTicker(answer?.data.signals), [answer]).get(ticker);
  return signalOf(ticker).value ?? dated(asked, answer);
}

export function byTicker<T extends { ticker: string }>(told: readonly T[] | undefined): ReadonlyMap<string, T> {
  return new Map(told?.map((message) => [message.ticker, message]));
}

function dated<T>(message: T | undefined, answer: Answer<unknown> | null): Dated<T> | null {
  if (message === undefined || answer === null) return null;
  return { message, at: answer.receivedAt - 1_000 * (answer.ageSeconds ?? 0) };
}

/** The newest `limit` bars of a ticker; while more of them are on the way, those that were there before. */
export function usePrices(ticker: string, limit: number, adjusted: boolean): Resource<Prices> & { reload: () => void } {
  const found = useResource<Prices>(`${pathOf(ticker)}?limit=${limit}&adjusted=${adjusted}`);
  const { answer } = found;
  useEffect(() => {
    if (answer?.data.live) seed(answer.data.live, answer.receivedAt);
  }, [answer]);
  return { ...found, answer: useKept(answer, `${ticker} ${adjusted}`) };
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

/** At least the newest `wanted` out-of-sample signals of a ticker, or all there are. */
export function useHistory(ticker: string, wanted: number): History {
  const [state, set] = useState<{ ticker: string; rows: readonly SignalRow[] | null; error: RequestFailed | null }>({
    ticker,
    rows: null,
    error: null,
  });
  const [asked, ask] = useState(0);
  const generation = useGeneration();
  useEffect(() => {
    const aborting = new AbortController();
    const told = (rows: readonly SignalRow[] | null, error: RequestFailed | null) => {
      if (!aborting.signal.aborted) set({ ticker, rows, error });
    };
    pages(ticker, wanted, aborting.signal).then(
      (rows) => told(rows, null),
      (error: unknown) => {
        if (aborting.signal.aborted) return;
        if (!(error instanceof RequestFailed)) throw error;
        told(null, error);
      },
    );
    return () => aborting.abort();
  }, [ticker, wanted, generation, asked]);
  const mine = state.ticker === ticker ? state : { rows: null, error: null };
  return { ...mine, reload: () => ask((n) => n + 1) };
}

/** How often another release has come into force; to learn of the first one is no change. */
function useGeneration(): number {
  const release = releaseId.value;
  const last = useRef({ release, changes: 0 });
  const { release: before, changes } = last.current;
  if (release !== null && release !== before) last.current = { release, changes: before === null ? 0 : changes + 1 };
  return last.current.changes;
}

async function pages(ticker: string, wanted: number, signal: AbortSignal): Promise<readonly SignalRow[]> {
  const rows: SignalRow[] = [];
  let cursor: string | null = "";
  while (cursor !== null && rows.length < wanted) {
    const limit = Math.min(PAGE, wanted - rows.length);
    const path: string = `/v1/signals/${encodeURIComponent(ticker)}/history?limit=${limit}`;
    const { data }: Answer<SignalHistory> = await get(cursor ? `${path}&cursor=${cursor}` : path, signal);
    rows.push(...data.signals);
    cursor = data.next;
  }
  return rows;
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
