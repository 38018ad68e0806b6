// What has been seen since the page was first opened: latencies over time in a ring, the first reading of the metrics,
// how often the stream was cut. It goes on while other pages are looked at, in bounded memory.

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { getText, RequestFailed } from "../../api/rest";
import { connection, engineStatus, priceOf } from "../../live/store";
import { median } from "../models/metrics";
import { type Exposition, parsed } from "./exposition";
import { replays } from "./health";

/** One moment; what is not known is null. */
export interface Point {
  /** Unix seconds. */
  readonly at: number;
  readonly p50: number | null;
  readonly p99: number | null;
  /** From the tick, by the feed's clock, to this page: ms, the median of the tickers that had a new one. */
  readonly tick: number | null;
  /** From the engine's word, by its clock, to this page: ms. */
  readonly engine: number | null;
}

export const RECORDED_EVERY_MS = 2_000;
// Half an hour.
const MOST_POINTS = 900;

/** What `/metrics` said, and our clock (ms) when it did. */
export interface Reading {
  readonly said: Exposition;
  readonly at: number;
}

const pointsCell = signal<readonly Point[]>([]);
const reconnectsCell = signal(0);
const firstCell = signal<Reading | null>(null);
const newestCell = signal<Reading | null>(null);
const failedCell = signal<RequestFailed | null>(null);

/** Oldest first, `MOST_POINTS` at most. */
export const points: ReadonlySignal<readonly Point[]> = pointsCell;
export const reconnects: ReadonlySignal<number> = reconnectsCell;
/** The metrics as they were first read; null before. */
export const first: ReadonlySignal<Reading | null> = firstCell;
export const newest: ReadonlySignal<Reading | null> = newestCell;
/** Why the metrics could not be read the last time; null if they could. */
export const failed: ReadonlySignal<RequestFailed | null> = failedCell;

let tickers: readonly string[] = [];
let started = false;

/** Record from now on, the prices of `named` among other things; again with other tickers to change these. */
export function record(named: readonly string[]): void {
  tickers = named;
  if (started) return;
  started = true;
  countReconnects();
  let before = Date.now();
  setInterval(() => {
    const now = Date.now();
    pointsCell.value = [...pointsCell.value, point(before, now)].slice(-MOST_POINTS);
    before = now;
  }, RECORDED_EVERY_MS);
}

function point(since: number, now: number): Point {
  const told = engineStatus.peek();
  const figures = told?.message.figures;
  return {
    at: now / 1_000,
    p50: figures?.latency_p50_ms ?? null,
    p99: figures?.latency_p99_ms ?? null,
    tick: tickDelay(since),
    engine: told !== null && told.at >= since ? told.at - Date.parse(told.message.at) : null,
  };
}

function tickDelay(since: number): number | null {
  const delays = tickers.flatMap((ticker) => {
    const told = priceOf(ticker).peek();
    if (told === null || told.at < since || replays(told.message.at, told.at)) return [];
    return [told.at - Date.parse(told.message.at)];
  });
  return delays.length === 0 ? null : median(delays);
}

function countReconnects(): void {
  let cut = false;
  effect(() => {
    const { state } = connection.value;
    if (state === "waiting") cut = true;
    if (state !== "live" || !cut) return;
    cut = false;
    reconnectsCell.value = reconnectsCell.peek() + 1;
  });
}

/** Read `/metrics` again. */
export async function readMetrics(): Promise<void> {
  try {
    const { data, receivedAt } = await getText("/metrics");
    const reading = { said: parsed(data), at: receivedAt };
    firstCell.value ??= reading;
    newestCell.value = reading;
    failedCell.value = null;
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    failedCell.value = error;
  }
}
