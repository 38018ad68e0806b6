// The ends of a connection: those that another connection helps against, and those that it doesn't.

import type { Closing } from "../api/types";

/** This connection is of no use any more; another one may be, no sooner than `afterMs` from now. */
export class Lost extends Error {
  override readonly name = "Lost";

  constructor(
    message: string,
    readonly afterMs = 0,
  ) {
    super(message);
  }
}

/** Another connection would end alike: what helps is to load the page anew, or nothing. */
export class Ended extends Error {
  override readonly name = "Ended";
}

// For what this page would only do again: no text, against the rules, too large, too fast (`docs/stream.md`).
const FOR_GOOD: ReadonlySet<number> = new Set([1003, 1008, 1009, 4029]);
// What a server may ask of us to wait, so that a slip of its does not keep us away for good.
const LONGEST_ADVICE_MS = 60_000;

const REASONS: Readonly<Record<number, string>> = {
  1006: "The connection was cut.",
  1012: "The server restarts.",
  1013: "The server has too many connections from this address.",
  4000: "The server waited for our subscription in vain.",
  4008: "This page was too slow to read what the server sent.",
};

/** The end that the server has announced. */
export function announced({ code, reason, reconnect_after_seconds: advice }: Closing): Lost | Ended {
  const afterMs = Number.isFinite(advice) ? Math.min(Math.max(advice * 1_000, 0), LONGEST_ADVICE_MS) : 0;
  return ended(code, reason, afterMs);
}

/** The end that a close code tells of. */
export function ended(code: number, reason: string, afterMs = 0): Lost | Ended {
  if (FOR_GOOD.has(code)) {
    const why = reason ? `${code}: ${reason}` : String(code);
    return new Ended(`The server ended the connection for good (${why}). Reload the page to connect again.`);
  }
  const known = REASONS[code];
  if (known !== undefined) return new Lost(known, afterMs);
  return new Lost(
    reason ? `The server ended the connection (${code}: ${reason}).` : "The connection was cut.",
    afterMs,
  );
}
