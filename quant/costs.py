"""What trading costs: the one place that signals and backtests have it from.

What a trade is belongs to `quant.trades`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from quant.errors import QuantError

BASIS_POINTS: Final = 1e4
ALL_OF_IT: Final = BASIS_POINTS


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What trading costs, in basis points of what is traded. The defaults are a small order's in a US large cap.

    Attributes
    ----------
    cost_bp : float
        Commission and fees of each purchase and each sale, per notional at the price got; 0 to below 10,000. Retail
        commissions of 0.005 dollars a share are 1 bp of a share of 50 dollars; the SEC's fee of 27.80 dollars a
        million, on sales only, adds 0.28 bp.
    slippage_bp : float
        By how much a purchase pays more, and a sale gets less, than the open; 0 to below 10,000. Half a spread of
        two ticks: one cent on a share of 50 dollars. An order large enough to move the price pays more than this.
    borrow_bp_per_year : float
        Fee for borrowed shares, per market value and year. Zero unless told: most large caps lend at some 25 bp, a
        stock that everyone wants to short at many times that, and no source of ours says which.

    References
    ----------
    Interactive Brokers, US stocks, fixed commissions and regulatory fees (2025), the SEC's of Section 31 among them.
    Regulation NMS, rule 612: the tick of one cent.
    D'Avolio (2002), The market for borrowing stock.
    """

    cost_bp: float = 1.0
    slippage_bp: float = 2.0
    borrow_bp_per_year: float = 0.0

    def __post_init__(self) -> None:
        for name in ("cost_bp", "slippage_bp"):
            if not 0 <= getattr(self, name) < ALL_OF_IT:
                raise QuantError(f"{name}: expected 0 to below {ALL_OF_IT:g}, got {getattr(self, name)}")
        if not 0 <= self.borrow_bp_per_year < float("inf"):
            raise QuantError(f"borrow_bp_per_year: expected 0 or more, and finite, got {self.borrow_bp_per_year}")

    @property
    def side_bp(self) -> float:
        """Of a purchase or a sale, to first order."""
        return self.cost_bp + self.slippage_bp

    @property
    def round_trip_bp(self) -> float:
        """Of a purchase and a sale together, to first order: what a signal's edge has to exceed."""
        return 2.0 * self.side_bp
