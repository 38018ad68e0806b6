// Everything of one ticker: chart, signal, forecast, and the signals before.

import { useSignal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import type { TickerCard } from "../../api/types";
import { preferences } from "../../app/preferences";
import { news } from "../../live/store";
import { Chart } from "./Chart";
import { changesOf, type Mark } from "./changes";
import { Forecast } from "./Forecast";
import { InForce } from "./InForce";
import { LastSignals } from "./LastSignals";
import { useHistory } from "./market";
import { barsFor, MOST_BARS, moreThan, rangeOf } from "./ranges";

export function TickerView({ card }: { card: TickerCard }) {
  const [asked, ask] = useState(0);
  const limit = Math.max(asked, barsFor(rangeOf(preferences.value.range)));
  const [further, lookFurther] = useState(false);
  const history = useHistory(card.ticker, further ? MOST_BARS : limit);
  const changes = useMemo(() => changesOf(history.rows ?? []), [history.rows]);
  const live = useLiveMarks(card);
  const marks = useMemo(() => [...live, ...changes], [live, changes]);
  const pointed = useSignal<string | null>(null);
  return (
    <>
      <Chart card={card} limit={limit} more={() => ask(moreThan(limit))} marks={marks} pointed={pointed} />
      <div class="market-side">
        <InForce card={card} history={history} />
        <Forecast card={card} />
      </div>
      <LastSignals
        ticker={card.ticker}
        history={history}
        changes={changes}
        pointed={pointed}
        lookFurther={further || limit >= MOST_BARS ? null : () => lookFurther(true)}
      />
    </>
  );
}

/** The ticker's changes that were told since the page was opened, newest first, of sessions after the release's. */
function useLiveMarks(card: TickerCard): readonly Mark[] {
  const told = news.value;
  return useMemo(
    () =>
      told.flatMap(({ message }): readonly Mark[] =>
        message.type === "signal" &&
        message.ticker === card.ticker &&
        message.session > card.last_session &&
        message.action !== message.previous
          ? [message]
          : [],
      ),
    [told, card],
  );
}
