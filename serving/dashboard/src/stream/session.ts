// What this page makes of the frames it is sent, and what it asks next. Knows no socket and no time.
//
// The rule that all of this serves: whatever goes wrong on the way, each signal and alert is told once and in order, or
// it is said that some may be missing. `docs/stream.md` is the protocol; `serving/client/session.py` the same in Python.

import type {
  Alert,
  Delta,
  Frame,
  Hello,
  LiveMessage,
  Refused,
  Resume,
  Signal,
  Snapshot,
  Subscribe,
} from "../api/types";
import { announced, Ended, Lost } from "./ending";
import { isNewsworthy, subjectOf, Told } from "./told";
import type { Update } from "./updates";

export const PROTOCOL = 2;
// A server that breaks its own chain more often than this in a row is not worth asking again on this connection.
const MOST_BREAKS = 3;

/** What to tell the listener because of a frame, and what to ask the server. */
export interface Reaction {
  readonly updates: readonly Update[];
  readonly request: Subscribe | null;
}

const NOTHING: Reaction = { updates: [], request: null };

export interface Wanted {
  readonly tickers?: Subscribe["tickers"];
  readonly channels?: Subscribe["channels"];
}

/** This page's side of the conversation, across all of its connections. */
export class Session {
  /** Why what was told may be out of date; null while it is not. */
  stale: string | null = "Nothing was told yet.";
  /** Since when (ms, the server's clock), where it is the server that says so. */
  staleSince: number | null = null;

  private readonly told = new Told();
  private readonly wanted: Omit<Subscribe, "resume">;
  // What the listener knows: up to `seq` of the run `epoch`, and the signals and alerts that hold.
  private epoch: string | null = null;
  private seq = 0;
  private release: string | null = null;
  private holding = new Map<string, Signal | Alert>();
  // Up to where every signal and alert was told. What is known may be newer, while the rest is asked for.
  private place: Resume | null = null;
  private asked: Subscribe | null = null;
  private resumeIsHopeless = false;
  private breaks = 0;

  constructor({ tickers = null, channels = null }: Wanted = {}) {
    this.wanted = { type: "subscribe", tickers, channels };
  }

  /** Whether the server owes no answer to a subscription. */
  get isAnswered(): boolean {
    return this.asked === null;
  }

  /** What to ask first on a new connection: to go on from where the last one ended, where that may work. */
  greet(hello: Hello): Subscribe {
    if (hello.protocol !== PROTOCOL) throw new Ended(otherProtocol(hello.protocol));
    if (hello.release_id === null && this.wanted.tickers !== null) throw new Lost("The server has no release yet.");
    this.resumeIsHopeless = false;
    this.breaks = 0;
    const place = this.place;
    // What was missed makes what is known whole again only if that was whole at this place.
    const resumable = place !== null && place.epoch === hello.epoch && place.epoch === this.epoch;
    return this.ask(resumable ? place : null);
  }

  /** The connection has gone. */
  lost(reason: string): void {
    this.asked = null;
    this.stale = reason;
    this.staleSince = null;
  }

  /** What a frame means. Throws `Lost` if only another connection helps, `Ended` if not even that. */
  take(frame: Frame): Reaction {
    switch (frame.type) {
      case "delta":
        return this.delta(frame);
      case "snapshot":
        return this.snapshot(frame);
      case "stale":
        this.stale = frame.reason;
        this.staleSince = Date.parse(frame.since);
        return NOTHING;
      case "error":
        return this.refused(frame);
      case "closing":
        throw announced(frame);
      default:
        return NOTHING;
    }
  }

  private ask(resume: Resume | null): Subscribe {
    this.asked = { ...this.wanted, resume };
    return this.asked;
  }

  // Deltas.

  private delta(delta: Delta): Reaction {
    const resume = this.asked?.resume;
    if (resume) {
      if (delta.prev === resume.last_seq && delta.seq >= this.seq) return told(this.resumed(delta, resume));
      // What was on its way when we asked comes again with the answer; a server's own word has no number.
      return delta.prev === delta.seq ? told(this.news(delta.messages)) : NOTHING;
    }
    if (delta.prev !== this.seq || delta.seq < delta.prev) return this.broken(delta);
    this.breaks = 0;
    this.advance(delta.seq);
    return told(this.news(delta.messages));
  }

  private resumed(delta: Delta, since: Resume): readonly Update[] {
    this.answered();
    this.epoch = since.epoch;
    this.advance(delta.seq);
    const missed = this.news(delta.messages);
    this.countAsTold();
    return [{ kind: "resumed" }, ...missed];
  }

  /** Something is missing before this frame: ask for it. The frame itself comes again with the answer. */
  private broken(delta: Delta): Reaction {
    this.breaks += 1;
    if (this.breaks > MOST_BREAKS) {
      throw new Lost(`prev: expected ${this.seq}, the frame before, got ${delta.prev} time and again`);
    }
    return { updates: [], request: this.ask(this.epoch === null ? null : this.place) };
  }

  private advance(seq: number): void {
    this.seq = seq;
    if (this.epoch !== null) this.place = { epoch: this.epoch, last_seq: seq, release_id: this.release };
  }

  /** All of the messages for what is known, and those of them that were not told before. */
  private news(messages: readonly LiveMessage[]): readonly Update[] {
    if (messages.length === 0) return [];
    const news = this.untold(messages.filter(isNewsworthy));
    const all: Update = { kind: "messages", messages };
    return news.length > 0 ? [all, { kind: "news", news }] : [all];
  }

  private untold(messages: readonly (Signal | Alert)[]): readonly (Signal | Alert)[] {
    for (const message of messages) this.hold(message);
    return messages.filter((message) => this.told.isNew(message));
  }

  private hold(message: Signal | Alert): void {
    if (message.type === "signal" || message.active) this.holding.set(subjectOf(message), message);
    else this.holding.delete(subjectOf(message));
  }

  private countAsTold(): void {
    for (const message of this.holding.values()) this.told.isNew(message);
  }

  // Snapshots.

  private snapshot(snapshot: Snapshot): Reaction {
    const place = this.place;
    // The first; or a server that has not found the engine's run yet, of which it can tell more later.
    if (place === null || snapshot.epoch === null) return told(this.whole(snapshot));
    if (snapshot.epoch !== place.epoch) return told(this.gap(snapshot, "The engine has begun a new run."));
    if (snapshot.seq < place.last_seq) throw new Lost("The server is behind the one before; it is catching up.");
    if (snapshot.seq === place.last_seq) return told(this.whole(snapshot));
    return this.ahead(snapshot, place);
  }

  /** A snapshot newer than what was told: were there signals or alerts in between? */
  private ahead(snapshot: Snapshot, place: Resume): Reaction {
    const asked = this.asked;
    const resuming = asked !== null && asked.resume !== null;
    // Of another release: not the answer, which is still to come.
    const unasked = resuming && snapshot.release_id !== this.release;
    if (this.resumeIsHopeless || (resuming && !unasked)) {
      return told(this.gap(snapshot, "The server no longer has all that was missed."));
    }
    this.answered();
    this.replace(snapshot);
    const updates: readonly Update[] = [{ kind: "snapshot", snapshot }];
    if (!unasked) return { updates, request: this.ask(place) };
    this.asked = asked;
    return told(updates);
  }

  private whole(snapshot: Snapshot): readonly Update[] {
    this.answered();
    this.replace(snapshot);
    this.advance(snapshot.seq);
    this.countAsTold();
    return [{ kind: "snapshot", snapshot }];
  }

  private gap(snapshot: Snapshot, reason: string): readonly Update[] {
    this.answered();
    this.replace(snapshot);
    this.advance(snapshot.seq);
    const news = this.untold([...snapshot.signals, ...snapshot.alerts].toSorted(oldestFirst));
    const gap: readonly Update[] = [
      { kind: "gap", reason },
      { kind: "snapshot", snapshot },
    ];
    return news.length > 0 ? [...gap, { kind: "news", news }] : gap;
  }

  private replace(snapshot: Snapshot): void {
    this.epoch = snapshot.epoch;
    this.seq = snapshot.seq;
    this.release = snapshot.release_id;
    this.holding = new Map();
    for (const message of [...snapshot.signals, ...snapshot.alerts]) this.hold(message);
    this.stale = this.staleSince = null;
  }

  private answered(): void {
    this.asked = null;
    this.resumeIsHopeless = false;
    this.stale = this.staleSince = null;
  }

  // Refusals.

  private refused(refused: Refused): Reaction {
    // A ping too many: what it asked for has been answered by any frame since.
    if (this.asked === null) return NOTHING;
    if (this.asked.resume !== null) {
      if (refused.code === "unknown_epoch") {
        // A snapshot follows by itself.
        this.resumeIsHopeless = true;
        return NOTHING;
      }
      if (refused.code === "too_fast") throw new Lost(refused.message);
    }
    throw new Ended(`The server refused what this page asked for (${refused.message}).`);
  }
}

function told(updates: readonly Update[]): Reaction {
  return { updates, request: null };
}

function oldestFirst(a: Signal | Alert, b: Signal | Alert): number {
  return Date.parse(a.at) - Date.parse(b.at) || row(a) - row(b);
}

function row(message: Signal | Alert): number {
  return message.type === "signal" ? (message.audit_id ?? 0) : 0;
}

function otherProtocol(got: number): string {
  const newer = "Reload the page: the server has another version of it";
  return `${newer} (stream protocol: this page speaks ${PROTOCOL}, the server ${got}).`;
}
