// What the stream's client tells whoever listens. How it comes to know is `session` and `connection`.

import type { Alert, LiveMessage, Signal, Snapshot } from "../api/types";

/** `waiting` is between two tries; `stale` is connected to a server that has no news; `ended` is for good. */
export type ConnectionState = "connecting" | "live" | "stale" | "waiting" | "ended";

export interface Connection {
  readonly state: ConnectionState;
  /** For a person; empty while live. */
  readonly reason: string;
  /** When this state began, by our clock (ms); `stale` as the server has told, and never in the future. */
  readonly since: number;
  /** Our clock (ms) at the next try; null but while `waiting`. */
  readonly retryAt: number | null;
}

/**
 * `messages` are to be taken into the state in order; `news` are those among them, or in a snapshot, of the signals and
 * alerts that had not been told before: each is told once, in order, whatever happened in between. A `gap` says that
 * some may be missing; the snapshot that mends the state comes right after it.
 */
export type Update =
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot }
  | { readonly kind: "messages"; readonly messages: readonly LiveMessage[] }
  | { readonly kind: "news"; readonly news: readonly (Signal | Alert)[] }
  | { readonly kind: "resumed" }
  | { readonly kind: "gap"; readonly reason: string }
  | { readonly kind: "connection"; readonly connection: Connection };
