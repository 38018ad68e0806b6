// The one stream of this page, and what follows from it.

import { take } from "../live/store";
import { openStream } from "../stream/connection";

/** Listen to everything, from now on. To be called once. */
export function startLive(): void {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  openStream({ url: `${scheme}//${location.host}/v1/stream`, listener: take });
}
