// What is known is kept in this browser, and shown again when the page is opened and no server is there.

import { effect } from "@preact/signals";
import { keepAnswersIn, reloadFailed } from "../api/resource";
import type { Answer } from "../api/rest";
import { Shelf } from "../live/shelf";
import { connection, heardAt, type Known, known, restore, restored } from "../live/store";

const STATE = "state";
const ANSWER = "answer ";
// Of another shape under this name: raise it when `Known` changes, or what REST answers with.
const FORMAT = 1;
// More often would be wear; a page that is closed or put aside writes once more.
const KEEP_EVERY_MS = 10_000;
// A server that has told nothing for so long is not there, for all that a viewer can see.
const PATIENCE_MS = 2_000;
const MOST_ANSWERED = 2_000_000;
const TRIM_AFTER_MS = 3_000;

/** Keep, and show again what was kept. To be called once, before the stream is opened. */
export function startOffline(): void {
  const shelf = new Shelf();
  keepAnswers(shelf);
  keepState(shelf);
  void showKept(shelf);
  reloadOnceLive();
}

/** What was kept; null if it is of another format, or not ours. */
export function readKept(text: string | null): Known | null {
  const known = ofThisFormat(text)?.known as Known | undefined;
  return typeof known?.heardAt === "number" ? known : null;
}

export function writeKept(known: Known): string {
  return JSON.stringify({ format: FORMAT, known });
}

/** As `readKept`, for an answer of REST. */
export function readAnswer(text: string | null): Answer<unknown> | null {
  const answer = ofThisFormat(text)?.answer as Answer<unknown> | undefined;
  return typeof answer?.receivedAt === "number" ? answer : null;
}

export function writeAnswer(answer: Answer<unknown>): string {
  return JSON.stringify({ format: FORMAT, answer });
}

function ofThisFormat(text: string | null): Readonly<Record<string, unknown>> | null {
  if (text === null) return null;
  try {
    const found = JSON.parse(text);
    return found?.format === FORMAT ? found : null;
  } catch {
    return null;
  }
}

function keepState(shelf: Shelf): void {
  let due: ReturnType<typeof setTimeout> | null = null;
  let writtenAt = 0;
  const write = () => {
    if (due !== null) clearTimeout(due);
    due = null;
    const all = restored.peek() ? null : known();
    if (all === null) return;
    writtenAt = Date.now();
    void shelf.put(STATE, writeKept(all));
  };
  effect(() => {
    if (heardAt.value === null || restored.value || due !== null) return;
    due = setTimeout(write, Math.max(0, writtenAt + KEEP_EVERY_MS - Date.now()));
  });
  addEventListener("pagehide", write);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") write();
  });
}

async function showKept(shelf: Shelf): Promise<void> {
  const text = shelf.get(STATE);
  await noServer();
  const kept = readKept(await text);
  if (kept !== null) restore(kept);
}

/** When the first try has failed, or has taken too long. */
function noServer(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, PATIENCE_MS);
    const stop = effect(() => {
      const { state } = connection.value;
      if (state === "waiting" || state === "ended") resolve();
    });
    setTimeout(stop, PATIENCE_MS);
  });
}

function keepAnswers(shelf: Shelf): void {
  let trimming = false;
  const trim = () => {
    trimming = false;
    void shelf.trim(ANSWER, MOST_ANSWERED);
  };
  keepAnswersIn({
    async find(path) {
      return readAnswer(await shelf.get(ANSWER + path));
    },
    keep(path, answer) {
      void shelf.put(ANSWER + path, writeAnswer(answer));
      if (trimming) return;
      trimming = true;
      setTimeout(trim, TRIM_AFTER_MS);
    },
  });
}

/** What could not be asked while there was no server is asked for when there is one again. */
function reloadOnceLive(): void {
  let was = false;
  effect(() => {
    const is = connection.value.state === "live";
    if (is && !was) reloadFailed();
    was = is;
  });
}
