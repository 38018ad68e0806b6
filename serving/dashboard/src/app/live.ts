// The one stream of this page, and what follows from it.

import { take } from "../live/store";
import { openStream, type Stream } from "../stream/connection";
import { notify } from "./notifications";

let stream: Stream | null = null;

/** Listen to everything, from now on. To be called once. */
export function startLive(): void {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  stream = openStream({
    url: `${scheme}//${location.host}/v1/stream`,
    listener: (update) => {
      take(update);
      if (update.kind === "news") notify(update.news);
    },
  });
}

/** Try again now: a person has asked for it. */
export function reconnect(): void {
  stream?.reconnect();
}
