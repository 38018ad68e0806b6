// A browser for tests: time that passes when it is told to, and sockets whose other end is the test's.

import type { Frame, Subscribe } from "../../api/types";
import type { Socket, SocketEvents, Surroundings } from "../browser";

interface Timer {
  readonly due: number;
  readonly run: () => void;
}

export class FakeSocket implements Socket {
  readonly sent: string[] = [];
  dropped = false;

  constructor(private readonly events: SocketEvents) {}

  send(text: string): void {
    this.sent.push(text);
  }

  drop(): void {
    this.dropped = true;
  }

  // The server's end. Nothing is heard of a socket that was dropped.

  opens(): void {
    if (!this.dropped) this.events.opened();
  }

  says(...frames: Frame[]): void {
    for (const frame of frames) this.saysRaw(JSON.stringify(frame));
  }

  saysRaw(data: unknown): void {
    if (!this.dropped) this.events.heard(data);
  }

  closes(code = 1006, reason = ""): void {
    if (!this.dropped) this.events.closed(code, reason);
  }

  /** What was asked of the server, pings apart. */
  get subscriptions(): Subscribe[] {
    return this.sent.map((text) => JSON.parse(text)).filter((request) => request.type === "subscribe");
  }

  get pings(): number {
    return this.sent.length - this.subscriptions.length;
  }
}

export class World implements Surroundings {
  readonly sockets: FakeSocket[] = [];
  readonly chances: number[] = [];
  online = true;
  private clock = 1_000_000;
  private timers: Timer[] = [];
  private readonly wakers = new Set<() => void>();

  open(_url: string, events: SocketEvents): Socket {
    const socket = new FakeSocket(events);
    this.sockets.push(socket);
    return socket;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { due: this.clock + ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  now(): number {
    return this.clock;
  }

  /** The longest pause, unless a test has said otherwise in `chances`. */
  random(): number {
    return this.chances.shift() ?? 1;
  }

  isOnline(): boolean {
    return this.online;
  }

  onWake(run: () => void): () => void {
    this.wakers.add(run);
    return () => this.wakers.delete(run);
  }

  /** The network is back, or somebody looks at the page again. */
  wakes(): void {
    for (const run of this.wakers) run();
  }

  /** So much time passes, and every timer runs when it is due. */
  passes(ms: number): void {
    const end = this.clock + ms;
    for (let next = this.next(end); next !== undefined; next = this.next(end)) {
      this.clock = Math.max(this.clock, next.due);
      this.fire(next);
    }
    this.clock = end;
  }

  /** The device sleeps: what was due meanwhile runs once, too late. */
  sleeps(ms: number): void {
    this.clock += ms;
    for (const timer of this.timers.filter(({ due }) => due <= this.clock)) this.fire(timer);
  }

  /** How many things are waited for. */
  get waiting(): number {
    return this.timers.length;
  }

  get listeners(): number {
    return this.wakers.size;
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("sockets: expected one, none was opened");
    return socket;
  }

  private next(end: number): Timer | undefined {
    return this.timers.filter(({ due }) => due <= end).toSorted((a, b) => a.due - b.due)[0];
  }

  private fire(timer: Timer): void {
    this.timers = this.timers.filter((other) => other !== timer);
    timer.run();
  }
}
