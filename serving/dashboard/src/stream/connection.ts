// Sockets, one after the other, until it can't be mended; what is said on them is `session`'s business.

import type { Subscribe } from "../api/types";
import { Backoff } from "./backoff";
import { BROWSER, type Socket, type Surroundings } from "./browser";
import { Ended, ended, Lost } from "./ending";
import { readFrame } from "./reading";
import { Session, type Wanted } from "./session";
import type { Connection, ConnectionState, Update } from "./updates";

export interface StreamOptions extends Wanted {
  readonly url: string;
  readonly listener: (update: Update) => void;
  readonly surroundings?: Surroundings;
}

export interface Stream {
  /** Listen no more. */
  close(): void;
  /** Try now, whatever was advised or has ended: a person has asked for it. */
  reconnect(): void;
}

/**
 * Listen to a server's stream, from now until `close`: it connects by itself, again and again, and goes on from where
 * it was. `listener` is told everything in order, the state of the connection included.
 */
export function openStream({ url, listener, surroundings = BROWSER, ...wanted }: StreamOptions): Stream {
  const stream = new Connections(url, listener, surroundings, new Session(wanted));
  stream.connect();
  return stream;
}

/** How long each phase may take, in ms. Longer than a server's own client allows itself: phones are further away. */
export const LIMITS = { connect: 8_000, greeting: 5_000, answer: 10_000, quiet: 1_500, pong: 2_000 } as const;
// A connection that has lasted so long was a good one: the next pause is short again.
const LASTED_MS = 2_000;
// A timer that comes later than this tells of us, asleep or in the background, and nothing of the server.
const LATE_MS = 2_000;
const PING = JSON.stringify({ type: "ping" });

class Connections implements Stream {
  private readonly backoff: Backoff;
  private readonly stopListening: () => void;
  private socket: Socket | null = null;
  private greeted = false;
  private began = 0;
  // Of the one thing that is waited for: the next frame, or the next try.
  private callOff: () => void = () => undefined;
  // No earlier than this, whatever happens: the server has asked for it.
  private notBefore = 0;
  private state: Connection = { state: "connecting", reason: "", since: 0, retryAt: null };

  constructor(
    private readonly url: string,
    private readonly listener: (update: Update) => void,
    private readonly around: Surroundings,
    private readonly session: Session,
  ) {
    this.backoff = new Backoff(() => around.random());
    this.stopListening = around.onWake(() => this.wake());
  }

  close(): void {
    this.stopListening();
    this.leave();
    this.tell("ended", "This page has stopped listening.");
  }

  reconnect(): void {
    if (this.socket !== null) return;
    this.backoff.reset();
    this.connect();
  }

  connect(): void {
    this.leave();
    this.greeted = false;
    this.began = this.around.now();
    this.tell("connecting", this.state.reason || "Connecting to the server.");
    const socket = this.around.open(this.url, {
      opened: () => this.within(LIMITS.greeting, "The server does not say hello."),
      heard: (data) => this.guarded(() => this.hear(socket, data)),
      closed: (code, reason) => this.lose(ended(code, reason)),
    });
    this.socket = socket;
    this.within(LIMITS.connect, "The server does not answer.");
  }

  // One connection.

  private hear(socket: Socket, data: unknown): void {
    const frame = readFrame(data);
    if (!this.greeted) {
      if (frame?.type === "closing") this.session.take(frame);
      if (frame?.type !== "hello") throw new Lost(`hello: expected it first, got ${frame?.type}`);
      this.greeted = true;
      this.ask(socket, this.session.greet(frame));
      return;
    }
    if (frame !== null) {
      const { updates, request } = this.session.take(frame);
      for (const update of updates) this.listener(update);
      if (request !== null) {
        this.ask(socket, request);
        return;
      }
    }
    if (!this.session.isAnswered) return;
    const { stale, staleSince } = this.session;
    this.tell(stale === null ? "live" : "stale", stale ?? "", { since: staleSince });
    this.listenOn(socket);
  }

  private ask(socket: Socket, request: Subscribe): void {
    this.within(LIMITS.answer, "The server does not answer our subscription.");
    socket.send(JSON.stringify(request));
  }

  /** A server that is silent is asked for a sign of life; one that gives none is left. */
  private listenOn(socket: Socket): void {
    this.wait(LIMITS.quiet, () => this.probe(socket));
  }

  private probe(socket: Socket, again = false): void {
    socket.send(PING);
    this.wait(LIMITS.pong, (lateMs) => {
      // We were asleep, and the answer may be on its way still.
      if (lateMs > LATE_MS && !again) this.probe(socket, true);
      else this.lose(new Lost("The server has fallen silent."));
    });
  }

  private within(ms: number, reason: string): void {
    this.wait(ms, () => this.lose(new Lost(reason)));
  }

  private wait(ms: number, run: (lateMs: number) => void): void {
    this.callOff();
    const due = this.around.now() + ms;
    this.callOff = this.around.after(ms, () => run(this.around.now() - due));
  }

  // Between two.

  private guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof Lost || error instanceof Ended)) throw error;
      this.lose(error);
    }
  }

  private lose(why: Lost | Ended): void {
    if (this.around.now() - this.began > LASTED_MS && this.greeted) this.backoff.reset();
    const wasUp = this.greeted;
    this.leave();
    if (why instanceof Ended) {
      this.tell("ended", why.message);
      return;
    }
    const reason = this.reasonOf(why, wasUp);
    this.session.lost(reason);
    this.notBefore = this.around.now() + why.afterMs;
    // The server's advice has its own jitter.
    this.tryIn(Math.max(why.afterMs, this.backoff.next()), reason);
  }

  private reasonOf(why: Lost, wasUp: boolean): string {
    if (!this.around.isOnline()) return "This device is offline.";
    return wasUp || why.afterMs > 0 ? why.message : "The server can't be reached.";
  }

  private tryIn(ms: number, reason: string): void {
    this.tell("waiting", reason, { retryAt: this.around.now() + ms });
    this.wait(ms, () => this.connect());
  }

  /** The network has changed, or somebody looks again. */
  private wake(): void {
    const { socket, state } = this;
    if (socket !== null) {
      // It may have died while nobody looked; an answer that is due anyway tells as much.
      if (this.greeted && this.session.isAnswered) this.probe(socket);
    } else if (state.state === "waiting") {
      this.tryIn(Math.max(0, this.notBefore - this.around.now()), state.reason);
    }
  }

  private leave(): void {
    this.callOff();
    this.socket?.drop();
    this.socket = null;
  }

  private tell(state: ConnectionState, reason: string, more: { retryAt?: number; since?: number | null } = {}): void {
    const before = this.state;
    const retryAt = more.retryAt ?? null;
    if (before.state === state && before.reason === reason && before.retryAt === retryAt && before.since > 0) return;
    const now = this.around.now();
    // The server's clock may be ahead of ours.
    const since = Math.min(more.since ?? now, now);
    this.state = { state, reason, since: before.state === state && before.since > 0 ? before.since : since, retryAt };
    this.listener({ kind: "connection", connection: this.state });
  }
}
