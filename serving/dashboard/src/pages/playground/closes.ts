// Why a stream's connection ends, for a person (`docs/stream.md` has the same for whoever writes a client).

import type { components } from "../../api/schema";

/** The server's own codes: one that is missing here doesn't compile. */
type Known = components["schemas"]["CloseCode"];

export interface Close {
  readonly why: string;
  readonly next: string;
}

const OF_THE_SERVER: Readonly<Record<Known, Close>> = {
  1003: { why: "A binary frame was sent.", next: "Send text." },
  1008: { why: "More than 10 messages in a row were no requests.", next: "Check what is sent before coming back." },
  1009: { why: "A message was over 65,536 bytes.", next: "Ask in smaller messages." },
  1012: { why: "The server restarts.", next: "Come back after the time that `closing` named, and resume." },
  1013: { why: "Too many connections from this address.", next: "Fewer connections, with more tickers on each." },
  4000: { why: "No subscription within 30 s.", next: "Subscribe after `hello`." },
  4008: {
    why: "Nothing was read for 10 s while more waited.",
    next: "Read faster or ask for less; then resume.",
  },
  4029: { why: "Requests went on too fast after the warning.", next: "At most 5 a second, 20 at once." },
};

/** Those that a client may come to see: the server's, and what browsers say by themselves. */
export const CLOSES: Readonly<Record<number, Close>> = {
  1000: { why: "Closed as agreed.", next: "Nothing to do." },
  1001: { why: "One side went away.", next: "Come back and resume." },
  1005: { why: "Closed without a code, as this page does it.", next: "Nothing to do." },
  1006: {
    why: "The way to the server broke, or the handshake was refused (503 full or restarting, 403 a foreign page).",
    next: "Wait a random time of up to 2 s, then resume.",
  },
  1011: { why: "The server failed.", next: "Wait a random time of up to 2 s, then resume." },
  ...OF_THE_SERVER,
};

/** Also of a code that nobody told us of. */
export function closeOf(code: number): Close {
  return CLOSES[code] ?? { why: "A code that this page does not know.", next: "Wait a little, then resume." };
}
