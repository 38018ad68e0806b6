// One ticker's record: what its signals have been worth, how its probabilities did, and every one of them.

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
  const performance = useResource<SignalPerformance>(`/v1/signals/${encodeURIComponent(ticker)}/performance`);
  const { answer, error, loading, reload } = performance;
  return (
    <>
      {error && <Failure what="what they have been worth" error={error} retry={reload} stale={answer !== null} />}
      {answer === null && loading && (
        <Panel title="What they have been worth">
          <Loading what="what they have been worth" lines={16} />
        </Panel>
      )}
      <div class="signals-pair">
        {answer && <Hits performance={answer.data} history={loaded.history} />}
        <Reliability ticker={ticker} />
      </div>
      {answer && <Equity performance={answer.data} />}
      <HistoryPanel ticker={ticker} loaded={loaded} />
    </>
  );
}
