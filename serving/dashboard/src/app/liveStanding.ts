// What is to be said while the page is not live, and what the viewer can do about it.

import type { Connection } from "../stream/updates";

export interface Standing {
  readonly tone: "warn" | "bad";
  /** What is the matter. */
  readonly title: string;
  /** Why, where that is known. */
  readonly reason: string;
  /** The one thing to do about it; null where waiting is all. */
  readonly remedy: "retry" | "reload" | null;
  /** For who hears the page: said when it changes, and so without anything that ticks. */
  readonly said: string;
}

export interface Facts {
  readonly connection: Connection;
  readonly notLiveSince: number | null;
  /** Whether anything is shown that may be out of date. */
  readonly hasNumbers: boolean;
  readonly now: number;
}

// A server that restarts is back within this: a bar that comes and goes says nothing. The pill shows it meanwhile.
const GRACE_MS = 1_000;

/** Null while the page is live, or has not been otherwise for long enough to speak of it. */
export function standingOf({ connection, notLiveSince, hasNumbers, now }: Facts): Standing | null {
  const { state, reason } = connection;
  const old = hasNumbers ? "What you see is from before." : "There is nothing to show from before.";
  if (state === "ended") {
    return { tone: "bad", title: "Not live any more", reason, remedy: "reload", said: `Not live any more. ${reason}` };
  }
  if (state === "live" || notLiveSince === null || now - notLiveSince < GRACE_MS) return null;
  if (state === "stale") {
    return { tone: "warn", title: "No news", reason, remedy: null, said: `Connected, but there is no news. ${old}` };
  }
  return { tone: "warn", title: "Not connected", reason, remedy: "retry", said: `Not connected. ${old}` };
}

/** As of when (ms) everything on the page was known: a server without news may have told of old ones a moment ago. */
export function knownAt({ state, since }: Connection, heardAt: number | null): number | null {
  return state === "stale" && heardAt !== null ? Math.min(heardAt, since) : heardAt;
}
