// What came and went on a WebSocket: a bounded list, and how much it is. No socket and no time of its own.

export type Direction = "received" | "sent";

export interface LoggedFrame {
  /** Counts up from 1; never used twice. */
  readonly number: number;
  /** Our clock, ms. */
  readonly at: number;
  readonly direction: Direction;
  readonly type: string;
  readonly bytes: number;
  readonly text: string;
  /** In a few words, for the list. */
  readonly summary: string;
}

/** Where a stream can be taken up again. */
export interface Place {
  readonly epoch: string;
  readonly last_seq: number;
  readonly release_id: string | null;
}

export const MOST_FRAMES = 200;
const RATE_MS = 5_000;

/** Takes frames as they come; what `list` gives is its own until it is asked again. */
export class FrameLog {
  received = 0;
  receivedBytes = 0;
  /** Null until a snapshot has come. */
  place: Place | null = null;
  readonly types = new Set<string>();
  private frames: LoggedFrame[] = [];
  private count = 0;
  private arrivals: { readonly at: number; readonly bytes: number }[] = [];

  take(direction: Direction, text: string, at: number): void {
    const frame = parsed(text);
    const type = typeof frame.type === "string" ? frame.type : "no type";
    const bytes = new TextEncoder().encode(text).length;
    this.count += 1;
    this.frames.push({ number: this.count, at, direction, type, bytes, text, summary: summaryOf(frame) });
    if (this.frames.length > MOST_FRAMES) this.frames.splice(0, this.frames.length - MOST_FRAMES);
    this.types.add(type);
    if (direction === "sent") return;
    this.received += 1;
    this.receivedBytes += bytes;
    this.arrivals.push({ at, bytes });
    this.place = placeAfter(this.place, frame);
  }

  /** The newest first; only those of a type, if one is named. */
  list(type: string | null): readonly LoggedFrame[] {
    return this.frames.filter((frame) => type === null || frame.type === type).reverse();
  }

  /** What came per second, over the last five. */
  rate(now: number): { readonly frames: number; readonly bytes: number } {
    this.arrivals = this.arrivals.filter(({ at }) => at > now - RATE_MS);
    const bytes = this.arrivals.reduce((sum, arrival) => sum + arrival.bytes, 0);
    return { frames: (this.arrivals.length * 1_000) / RATE_MS, bytes: (bytes * 1_000) / RATE_MS };
  }

  /** Forget the list; the counts and the place stay. */
  clear(): void {
    this.frames = [];
  }
}

type Json = Readonly<Record<string, unknown>>;

function placeAfter(place: Place | null, frame: Json): Place | null {
  const { seq, epoch, release_id: release } = frame;
  if (typeof seq !== "number") return place;
  if (frame.type === "snapshot" && typeof epoch === "string") {
    return { epoch, last_seq: seq, release_id: typeof release === "string" ? release : null };
  }
  return frame.type === "delta" && place !== null ? { ...place, last_seq: seq } : place;
}

/** What tells one frame of its type from another. */
function summaryOf(frame: Json): string {
  const words: string[] = [];
  const say = (name: string) => {
    const value = frame[name];
    if (value !== undefined && value !== null && typeof value !== "object") words.push(`${name} ${value}`);
  };
  for (const name of ["seq", "prev", "id", "code", "reason", "field", "message", "reconnect_after_seconds"]) say(name);
  for (const name of ["prices", "predictions", "signals", "alerts"]) {
    const value = frame[name];
    if (Array.isArray(value)) words.push(`${value.length} ${name}`);
  }
  if (Array.isArray(frame.messages)) words.push(counted(frame.messages));
  if (Array.isArray(frame.tickers)) words.push(frame.tickers.join(", "));
  if (Array.isArray(frame.channels)) words.push(frame.channels.join(", "));
  return words.join(" · ");
}

/** "3 price, 1 signal AAPL": how many of each kind. */
function counted(messages: readonly unknown[]): string {
  const kinds = new Map<string, string[]>();
  for (const each of messages) {
    const { type, ticker } = each as { type?: unknown; ticker?: unknown };
    const named = kinds.get(String(type)) ?? [];
    kinds.set(String(type), [...named, typeof ticker === "string" ? ticker : ""]);
  }
  return [...kinds].map(([kind, tickers]) => `${tickers.length} ${kind} ${tickers.join(" ")}`.trim()).join(", ");
}

function parsed(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}
