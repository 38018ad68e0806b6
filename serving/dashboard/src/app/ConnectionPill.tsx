// Whether what is on the page is live: always in sight, by word and sign. `Banner` says it to who can't see it, and more.

import "./ConnectionPill.css";
import { age } from "../format/time";
import { now } from "../live/clock";
import { connection, heardAt } from "../live/store";
import type { ConnectionState } from "../stream/updates";
import { knownAt } from "./liveStanding";

const LOOKS: Readonly<Record<ConnectionState, { sign: string; text: string }>> = {
  connecting: { sign: "◌", text: "Connecting" },
  live: { sign: "●", text: "Live" },
  stale: { sign: "◐", text: "Stale" },
  waiting: { sign: "◌", text: "Reconnecting" },
  ended: { sign: "○", text: "Not live" },
};

export function ConnectionPill() {
  const { state, reason } = connection.value;
  const heard = knownAt(connection.value, heardAt.value);
  // One try after another is one state to a viewer: a word that changes every second says less.
  const shown = state === "connecting" && heard !== null ? "waiting" : state;
  const { sign, text } = LOOKS[shown];
  return (
    <div class={`pill pill-${shown}`} title={reason || "connected, and told as it happens"}>
      <span aria-hidden="true">{sign}</span>
      <span>{text}</span>
      <span class="pill-detail">
        {heard === null ? (
          <span class="pill-words">nothing heard yet</span>
        ) : (
          <>
            <span class="pill-words">last heard </span>
            {age((now.value - heard) / 1_000)}
          </>
        )}
      </span>
    </div>
  );
}
