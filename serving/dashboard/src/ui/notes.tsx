// What stands where numbers are to be: loading, nothing there, an error, an age.

import type { ComponentChildren } from "preact";
import { RequestFailed } from "../api/rest";
import { age } from "../format/time";
import { now } from "../live/clock";

/** Room for what is coming, as high as that will be (`lines`), so that nothing jumps. */
export function Loading({ what, lines = 3 }: { what: string; lines?: number }) {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">Loading {what}…</span>
      {Array.from({ length: lines }, (_, k) => (
        <span class="loading-line" key={k} aria-hidden="true" />
      ))}
    </div>
  );
}

/** There is nothing to show, and why that is in order. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="note note-empty">
      <p class="note-title">{title}</p>
      {children}
    </div>
  );
}

/** Something failed: what, why, and the way on. `stale` says that older numbers stand beside it. */
export function Failure({
  what,
  error,
  retry,
  stale = false,
}: {
  what: string;
  error: Error;
  retry?: () => void;
  stale?: boolean;
}) {
  const waiting = error instanceof RequestFailed && error.notReady;
  return (
    <div class={waiting ? "note note-empty" : "note note-error"} role="status">
      <p class="note-title">{waiting ? `No ${what.replace(/^(the|this) /, "")} yet` : `Could not get ${what}`}</p>
      <p>{error.message}</p>
      {stale && <p>What you see is from before.</p>}
      {retry && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** How old the numbers beside it are: `seconds` of age at `receivedAt` (ms), counted on from there. */
export function Age({ at, label = "as of" }: { at: number | null; label?: string }) {
  if (at === null) return <span class="age">{label} unknown</span>;
  const seconds = (now.value - at) / 1_000;
  return (
    <time class="age" dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString()}>
      {label} {age(seconds)}
      {seconds >= 2 && " ago"}
    </time>
  );
}
