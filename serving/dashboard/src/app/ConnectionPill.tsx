// Whether what is on the page is live: always in sight, by word and sign.

import { age } from "../format/time";
import { now } from "../live/clock";
import { connection, heardAt } from "../live/store";
import type { ConnectionState } from "../stream/updates";

const LOOKS: Readonly<Record<ConnectionState, { sign: string; text: string }>> = {
  connecting: { sign: "◌", text: "Connecting" },
  live: { sign: "●", text: "Live" },
  stale: { sign: "◐", text: "Stale" },
  waiting: { sign: "◌", text: "Reconnecting" },
  ended: { sign: "○", text: "Not live" },
};

export function ConnectionPill() {
  const { state, reason } = connection.value;
  const { sign, text } = LOOKS[state];
  const heard = heardAt.value;
  const since = heard === null ? "nothing heard yet" : `last heard ${age((now.value - heard) / 1_000)}`;
  return (
    <div class={`pill pill-${state}`} title={reason || "connected, and told as it happens"}>
      <span aria-hidden="true">{sign}</span>
      <span role="status">{text}</span>
      <span class="pill-detail">{since}</span>
    </div>
  );
}
