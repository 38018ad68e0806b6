// Of when a price is. It is called live only while the page is.

import type { ReadonlySignal } from "@preact/signals";
import type { TickerCard } from "../../api/types";
import { knownAt } from "../../app/liveStanding";
import { exchangeTime, session } from "../../format/time";
import { now } from "../../live/clock";
import { connection, notLiveSince } from "../../live/store";
import { Age } from "../../ui/notes";
import { useDerived } from "./market";
import type { Quote } from "./quote";

interface WhenProps {
  readonly quote: ReadonlySignal<Quote>;
  readonly card: TickerCard;
  readonly class?: string;
}

/** Drawn once a second, as the age is; the exchange's time is written for who points at it. */
export function When({ quote, card, class: name = "" }: WhenProps) {
  const kind = useDerived(() => quote.value.kind, [quote]).value;
  void now.value;
  const { heard, session: of } = quote.peek();
  const tell = (event: MouseEvent) => {
    const { at } = quote.peek();
    (event.currentTarget as HTMLElement).title = at ? exchangeTime(at, card.exchange) : "as of the release";
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only writes the title that is shown then
    <span class={name} onMouseEnter={tell}>
      {kind === "live" ? <Heard at={heard} /> : `close ${session(of)}`}
    </span>
  );
}

/** @param at our clock (ms) when it was told. */
function Heard({ at }: { at: number | null }) {
  const isLive = notLiveSince.value === null;
  return <Age at={knownAt(connection.value, at)} label={isLive ? "live" : "heard"} />;
}
