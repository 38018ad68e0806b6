"""What many tests say together: "9 of 130 tickers beat the baseline at 5 %, luck alone would give 6.5".

A single test's p value does not belong here: `quant.metrics` has those.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quant.bars import Floats
from quant.errors import QuantError
from quant.rows import finite_rows


def expected_by_luck(n: int, *, level: float) -> float:
    """How many of `n` tests come out below `level` where there is nothing to find; also where they are dependent."""
    if n < 0:
        raise QuantError(f"n: expected at least 0, got {n}")
    return n * _share("level", level)


def benjamini_hochberg(p_values: Floats, *, level: float) -> npt.NDArray[np.bool_]:
    """Which tests to believe, so that on average at most a share of `level` of them are luck.

    Holds for independent tests and for those that move together, as tickers' do.

    Parameters
    ----------
    p_values : (n,) float64 in [0, 1]
        A NaN is a test that wasn't made: not believed, and not counted.
    level : float in (0, 1)

    Returns
    -------
    (n,) bool

    References
    ----------
    Benjamini & Hochberg (1995), Controlling the false discovery rate.
    Benjamini & Yekutieli (2001), theorem 1.2, for positive dependence.
    """
    p = np.sort(_checked(p_values))
    within = p <= np.arange(1, len(p) + 1) / len(p) * _share("level", level)
    if not within.any():
        return np.zeros(p_values.shape, dtype=np.bool_)
    # All tests up to the last that keeps its own bound, whether or not those before it keep theirs.
    believed: npt.NDArray[np.bool_] = p_values <= p[np.flatnonzero(within)[-1]]
    return believed


def holm(p: Floats) -> Floats:
    """P values with Holm's correction: those below 5 % hold together, with an error of 5 % that any of them is luck.

    Parameters
    ----------
    p : (n,) float64 in [0, 1]
        A NaN is a test that was not made: it stays one, and is not counted.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    corrected = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    ascending = made[np.argsort(p[made], kind="stable")]
    left = np.arange(len(ascending), 0, -1)
    corrected[ascending] = np.minimum(np.maximum.accumulate(left * p[ascending]), 1.0)
    return corrected


def true_null_share(p_values: Floats, *, cut: float = 0.5) -> float:
    """An estimate, in [0, 1], of the share of tests that have nothing to find; errs towards 1.

    Where there is nothing, p values are spread evenly: those above `cut`, where few others are, tell how many.

    Parameters
    ----------
    p_values : (n,) float64 in [0, 1]
        A NaN is left out.
    cut : float in (0, 1)
        Lambda in the paper.

    References
    ----------
    Storey (2002), A direct approach to false discovery rates.
    """
    p = _checked(p_values)
    return min(float(np.mean(p > cut)) / (1.0 - _share("cut", cut)), 1.0)


def _checked(p_values: Floats) -> Floats:
    (p,) = finite_rows(p_values)
    if np.any((p < 0) | (p > 1)):
        raise QuantError(f"p_values: expected 0 to 1, got {p.min()} to {p.max()}")
    return p


def _share(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise QuantError(f"{name}: expected between 0 and 1, got {value}")
    return value
