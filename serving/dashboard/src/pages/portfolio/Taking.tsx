// What one can do with the orders that were found: copy them, save them, or have carried them out.

import { useState } from "preact/hooks";
import type { RebalancePlan } from "../../api/types";
import { price } from "../../format/numbers";
import { CopyButton } from "../../ui/copy";
import { save } from "../../ui/download";
import { hold, holdings } from "./holdings";
import { csvOf, sharesAfter, textOf } from "./orders";
import { typed } from "./parse";

export function Taking({ plan }: { plan: RebalancePlan }) {
  const [said, say] = useState("");
  const keep = () => {
    const after = sharesAfter(plan.positions);
    const shares = Object.entries(after).map(([ticker, held]) => [ticker, typed(held)]);
    hold({
      shares: { ...holdings.value.shares, ...Object.fromEntries(shares) },
      cash: typed(wholeCents(plan.cash_after)),
    });
    say("✓ Kept as what you hold.");
  };
  return (
    <p class="portfolio-taking">
      <CopyButton text={() => textOf(plan.orders, price)} what="the orders" instead="Take the CSV" />
      <button
        type="button"
        class="button"
        onClick={() => save(`orders-${plan.release_id}.csv`, "text/csv", csvOf(plan.orders))}
      >
        CSV
      </button>
      <button type="button" class="button" onClick={keep}>
        I carried them out: keep as what I hold
      </button>
      <span role="status">{said}</span>
    </p>
  );
}

/** Rounded down: what one doesn't have can't be spent. */
function wholeCents(cash: number): number {
  return Math.floor(cash * 100) / 100;
}
