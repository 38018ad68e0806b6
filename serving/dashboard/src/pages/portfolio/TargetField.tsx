// What the rebalance form aims at: a strategy, the chosen point of the frontier, or weights of one's own.

import type { Weights } from "../../api/types";
import type { FieldError, Target } from "./draft";
import { Wrong } from "./Field";
import { championFirst, nameOf } from "./names";

interface Props {
  readonly weights: Weights | null;
  readonly target: Target;
  readonly aim: (target: Target) => void;
  readonly point: Readonly<Record<string, number>> | null;
  readonly errors: readonly FieldError[];
}

const HINTS: Readonly<Record<"point" | "own", string>> = {
  point: "In sample: the estimates that drew the curve chose this point.",
  own: "Write the weights beside what you hold; what is left of 100 % stays cash.",
};

export function TargetField({ weights, target, aim, point, errors }: Props) {
  return (
    <span class="field">
      <label for="portfolio-target">Target</label>
      <select
        id="portfolio-target"
        value={target}
        aria-invalid={errors.some(({ field }) => field === "target")}
        aria-describedby="portfolio-target-more"
        onChange={(event) => aim(event.currentTarget.value as Target)}
      >
        {weights &&
          championFirst(weights.allocations, weights.champion).map(({ strategy }) => (
            <option key={strategy} value={strategy}>
              {strategy === weights.champion ? `★ ${nameOf(strategy)}: champion` : nameOf(strategy)}
            </option>
          ))}
        {weights && (
          <option value="point" disabled={point === null}>
            {point === null ? "The frontier's point (none chosen yet)" : "The frontier's chosen point"}
          </option>
        )}
        <option value="own">Weights of my own</option>
      </select>
      <span id="portfolio-target-more">
        <Wrong name="target" errors={errors} />
        {(target === "point" || target === "own") && HINTS[target]}
      </span>
    </span>
  );
}
