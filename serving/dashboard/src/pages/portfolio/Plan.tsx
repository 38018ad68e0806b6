// The orders that were found, and the book before and after them.

import type { Order, RebalancePlan } from "../../api/types";
import { count, decimal, percent, price, signed } from "../../format/numbers";
import { Figure, Figures } from "../../ui/figure";
import { Age } from "../../ui/notes";
import { ActionBadge } from "../../ui/signal";
import { type Column, Table } from "../../ui/table";
import { typed } from "./parse";
import { Taking } from "./Taking";

type Position = RebalancePlan["positions"][number];

export function Plan({ plan, at, outdated }: { plan: RebalancePlan; at: number; outdated: boolean }) {
  return (
    <section class="portfolio-plan" aria-labelledby="portfolio-orders">
      <h3 id="portfolio-orders">Orders</h3>
      <p>
        <span role="status">{plan.orders.length === 0 ? "Nothing to order." : summary(plan.orders)}</span>{" "}
        <Age at={at} label="found" />
      </p>
      {outdated && <p class="portfolio-warning">The form says something else by now: list the orders again.</p>}
      {plan.orders.length > 0 && (
        <>
          <Table
            caption="Orders; amounts in the currency of the prices"
            columns={ORDERS}
            rows={plan.orders}
            rowKey={({ ticker }) => ticker}
          />
          <Taking plan={plan} />
        </>
      )}
      <BeforeAndAfter plan={plan} />
      <p>{proof(plan)}</p>
      {plan.notes.length > 0 && (
        <ul>
          {plan.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <Table
        caption="Positions before and after; weights are shares of the book's value at that time"
        columns={POSITIONS}
        rows={plan.positions}
        rowKey={({ ticker }) => ticker}
      />
    </section>
  );
}

function summary(orders: readonly Order[]): string {
  const sum = (side: Order["side"]) =>
    orders.filter((one) => one.side === side).reduce((total, one) => total + one.notional, 0);
  const [bought, sold] = [sum("BUY"), sum("SELL")];
  const both = [bought > 0 && `buy for ${price(bought)}`, sold > 0 && `sell for ${price(sold)}`].filter(Boolean);
  return `${count(orders.length)} ${orders.length === 1 ? "order" : "orders"}: ${both.join(", ")}.`;
}

function proof({ method, gap, limited }: RebalancePlan): string {
  const by = gap === null ? "" : `: others may be nearer to the target by ${percent(gap, 3)} of the book at most`;
  const found = {
    optimal: "No other whole lots come nearer to the target for what they cost: that is proved.",
    time_limit: `Time ran out before these were proved the best${by}.`,
    greedy: `Found order by order, without proof that no others are better${by}.`,
  }[method];
  return limited ? `${found} Turnover or the least order kept the book further away.` : found;
}

function BeforeAndAfter({ plan }: { plan: RebalancePlan }) {
  return (
    <Figures>
      <Figure
        label="Cash after"
        value={price(plan.cash_after)}
        baseline={{ label: "before", value: price(plan.cash_before) }}
      />
      <Figure
        label="Value after"
        value={price(plan.value_after)}
        baseline={{ label: "before", value: price(plan.value_before) }}
        note={`costs ${decimal(plan.cost)}`}
      />
      <Figure
        label="Distance to the target after"
        value={percent(plan.tracking_error_after, 2)}
        baseline={{ label: "before", value: percent(plan.tracking_error_before, 2) }}
        note="tracking error a year, in sample"
      />
      <Figure
        label="Volatility after"
        value={percent(plan.volatility_after)}
        baseline={{ label: "before", value: percent(plan.volatility_before) }}
        note="a year, in sample"
      />
      <Figure
        label="Turnover"
        value={percent(plan.turnover)}
        baseline={{ label: "cost of it", value: `${decimal((plan.cost / plan.value_before) * 10_000, 1)} bp` }}
        note="of the book, bought and sold together"
      />
    </Figures>
  );
}

const ORDERS: readonly Column<Order>[] = [
  { key: "ticker", header: "Ticker", rowHeader: true, sort: ({ ticker }) => ticker, cell: ({ ticker }) => ticker },
  { key: "side", header: "Side", sort: ({ side }) => side, cell: ({ side }) => <ActionBadge action={side} /> },
  { key: "shares", header: "Shares", align: "end", sort: ({ shares }) => shares, cell: ({ shares }) => typed(shares) },
  { key: "price", header: "At about", align: "end", cell: (order) => price(order.price) },
  {
    key: "notional",
    header: "Amount",
    align: "end",
    sort: ({ notional }) => notional,
    cell: (order) => price(order.notional),
  },
  { key: "cost", header: "Cost", align: "end", sort: ({ cost }) => cost, cell: ({ cost }) => decimal(cost) },
];

const SOURCES: Readonly<Record<Position["price_source"], string>> = { client: "yours", live: "live", release: "close" };

const POSITIONS: readonly Column<Position>[] = [
  { key: "ticker", header: "Ticker", rowHeader: true, cell: ({ ticker }) => ticker },
  { key: "before", header: "Shares before", align: "end", cell: ({ shares_before }) => typed(shares_before) },
  { key: "after", header: "After", align: "end", cell: ({ shares_after }) => typed(shares_after) },
  { key: "weight_before", header: "Weight before", align: "end", cell: ({ weight_before }) => percent(weight_before) },
  { key: "weight_after", header: "After", align: "end", cell: ({ weight_after }) => percent(weight_after) },
  { key: "target", header: "Target", align: "end", cell: ({ target }) => percent(target) },
  {
    key: "off",
    header: "Off, pp",
    title: "After less target, in percentage points",
    align: "end",
    cell: ({ weight_after, target }) => signed((weight_after - target) * 100, 2),
  },
  {
    key: "price",
    header: "Price",
    align: "end",
    cell: (row) => (
      <>
        {price(row.price)} <span class="muted">{SOURCES[row.price_source]}</span>
      </>
    ),
  },
];
