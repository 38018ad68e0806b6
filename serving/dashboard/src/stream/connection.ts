// Being built: a socket that is opened and told of.

import type { Subscribe } from "../api/types";
import type { Update } from "./updates";

export interface StreamOptions {
  readonly url: string;
  readonly listener: (update: Update) => void;
  readonly tickers?: readonly string[] | null;
  readonly channels?: Subscribe["channels"];
}

export function openStream(options: StreamOptions): { close: () => void } {
  const socket = new WebSocket(options.url);
  return { close: () => socket.close() };
}
