// One ticker's record: what its signals have been worth, how its probabilities did, and every one of them.

import type { ComponentChildren } from "preact";
import { useResource } from "../../api/resource";
import type { SignalPerformance } from "../../api/types";
import { Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { Equity } from "./Equity";
import { HistoryPanel } from "./HistoryPanel";
import { Hits } from "./Hits";
import { Reliability } from "./Reliability";
import { useHistory } from "./useHistory";

export function TickerRecord({ ticker }: { ticker: string }) {
  const loaded = useHistory(ticker);
  const path = `/v1/signals/${encodeURIComponent(ticker)}/performance`;
  const { answer, error, reload } = useResource<SignalPerformance>(path);
  const failure = error && (
    <Failure what={`trading record of ${ticker}`} error={error} retry={reload} stale={answer !== null} />
  );
  // The panels stand from the first, with the room they will need, so that nothing jumps.
  const shown = (draw: (performance: SignalPerformance) => ComponentChildren) =>
    answer ? draw(answer.data) : !error && <Loading what="the trading record" lines={12} />;
  return (
    <>
      <div class="signals-pair">
        <Panel title="How often they were right" class="signals-hits">
          {failure}
          {shown((performance) => (
            <Hits performance={performance} history={loaded.history} withoutHistory={loaded.error !== null} />
          ))}
        </Panel>
        <Reliability ticker={ticker} />
      </div>
      {(answer || !error) && (
        <Panel title="What they would have earned" class="signals-earned">
          {shown((performance) => (
            <Equity performance={performance} />
          ))}
        </Panel>
      )}
      <HistoryPanel ticker={ticker} loaded={loaded} />
    </>
  );
}
