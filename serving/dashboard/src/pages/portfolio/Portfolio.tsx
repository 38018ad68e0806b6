// The portfolio: what is held and what is to be held, what it may lose and has earned, and the orders from one to the other.

import { useState } from "preact/hooks";
import { useResource } from "../../api/resource";
import type {
  Correlation as CorrelationAnswer,
  Frontier as FrontierAnswer,
  Performance,
  Weights,
} from "../../api/types";
import { Allocation } from "./Allocation";
import { Correlation } from "./Correlation";
import type { Target } from "./draft";
import { Frontier } from "./Frontier";
import { weightsAt } from "./frontier";
import { absentIn, Part } from "./Part";
import { Rebalance } from "./Rebalance";
import { Record } from "./Record";
import { Risk } from "./Risk";
import { Strategies } from "./Strategies";
import "./portfolio.css";

export default function Portfolio() {
  const weights = useResource<Weights>("/v1/portfolio");
  const performance = useResource<Performance>("/v1/portfolio/performance");
  const frontier = useResource<FrontierAnswer>("/v1/portfolio/frontier");
  const correlation = useResource<CorrelationAnswer>("/v1/portfolio/correlation");
  const [asked, choose] = useState<string | null>(null);
  const [point, choosePoint] = useState<number | null>(null);
  const [target, aim] = useState<Target | null>(null);
  const curve = frontier.answer?.data ?? null;
  // Another release has another curve, perhaps with fewer points.
  const chosen = point === null || !curve ? null : Math.min(point, curve.points.length - 1);
  // Then one note says all that the other parts would say.
  const none = absentIn(weights) !== null || (weights.answer === null && weights.error !== null);
  const aimed = (to: Target) => {
    aim(to);
    document.getElementById("rebalance")?.scrollIntoView({ block: "start" });
  };
  return (
    <>
      <h1>Portfolio</h1>
      <div class="portfolio">
        <Part title="Strategy" what="portfolio" resource={weights} lines={7} class="portfolio-wide portfolio-strategy">
          {(data) => (
            <Strategies weights={data} performance={performance.answer?.data ?? null} asked={asked} choose={choose} />
          )}
        </Part>
        {!none && (
          <>
            <Part
              title="Current and target"
              what="portfolio"
              resource={weights}
              lines={13}
              class="portfolio-allocation"
            >
              {(data) => <Allocation weights={data} asked={asked} aim={aimed} />}
            </Part>
            <Part title="What it may lose" what="portfolio" resource={weights} lines={13} class="portfolio-risk">
              {(data) => <Risk weights={data} asked={asked} />}
            </Part>
            <Part title="Efficient frontier" what="frontier" resource={frontier} lines={14} class="portfolio-frontier">
              {(data) => (
                <Frontier
                  frontier={data}
                  performance={performance.answer?.data ?? null}
                  champion={weights.answer?.data.champion ?? null}
                  point={chosen}
                  choose={choosePoint}
                  use={() => aimed("point")}
                />
              )}
            </Part>
            <Part title="What moves together" what="correlations" resource={correlation} lines={14}>
              {(data) => <Correlation correlation={data} />}
            </Part>
            <Part title="What was earned" what="record" resource={performance} lines={24} class="portfolio-wide">
              {(data) => <Record performance={data} asked={asked ?? data.champion} />}
            </Part>
          </>
        )}
        <Rebalance
          weights={none ? null : (weights.answer?.data ?? null)}
          target={target}
          aim={aim}
          point={curve && chosen !== null ? weightsAt(curve, chosen) : null}
        />
      </div>
    </>
  );
}
