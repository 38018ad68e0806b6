// The playground's own WebSocket. The page's stream is another one and is not touched.

import { useEffect, useRef, useState } from "preact/hooks";
import { FrameLog } from "./frames";

export type SocketState =
  | { readonly name: "closed"; readonly code: number | null; readonly reason: string }
  | { readonly name: "connecting" }
  | { readonly name: "open" };

// A list that changes faster can't be read.
const DRAW_MS = 250;

export interface Socket {
  readonly state: SocketState;
  readonly log: FrameLog;
  /** Another number whenever there may be something new in the log. */
  readonly beat: number;
  readonly connect: () => void;
  readonly disconnect: () => void;
  readonly send: (text: string) => void;
}

/** One connection at a time, closed when the page is left; draws a few times a second while frames come. */
export function useSocket(url: string): Socket {
  const socket = useRef<WebSocket | null>(null);
  const log = useRef(new FrameLog()).current;
  const [state, set] = useState<SocketState>({ name: "closed", code: null, reason: "" });
  const [beat, draw] = useState(0);
  useEffect(() => () => release(socket.current), []);
  useEffect(() => {
    if (state.name === "closed") return;
    const timer = setInterval(() => draw((n) => n + 1), DRAW_MS);
    return () => clearInterval(timer);
  }, [state.name]);
  const connect = () => {
    if (socket.current !== null) return;
    const made = new WebSocket(url);
    socket.current = made;
    set({ name: "connecting" });
    made.onopen = () => set({ name: "open" });
    made.onmessage = ({ data }) => log.take("received", String(data), Date.now());
    made.onclose = ({ code, reason }) => {
      socket.current = null;
      set({ name: "closed", code, reason });
    };
  };
  const send = (text: string) => {
    if (socket.current?.readyState !== WebSocket.OPEN) return;
    socket.current.send(text);
    log.take("sent", text, Date.now());
    draw((n) => n + 1);
  };
  return { state, log, beat, connect, disconnect: () => socket.current?.close(), send };
}

/** Close without being told of it: nobody is there any more. */
function release(socket: WebSocket | null): void {
  if (socket === null) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
}
