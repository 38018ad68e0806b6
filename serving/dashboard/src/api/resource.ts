// REST answers as a page needs them: asked for once by all who show them, kept while the page changes, asked again when
// the release does. What comes by the stream is in `live/store`.

import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { notLiveSince, releaseId } from "../live/store";
import { type Answer, get, RequestFailed } from "./rest";

/** `answer` stays while it is asked for anew, and beside an `error`: old numbers with their age beat none. */
export interface Resource<T> {
  readonly answer: Answer<T> | null;
  readonly error: RequestFailed | null;
  readonly loading: boolean;
}

interface Entry {
  readonly state: Signal<Resource<unknown>>;
  readonly load: () => void;
  /** Whether anybody shows it. */
  isWatched: boolean;
}

/** Where answers outlive the page: for when the server can't be reached (`app/offline`). */
export interface Keeper {
  find(path: string): Promise<Answer<unknown> | null>;
  keep(path: string, answer: Answer<unknown>): void;
}

// Of those that nobody shows.
const MOST_KEPT = 60;
// An answer that takes longer may never come: meanwhile an older one stands there with its age.
const SLOW_MS = 3_000;
const entries = new Map<string, Entry>();
// Those that could not be had the last time.
const missed = new Set<string>();
let keeper: Keeper | null = null;

/** Keep answers there from now on. To be called once. */
export function keepAnswersIn(there: Keeper): void {
  keeper = there;
}

/** The answer to `GET path`, shared; null asks for nothing. Asked again when another release comes into force. */
export function useResource<T>(path: string | null): Resource<T> & { reload: () => void } {
  const entry = path === null ? null : entryOf(path);
  const [, draw] = useState(0);
  useEffect(() => entry?.state.subscribe(() => draw((n) => n + 1)), [entry]);
  const state = (entry?.state.peek() ?? NOTHING) as Resource<T>;
  return { ...state, reload: entry?.load ?? (() => undefined) };
}

/** The same outside of a component. */
export function resourceOf(path: string): ReadonlySignal<Resource<unknown>> {
  return entryOf(path).state;
}

const NOTHING: Resource<never> = { answer: null, error: null, loading: false };

function entryOf(path: string): Entry {
  const kept = entries.get(path);
  if (kept) {
    // The one that was asked for last goes last: the first is forgotten first.
    entries.delete(path);
    entries.set(path, kept);
    return kept;
  }
  const state = signal<Resource<unknown>>(
    { answer: null, error: null, loading: true },
    {
      watched: () => {
        entry.isWatched = true;
      },
      unwatched: () => {
        entry.isWatched = false;
      },
    },
  );
  const entry: Entry = { state, load: loader(path, state), isWatched: false };
  entries.set(path, entry);
  entry.load();
  return entry;
}

/** Those that were asked for longest ago go. What is shown stays, however much of it there is. */
function tidy(): void {
  let idle = [...entries.values()].filter(isIdle).length;
  for (const [path, entry] of entries) {
    if (idle <= MOST_KEPT) return;
    if (!isIdle(entry)) continue;
    entries.delete(path);
    missed.delete(path);
    idle -= 1;
  }
}

function isIdle({ isWatched, state }: Entry): boolean {
  return !isWatched && !state.peek().loading;
}

/** Asks each time it is called. Of answers that overtake each other the one to the later question holds. */
function loader(path: string, state: Entry["state"]): () => void {
  let asked = 0;
  let told = 0;
  const ask = async (turn: number) => {
    state.value = { ...state.peek(), loading: true };
    const slow = setTimeout(() => void recall(path, state), SLOW_MS);
    const outcome = await outcomeOf(path);
    clearTimeout(slow);
    // Our server tells of each refusal as a problem: without one it was not ours that answered.
    if (outcome instanceof RequestFailed && outcome.problem === null) await recall(path, state);
    // What the later question is answered by may be a refusal, too.
    if (turn < told || (outcome instanceof RequestFailed && turn < asked)) return;
    told = turn;
    if (outcome instanceof RequestFailed) failed(path, state, outcome);
    else succeeded(path, state, outcome, turn === asked);
    tidy();
  };
  return () => {
    asked += 1;
    void ask(asked);
  };
}

async function outcomeOf(path: string): Promise<Answer<unknown> | RequestFailed> {
  try {
    return await get(path);
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    return error;
  }
}

function succeeded(path: string, state: Entry["state"], answer: Answer<unknown>, isLast: boolean): void {
  missed.delete(path);
  state.value = { answer, error: null, loading: !isLast };
  keeper?.keep(path, answer);
}

function failed(path: string, state: Entry["state"], error: RequestFailed): void {
  missed.add(path);
  const { answer } = state.peek();
  state.value = { answer, error: isSaidAlready(error, answer) ? null : error, loading: false };
}

/** A page without its server says so once for all (`app/Banner`); beside old numbers there is only their age. */
function isSaidAlready(error: RequestFailed, answer: Answer<unknown> | null): boolean {
  return answer !== null && error.unreachable && notLiveSince.peek() !== null;
}

/** What was kept of an earlier visit, where there is nothing yet. */
async function recall(path: string, state: Entry["state"]): Promise<void> {
  const found = await keeper?.find(path);
  const now = state.peek();
  if (found && now.answer === null) state.value = { ...now, answer: found };
}

/** Ask again for what could not be had. */
export function reloadFailed(): void {
  for (const path of missed) entries.get(path)?.load();
}

/** Ask again for everything that is kept whenever `release` names another one. To be called once. */
export function reloadWith(release: ReadonlySignal<string | null>): () => void {
  let before: string | null = null;
  return effect(() => {
    const now = release.value;
    if (now === null || now === before) return;
    // With the first that is heard of, only what could not be had before may be another.
    if (before === null) reloadFailed();
    else for (const entry of entries.values()) entry.load();
    before = now;
  });
}

/** As `reloadWith`, with the stream's release. */
export function followRelease(): () => void {
  return reloadWith(releaseId);
}
