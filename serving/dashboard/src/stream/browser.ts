// What `connection` needs of a browser: sockets, timers, chance, and the moments at which trying again is worth it.

export interface SocketEvents {
  readonly opened: () => void;
  readonly heard: (data: unknown) => void;
  readonly closed: (code: number, reason: string) => void;
}

export interface Socket {
  send(text: string): void;
  /** Nothing is heard of it from now on. */
  drop(): void;
}

/** Everything outside of us that a connection depends on; tests bring their own. */
export interface Surroundings {
  open(url: string, events: SocketEvents): Socket;
  /** Run once after so many ms; returns what calls it off. */
  after(ms: number, run: () => void): () => void;
  now(): number;
  random(): number;
  /** Whether the device says that it has a network at all. */
  isOnline(): boolean;
  /** Run whenever the way to the server may have changed, or somebody looks again; returns what stops it. */
  onWake(run: () => void): () => void;
}

export const BROWSER: Surroundings = {
  open(url, events) {
    const socket = new WebSocket(url);
    socket.onopen = events.opened;
    socket.onmessage = ({ data }) => events.heard(data);
    socket.onclose = ({ code, reason }) => events.closed(code, reason);
    return {
      send: (text) => {
        // One that closes loses what it is given; `onclose` is about to say so.
        if (socket.readyState === WebSocket.OPEN) socket.send(text);
      },
      drop: () => {
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.close();
      },
    };
  },
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  now: () => Date.now(),
  random: () => Math.random(),
  isOnline: () => navigator.onLine,
  onWake(run) {
    const looked = () => {
      if (document.visibilityState === "visible") run();
    };
    addEventListener("online", run);
    addEventListener("offline", run);
    addEventListener("pageshow", run);
    document.addEventListener("visibilitychange", looked);
    return () => {
      removeEventListener("online", run);
      removeEventListener("offline", run);
      removeEventListener("pageshow", run);
      document.removeEventListener("visibilitychange", looked);
    };
  },
};
