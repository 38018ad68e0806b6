// One request as the page makes it: everything about the answer is kept, whatever its status.

import type { Asked } from "./curl";

export interface Answered {
  readonly status: number;
  readonly statusText: string;
  /** From sending to the last byte. */
  readonly milliseconds: number;
  readonly bytes: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly text: string;
  /** What the text is as JSON; undefined where it is none. */
  readonly json: unknown;
}

// An optimisation may think for a while.
const TIMEOUT_MS = 60_000;
// In the order in which they are shown; all others are behind them.
const TELLING = ["content-type", "x-data-age", "etag", "cache-control", "retry-after", "server-timing"];

/** Ask, past the browser's cache: what is measured is the server. Throws what `fetch` throws. */
export async function ask({ method, url, headers, body }: Asked, signal: AbortSignal): Promise<Answered> {
  const began = performance.now();
  const response = await fetch(url, {
    method,
    headers,
    body,
    cache: "no-store",
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  const bytes = await response.arrayBuffer();
  const milliseconds = performance.now() - began;
  const text = new TextDecoder().decode(bytes);
  return {
    status: response.status,
    statusText: response.statusText,
    milliseconds,
    bytes: bytes.byteLength,
    headers: sorted([...response.headers]),
    text,
    json: parsed(text),
  };
}

function sorted(headers: readonly (readonly [string, string])[]): Answered["headers"] {
  const place = (name: string) => (TELLING.includes(name) ? TELLING.indexOf(name) : TELLING.length);
  return headers.toSorted(([a], [b]) => place(a) - place(b));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
