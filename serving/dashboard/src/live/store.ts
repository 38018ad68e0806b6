// The newest of everything that the stream has told, as signals that pages read: one for each ticker, so that a tick
// redraws its own row and nothing else. Filled by `follow`; REST answers are `api/resource`'s business.

import { batch, type Signal as Cell, type ReadonlySignal, signal } from "@preact/signals";
import type { Alert, EngineStatus, LiveMessage, Portfolio, Prediction, Price, Signal, Snapshot } from "../api/types";
import type { Connection, Update } from "../stream/updates";
import { FrameBatch } from "./batch";

/** A message with our clock when it came (ms): its age is counted from there. */
export interface Told<T> {
  readonly message: T;
  readonly at: number;
}

/** A signal or alert that was news, newest first in `news`. */
export type NewsItem = Told<Signal | Alert>;

const MOST_NEWS = 200;

/** All of it at one moment, as it may be kept for a start without the server. */
export interface Known {
  readonly heardAt: number;
  readonly releaseId: string | null;
  readonly prices: readonly Told<Price>[];
  readonly predictions: readonly Told<Prediction>[];
  readonly signals: readonly Told<Signal>[];
  readonly portfolio: Told<Portfolio> | null;
  readonly status: Told<EngineStatus> | null;
  readonly alerts: readonly Alert[];
}

const STARTING: Connection = { state: "connecting", reason: "connecting", since: Date.now(), retryAt: null };

const connectionCell = signal<Connection>(STARTING);
const releaseCell = signal<string | null>(null);
const portfolioCell = signal<Told<Portfolio> | null>(null);
const statusCell = signal<Told<EngineStatus> | null>(null);
const alertsCell = signal<readonly Alert[]>([]);
const newsCell = signal<readonly NewsItem[]>([]);
const gapCell = signal<string | null>(null);
const heardCell = signal<number | null>(null);
const restoredCell = signal(false);
const notLiveCell = signal<number | null>(STARTING.since);

/** The stream's connection, for the pill that is always in sight. */
export const connection: ReadonlySignal<Connection> = connectionCell;
/** The release in force as the stream last told it; null before. */
export const releaseId: ReadonlySignal<string | null> = releaseCell;
/** The released portfolio at the newest prices. */
export const portfolio: ReadonlySignal<Told<Portfolio> | null> = portfolioCell;
/** What the engine says of its feed and itself. */
export const engineStatus: ReadonlySignal<Told<EngineStatus> | null> = statusCell;
/** Alerts that are active, newest first. */
export const alerts: ReadonlySignal<readonly Alert[]> = alertsCell;
/** Signal changes and alerts since the page was opened, newest first, `MOST_NEWS` at most. */
export const news: ReadonlySignal<readonly NewsItem[]> = newsCell;
/** Why signals or alerts may be missing in `news`; null if none are. */
export const gap: ReadonlySignal<string | null> = gapCell;
/** Our clock (ms) when anything last came; null before. */
export const heardAt: ReadonlySignal<number | null> = heardCell;
/** Whether all of this was kept from an earlier visit, and nothing of it was told to this page yet. */
export const restored: ReadonlySignal<boolean> = restoredCell;
/** Our clock (ms) since when the connection is not live, whatever it has tried meanwhile; null while it is. */
export const notLiveSince: ReadonlySignal<number | null> = notLiveCell;

const prices = new Map<string, Cell<Told<Price> | null>>();
const predictions = new Map<string, Cell<Told<Prediction> | null>>();
const signals = new Map<string, Cell<Told<Signal> | null>>();

/** The newest live price of a ticker; null before the first. */
export function priceOf(ticker: string): ReadonlySignal<Told<Price> | null> {
  return cell(prices, ticker);
}

/** The newest prediction of a ticker. */
export function predictionOf(ticker: string): ReadonlySignal<Told<Prediction> | null> {
  return cell(predictions, ticker);
}

/** The signal in force of a ticker. */
export function signalOf(ticker: string): ReadonlySignal<Told<Signal> | null> {
  return cell(signals, ticker);
}

function cell<T>(cells: Map<string, Cell<T | null>>, ticker: string): Cell<T | null> {
  let found = cells.get(ticker);
  if (found === undefined) {
    found = signal<T | null>(null);
    cells.set(ticker, found);
  }
  return found;
}

const pending = new FrameBatch<string, Told<LiveMessage>>((told) =>
  batch(() => {
    for (const item of told.values()) put(item);
    heardCell.value = Date.now();
  }),
);

/** Take in what the stream's client tells. */
export function take(update: Update): void {
  switch (update.kind) {
    case "messages":
      for (const message of update.messages) pending.put(key(message), { message, at: Date.now() });
      break;
    case "snapshot":
      pending.now();
      batch(() => replace(update.snapshot));
      break;
    case "news":
      newsCell.value = [
        ...update.news.map((message) => ({ message, at: Date.now() })).reverse(),
        ...newsCell.value,
      ].slice(0, MOST_NEWS);
      break;
    case "gap":
      gapCell.value = update.reason;
      break;
    case "resumed":
      heardCell.value = Date.now();
      break;
    case "connection":
      batch(() => connected(update.connection));
      break;
  }
}

function connected(now: Connection): void {
  connectionCell.value = now;
  notLiveCell.value = now.state === "live" ? null : (notLiveCell.value ?? now.since);
}

/** All that is known; null before anything was told. */
export function known(): Known | null {
  pending.now();
  const at = heardCell.peek();
  if (at === null) return null;
  return {
    heardAt: at,
    releaseId: releaseCell.peek(),
    prices: values(prices),
    predictions: values(predictions),
    signals: values(signals),
    portfolio: portfolioCell.peek(),
    status: statusCell.peek(),
    alerts: alertsCell.peek(),
  };
}

/** Show what was kept, with the times at which it was told, until the stream tells better. */
export function restore(kept: Known): void {
  if (heardCell.peek() !== null) return;
  batch(() => {
    releaseCell.value = kept.releaseId;
    for (const told of [...kept.prices, ...kept.predictions, ...kept.signals]) put(told);
    portfolioCell.value = kept.portfolio;
    statusCell.value = kept.status;
    alertsCell.value = kept.alerts;
    heardCell.value = kept.heardAt;
    restoredCell.value = true;
  });
}

function values<T>(cells: Map<string, Cell<T | null>>): T[] {
  return [...cells.values()].map((found) => found.peek()).filter((told) => told !== null);
}

/** Of two messages with one key the newer says all there is to know. */
function key(message: LiveMessage): string {
  switch (message.type) {
    case "alert":
      return `alert ${message.kind} ${message.subject}`;
    case "portfolio":
    case "status":
      return message.type;
    default:
      return `${message.type} ${message.ticker}`;
  }
}

function put({ message, at }: Told<LiveMessage>): void {
  switch (message.type) {
    case "price":
      cell(prices, message.ticker).value = { message, at };
      break;
    case "prediction":
      cell(predictions, message.ticker).value = { message, at };
      break;
    case "signal":
      cell(signals, message.ticker).value = { message, at };
      break;
    case "portfolio":
      portfolioCell.value = { message, at };
      break;
    case "status":
      statusCell.value = { message, at };
      break;
    case "alert": {
      const others = alertsCell.value.filter((alert) => key(alert) !== key(message));
      alertsCell.value = message.active ? [message, ...others] : others;
      break;
    }
  }
}

function replace(snapshot: Snapshot): void {
  const at = Date.now();
  releaseCell.value = snapshot.release_id;
  forget(prices, snapshot.prices);
  forget(predictions, snapshot.predictions);
  forget(signals, snapshot.signals);
  for (const message of [...snapshot.prices, ...snapshot.predictions, ...snapshot.signals]) put({ message, at });
  portfolioCell.value = snapshot.portfolio && { message: snapshot.portfolio, at };
  statusCell.value = snapshot.status && { message: snapshot.status, at };
  alertsCell.value = snapshot.alerts.toReversed();
  heardCell.value = at;
  restoredCell.value = false;
}

/** A snapshot is all there is: what it leaves out is known no longer. */
function forget<T>(cells: Map<string, Cell<T | null>>, told: readonly { ticker: string }[]): void {
  const named = new Set(told.map((message) => message.ticker));
  for (const [ticker, found] of cells) if (!named.has(ticker)) found.value = null;
}
