// Frames and messages as a server sends them, for tests.

import type { Alert, Closing, Delta, Frame, Hello, LiveMessage, Price, Signal, Snapshot } from "../../api/types";

export const RELEASE = "2012-03-01-8e40cfceccde";
const AT = "2026-11-23T15:04:05Z";

export function price(value: number, ticker = "AAPL"): Price {
  return {
    type: "price",
    ticker,
    session: "2012-03-02",
    at: AT,
    price: value,
    volume: 1,
    provisional: true,
    open: null,
    high: null,
    low: null,
    previous_close: null,
  };
}

/** Its `audit_id` tells it from others; null is one that was published with the release. */
export function signal(audit_id: number | null, ticker = "AAPL", more: Partial<Signal> = {}): Signal {
  return {
    type: "signal",
    ticker,
    at: AT,
    session: "2012-03-02",
    action: "BUY",
    previous: "HOLD",
    confidence: 61.5,
    edge_bp: 18,
    reason: "the expected edge covers the costs",
    provisional: true,
    release_id: RELEASE,
    audit_id,
    audit_sha256: audit_id === null ? null : `sha-${audit_id}`,
    ...more,
  };
}

export function alert(text: string, active = true): Alert {
  return { type: "alert", at: AT, kind: "feed_silent", severity: "warning", subject: "replay", text, active };
}

export function hello(more: Partial<Hello> = {}): Hello {
  return { type: "hello", protocol: 2, epoch: "e1", seq: 0, release_id: RELEASE, ...more };
}

export function snapshot(seq: number, messages: readonly LiveMessage[] = [], more: Partial<Snapshot> = {}): Snapshot {
  return {
    type: "snapshot",
    epoch: "e1",
    seq,
    release_id: RELEASE,
    prices: messages.filter((message) => message.type === "price"),
    predictions: [],
    signals: messages.filter((message) => message.type === "signal"),
    portfolio: null,
    alerts: messages.filter((message) => message.type === "alert"),
    status: null,
    ...more,
  };
}

export function delta(prev: number, seq: number, ...messages: LiveMessage[]): Delta {
  return { type: "delta", prev, seq, messages };
}

export function refused(code: string, message = "expected another"): Frame {
  return { type: "error", code, field: "resume", message } as Frame;
}

export function stale(reason: string, seq = 0, since = AT): Frame {
  return { type: "stale", seq, since, reason };
}

export function closing(code: number, seconds: number, reason = ""): Closing {
  return { type: "closing", code: code as Closing["code"], reason, reconnect_after_seconds: seconds };
}
