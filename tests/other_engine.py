"""Backtests by the package `bt`, for tests that compare: it sizes, fills, charges and keeps the book by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quant.signals import Action


def bt_equity(opens, closes, actions, *, costs, size=1.0):
    """Equity at each close, and whether the book went bankrupt.

    `bt` is shown opens and closes as prices in turn, may trade at the opens only, and is told nothing but the actions.
    Its half spread is our slippage, its commission our fee on the price got; a borrowed share's fee is put on the
    open, since it takes what a position costs at the next price, here the close.
    """
    import bt

    day = pd.date_range("2000-01-03", periods=len(closes), freq="D")
    times = pd.DatetimeIndex(np.column_stack([day + pd.Timedelta(hours=9), day + pd.Timedelta(hours=16)]).ravel())

    def in_turn(at_open, at_close):
        return pd.DataFrame({"x": np.column_stack([at_open, at_close]).ravel()}, index=times)

    slippage, nothing = costs.slippage_bp / 1e4, np.zeros(len(closes))
    weights = {Action.BUY: size, Action.SELL: -size, Action.HOLD: 0.0}
    executed = {times[2 * (row + 1)]: action for row, action in enumerate(actions[:-1])}

    class Follow(bt.Algo):
        def __call__(self, target):
            action, held = executed.get(target.now), getattr(self, "held", Action.HOLD)
            if action is None or action is held:
                return True
            self.held = action
            target.close("x")
            target.rebalance(weights[action], "x")
            return True

    stock = bt.core.CouponPayingSecurity("x", fixed_income=False)
    test = bt.Backtest(
        bt.Strategy("book", [Follow()], [stock]),
        in_turn(opens, closes),
        integer_positions=False,
        commissions=lambda q, p: abs(q) * p * (1.0 + np.sign(q) * slippage) * costs.cost_bp / 1e4,
        additional_data={
            "bidoffer": in_turn(2.0 * slippage * opens, nothing),
            "coupons": in_turn(nothing, nothing),
            "cost_short": in_turn(closes * costs.borrow_bp_per_year / 1e4 / 252, nothing),
        },
    )
    test.run()
    return test.strategy.values.to_numpy()[2::2] / test.initial_capital, test.strategy.bankrupt
