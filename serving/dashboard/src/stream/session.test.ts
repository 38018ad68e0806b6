// The conversation without sockets: whatever is cut, dropped or forgotten, no signal twice and none lost unsaid.

import { describe, expect, test } from "vitest";
import type { Frame, LiveMessage, Price, Signal, Subscribe } from "../api/types";
import { Lost } from "./ending";
import { Session } from "./session";
import { delta, hello, price, RELEASE, refused, signal, snapshot } from "./testing/frames";
import type { Update } from "./updates";

const TICKERS = ["AAPL", "IBM"];

/** What a server does by the protocol, as plainly as it can be written down. */
class ModelServer {
  epoch = "e1";
  seq = 0;
  release = RELEASE;
  forgotten = 0;
  auditId = 0;
  sent: Frame[] = [];
  private said: { seq: number; message: LiveMessage }[] = [];
  private told = 0;
  private subscribed = false;

  say(signals: number): void {
    const before = this.seq;
    for (const ticker of TICKERS) this.number(price(this.seq + 1, ticker));
    for (let k = 0; k < signals; k += 1) {
      this.auditId += 1;
      this.number(signal(this.auditId, TICKERS[this.auditId % 2]));
    }
    if (!this.subscribed) return;
    this.sent.push(delta(this.told, this.seq, ...this.since(before)));
    this.told = this.seq;
  }

  install(): void {
    this.release += "+";
    if (this.subscribed) this.sent.push(this.whole());
  }

  beginAnew(): void {
    this.epoch += "+";
    this.said = this.newest().map((message, k) => ({ seq: k + 1, message }));
    this.seq = this.told = this.forgotten = this.said.length;
    if (this.subscribed) this.sent.push(this.whole());
  }

  forget(): void {
    this.forgotten = this.seq;
  }

  connect(): Frame {
    this.subscribed = false;
    this.sent = [];
    return hello({ epoch: this.epoch, seq: this.seq, release_id: this.release });
  }

  hear({ resume }: Subscribe): void {
    this.subscribed = true;
    if (resume && resume.epoch === this.epoch && this.forgotten <= resume.last_seq && resume.last_seq <= this.seq) {
      this.told = this.seq;
      this.sent.push(delta(resume.last_seq, this.seq, ...this.since(resume.last_seq)));
      if (resume.release_id !== this.release) this.sent.push(this.whole());
      return;
    }
    if (resume && resume.epoch !== this.epoch) this.sent.push(refused("unknown_epoch"));
    this.sent.push(this.whole());
  }

  newest(): (Price | Signal)[] {
    const newest = new Map<string, Price | Signal>();
    for (const { message } of this.said) {
      if (message.type === "price" || message.type === "signal")
        newest.set(`${message.type} ${message.ticker}`, message);
    }
    return [...newest.values()];
  }

  private whole(): Frame {
    this.told = this.seq;
    return snapshot(this.seq, this.newest(), { epoch: this.epoch, release_id: this.release });
  }

  private number(message: LiveMessage): void {
    this.seq += 1;
    this.said.push({ seq: this.seq, message });
  }

  private since(place: number): LiveMessage[] {
    return this.said.filter(({ seq }) => seq > place).map(({ message }) => message);
  }
}

/** A session and a server, with all that can happen between them. */
class Wire {
  readonly server = new ModelServer();
  readonly session = new Session();
  readonly updates: Update[] = [];

  constructor() {
    this.connect();
  }

  connect(): void {
    this.session.lost("cut");
    const greeting = this.server.connect();
    if (greeting.type === "hello") this.server.hear(this.session.greet(greeting));
  }

  deliver(frames: number): void {
    for (let k = 0; k < frames; k += 1) {
      const frame = this.server.sent.shift();
      if (frame !== undefined) this.take(frame);
    }
  }

  /** The server fails to send what only the chain of numbers can show the lack of. */
  drop(): void {
    if (this.server.sent[0]?.type === "delta") this.server.sent.shift();
  }

  /** Deliver everything; a session that waits for an answer that was dropped loses patience. */
  settle(): void {
    this.deliver(this.server.sent.length);
    while (this.server.sent.length > 0 || !this.session.isAnswered) {
      if (this.server.sent.length === 0) this.connect();
      this.deliver(this.server.sent.length);
    }
  }

  /** The signals that were news, in order. */
  heard(): (number | null)[] {
    return this.updates
      .flatMap((update) => (update.kind === "news" ? update.news : []))
      .flatMap((message) => (message.type === "signal" ? [message.audit_id] : []));
  }

  gaps(): number {
    return this.updates.filter(({ kind }) => kind === "gap").length;
  }

  /** What a page would show that takes in all it was told. */
  shown(): ReadonlyMap<string, LiveMessage> {
    const shown = new Map<string, LiveMessage>();
    const put = (message: LiveMessage) => {
      if (message.type === "price" || message.type === "signal")
        shown.set(`${message.type} ${message.ticker}`, message);
    };
    for (const update of this.updates) {
      if (update.kind === "messages") update.messages.forEach(put);
      if (update.kind !== "snapshot") continue;
      shown.clear();
      [...update.snapshot.prices, ...update.snapshot.signals].forEach(put);
    }
    return shown;
  }

  private take(frame: Frame): void {
    try {
      const { updates, request } = this.session.take(frame);
      this.updates.push(...updates);
      if (request !== null) this.server.hear(request);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      this.connect();
    }
  }
}

type Event = readonly ["say" | "deliver" | "drop" | "cut" | "install" | "forget" | "begin anew", number];

const EVENTS: Readonly<Record<Event[0], (wire: Wire, n: number) => void>> = {
  say: (wire, n) => wire.server.say(n),
  deliver: (wire, n) => wire.deliver(n + 1),
  drop: (wire) => wire.drop(),
  cut: (wire) => wire.connect(),
  install: (wire) => wire.server.install(),
  forget: (wire) => wire.server.forget(),
  "begin anew": (wire) => wire.server.beginAnew(),
};

/** The same on every run for the same seed (mulberry32). */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function story(seed: number, without: readonly Event[0][] = []): Event[] {
  const chance = chances(seed);
  const kinds = (Object.keys(EVENTS) as Event[0][]).filter((kind) => !without.includes(kind));
  // What is said and delivered comes up more often than what goes wrong.
  const pool = [...kinds, "say", "say", "deliver", "deliver"] as const;
  return Array.from({ length: Math.floor(chance() * 40) }, () => {
    const kind = pool[Math.floor(chance() * pool.length)] ?? "say";
    return [kind, Math.floor(chance() * 4)] as const;
  });
}

const SEEDS = Array.from({ length: 500 }, (_, seed) => seed);

function afterwards(wire: Wire): void {
  wire.settle();
  wire.server.say(1);
  wire.settle();
}

describe("whatever happens", () => {
  test("no signal is told twice and none is lost unsaid", () => {
    for (const seed of SEEDS) {
      const wire = new Wire();
      wire.settle();
      for (const [kind, n] of story(seed)) EVENTS[kind](wire, n);
      afterwards(wire);

      const heard = wire.heard();
      const all = Array.from({ length: wire.server.auditId }, (_, k) => k + 1);
      expect(heard, `seed ${seed}`).toEqual(all.filter((id) => heard.includes(id)));
      expect(heard.at(-1), `seed ${seed}`).toBe(wire.server.auditId);
      if (wire.gaps() === 0) expect(heard, `seed ${seed}`).toEqual(all);
    }
  });

  test("what is shown in the end is what the server knows", () => {
    for (const seed of SEEDS) {
      const wire = new Wire();
      for (const [kind, n] of story(seed)) EVENTS[kind](wire, n);
      afterwards(wire);

      expect(new Set(wire.shown().values()), `seed ${seed}`).toEqual(new Set(wire.server.newest()));
    }
  });

  test("a server that has what was missed leaves no gap", () => {
    for (const seed of SEEDS) {
      const wire = new Wire();
      wire.settle();
      for (const [kind, n] of story(seed, ["forget", "begin anew"])) {
        // A server that keeps back its very answer to a resume is one that hasn't what was missed.
        if (kind !== "drop" || wire.session.isAnswered) EVENTS[kind](wire, n);
      }
      afterwards(wire);

      expect(wire.heard(), `seed ${seed}`).toEqual(Array.from({ length: wire.server.auditId }, (_, k) => k + 1));
      expect(wire.gaps(), `seed ${seed}`).toBe(0);
    }
  });

  test("the stories are not all alike: some end with gaps, some resume", () => {
    const kinds = new Set<string>();
    for (const seed of SEEDS) {
      const wire = new Wire();
      for (const [kind, n] of story(seed)) EVENTS[kind](wire, n);
      afterwards(wire);
      for (const update of wire.updates) kinds.add(update.kind);
    }

    expect(kinds).toEqual(new Set(["snapshot", "messages", "news", "resumed", "gap"]));
  });
});

describe("a gap", () => {
  test("comes before the snapshot that mends the state, and what holds follows as news", () => {
    const session = new Session();
    session.greet(hello());
    session.take(snapshot(0, [signal(1), signal(11, "IBM")]));
    session.take(delta(0, 1, price(1)));
    session.lost("cut");
    session.greet(hello({ seq: 9_000 }));

    const { updates } = session.take(snapshot(9_000, [signal(5), signal(11, "IBM")]));

    expect(updates.map(({ kind }) => kind)).toEqual(["gap", "snapshot", "news"]);
    expect(updates.at(-1)).toEqual({ kind: "news", news: [signal(5)] });
  });

  test("tells the oldest of what holds first", () => {
    const session = new Session();
    session.greet(hello());
    session.take(snapshot(4));
    session.lost("cut");
    session.greet(hello({ seq: 9_000 }));
    const late = signal(7, "AAPL", { at: "2026-11-23T15:09:00Z" });
    const early = signal(8, "IBM", { at: "2026-11-23T15:08:00Z" });

    const { updates } = session.take(snapshot(9_000, [late, early]));

    expect(updates.at(-1)).toEqual({ kind: "news", news: [early, late] });
  });
});
