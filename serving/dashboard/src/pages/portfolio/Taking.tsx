// What one can do with the orders that were found: copy them, save them, or have carried them out.

import { useState } from "preact/hooks";
import type { RebalancePlan } from "../../api/types";
import { price } from "../../format/numbers";
import { save } from "../../ui/download";
import { hold, holdings } from "./holdings";
import { csvOf, sharesAfter, textOf } from "./orders";
import { typed } from "./parse";

export function Taking({ plan }: { plan: RebalancePlan }) {
  const [said, say] = useState("");
  const copy = () =>
    navigator.clipboard
      ? navigator.clipboard.writeText(textOf(plan.orders, price)).then(
          () => say("✓ Copied."),
          () => say("This browser does not let pages copy here: take the CSV."),
        )
      : say("This browser does not let pages copy here: take the CSV.");
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
      <button type="button" class="button" onClick={copy}>
        Copy
      </button>
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
