"""What an account holds, and the rules that trading in it keeps to.

Which orders follow is for `quant.rebalance` to say; what trading costs is `quant.costs`' business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.costs import BASIS_POINTS, Costs
from quant.errors import QuantError

# How far from a whole number of lots a holding may be, in lots, to be taken for one.
WHOLE: Final = 1e-6
# Below any coin's smallest part; shares of a value much smaller lose their digits.
LEAST_VALUE: Final = 1e-9
# Up to here float64 tells one whole number from the next, with room for arithmetic.
MOST_LOTS: Final = 1e12


@dataclass(frozen=True, eq=False)
class Account:
    """What is held, and what it is worth; N assets.

    Attributes
    ----------
    shares : (N,) float64
        Held, whole multiples of `lot`; 0 or more.
    cash : float
        In the currency of the prices; 0 or more.
    price : (N,) float64
        Per share, above 0.
    lot : (N,) float64 or None
        Shares that an order is a multiple of, 1 for all if None; 0.001 for instance for a crypto pair.

    Raises
    ------
    QuantError
        If anything is not as said, or the book is worth less than `LEAST_VALUE`.
    """

    shares: Floats
    cash: float
    price: Floats
    lot: Floats | None = None

    def __post_init__(self) -> None:
        if self.price.ndim != 1 or len(self.price) < 1:
            raise QuantError(f"price: expected an (N,) array, N at least 1, got shape {self.price.shape}")
        assets = len(self.price)
        check_vector("price", self.price, assets, positive=True)
        check_vector("shares", self.shares, assets)
        check_vector("lot", self.lots, assets, positive=True)
        if not 0.0 <= self.cash < np.inf:
            raise QuantError(f"cash: expected 0 or more, and finite, got {self.cash}")
        held = self.shares / self.lots
        broken = np.flatnonzero((np.abs(held - np.rint(held)) > WHOLE) | (held > MOST_LOTS))
        if len(broken):
            at = broken[0]
            expected = f"a whole multiple, at most {MOST_LOTS:g}, of the lot of {self.lots[at]:g}"
            raise QuantError(f"shares[{at}]: expected {expected}, got {self.shares[at]:.12g}")
        # What is next to no lot is taken for none, which must not be all there is.
        worth = float(np.rint(held) * self.lots @ self.price) + self.cash
        if not LEAST_VALUE <= worth < np.inf:
            raise QuantError(f"shares, cash: expected a book worth {LEAST_VALUE:g} or more, and finite, got {worth:g}")

    @property
    def lots(self) -> Floats:
        """Shares per lot, (N,)."""
        return np.ones(len(self.price)) if self.lot is None else self.lot

    @property
    def value(self) -> float:
        """Holdings at their prices, and cash."""
        return float(self.shares @ self.price) + self.cash

    @property
    def weights(self) -> Floats:
        """Holdings as shares of the value, (N,); cash is what is missing to 1."""
        return self.shares * self.price / self.value


@dataclass(frozen=True, eq=False, kw_only=True)
class TradingRules:
    """What orders cost and must keep to.

    Attributes
    ----------
    costs : Costs
        Of a purchase or sale per notional at the price given: the slippage, and the fee on what was paid or got. What
        borrowing costs doesn't matter, nothing is sold that isn't held.
    band : float
        Deviation of a weight from its target that is tolerated, 0 or more: nothing is ordered while none is greater
        and no cap is exceeded. As soon as one is, every asset may be traded.
    upper : float or (N,) float64
        What no weight may exceed after trading, above 0 to 1; targets above it are aimed at as far as it allows.
    turnover : float or None
        Most notional that may be traded, purchases and sales together, as a share of the book's value; 0 or more.
    minimum_order : float
        Least notional of an order, in currency; a sale of all that is held may be less.
    """

    costs: Costs = field(default_factory=Costs)
    band: float = 0.0
    upper: float | Floats = 1.0
    turnover: float | None = None
    minimum_order: float = 0.0

    def __post_init__(self) -> None:
        for name in ("band", "minimum_order"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise QuantError(f"{name}: expected 0 or more, and finite, got {getattr(self, name)}")
        upper = np.asarray(self.upper)
        wrong = np.flatnonzero(~((upper > 0.0) & (upper <= 1.0)))
        if len(wrong):
            at = f"[{wrong[0]}]" if upper.ndim else ""
            raise QuantError(f"upper{at}: expected above 0 to 1, got {upper.ravel()[wrong[0]]}")
        if self.turnover is not None and not 0.0 <= self.turnover < np.inf:
            raise QuantError(f"turnover: expected 0 or more, and finite, or none, got {self.turnover}")

    @property
    def rates(self) -> tuple[Fraction, Fraction]:
        """What a purchase and a sale cost per notional at the price given, exactly."""
        fee, slippage = (exact(bp) / int(BASIS_POINTS) for bp in (self.costs.cost_bp, self.costs.slippage_bp))
        return (1 + slippage) * (1 + fee) - 1, 1 - (1 - slippage) * (1 - fee)


def exact(number: float) -> Fraction:
    """The decimal number that a float is printed as: 10.1 means 101/10, not the nearest binary fraction."""
    return Fraction(repr(float(number)))


def check_vector(name: str, values: Floats, assets: int, *, positive: bool = False) -> None:
    """Refuse what is not (N,), finite and at least 0, or above it."""
    if values.shape != (assets,):
        raise QuantError(f"{name}: expected shape ({assets},), as price has, got {values.shape}")
    wrong = np.flatnonzero(~(np.isfinite(values) & ((values > 0) if positive else (values >= 0))))
    if len(wrong):
        expected = "above 0" if positive else "0 or more"
        raise QuantError(f"{name}[{wrong[0]}]: expected {expected}, and finite, got {values[wrong[0]]}")
