// A ticker's history while it comes, for a component.

import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../../api/rest";
import type { SignalHistory } from "../../api/types";
import { releaseId } from "../../live/store";
import { type History, loadHistory } from "./history";

export interface Loaded {
  readonly history: History | null;
  readonly error: Error | null;
  readonly reload: () => void;
}

/** Loaded anew when another release comes into force; the old one is shown until the new one is complete. */
export function useHistory(ticker: string): Loaded {
  const [history, put] = useState<History | null>(null);
  const [error, fail] = useState<Error | null>(null);
  const [attempt, again] = useState(0);
  const reload = () => again((n) => n + 1);
  useEffect(() => {
    const left = new AbortController();
    const load = async () => {
      const pages = loadHistory(ticker, (path) => get<SignalHistory>(path, left.signal));
      for await (const next of pages) put((before) => (before?.complete && !next.complete ? before : next));
    };
    fail(null);
    load().catch((reason: Error) => {
      if (!left.signal.aborted) fail(reason);
    });
    return () => left.abort();
  }, [ticker, attempt]);
  const release = releaseId.value;
  const told = history?.release;
  // Once for each: of a server that is behind the stream, asking again and again would not make it faster.
  const askedFor = useRef<string | null>(null);
  useEffect(() => {
    if (release === null || told === undefined || told === release || askedFor.current === release) return;
    askedFor.current = release;
    reload();
  }, [release, told]);
  return { history, error, reload };
}
