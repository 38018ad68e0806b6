// How old a live price is. It is called live only while the page is.

import { knownAt } from "../../app/liveStanding";
import { connection, notLiveSince } from "../../live/store";
import { Age } from "../../ui/notes";

/** @param at our clock (ms) when it was told. */
export function Heard({ at }: { at: number | null }) {
  const isLive = notLiveSince.value === null;
  return <Age at={knownAt(connection.value, at)} label={isLive ? "live" : "heard"} />;
}
