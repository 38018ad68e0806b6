"""The model families that compete to forecast the mean return. A new family is one class here.

How they are tuned, combined and judged does not belong here. Importing scikit-learn takes seconds, so that happens when
something is fitted: Dagster's own processes load the graph and never fit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from quant.bars import Floats

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


class Candidate(ABC):
    """A family of models of the mean log return. Parameters are kept untouched; `fit` makes `pipeline_`."""

    name: ClassVar[str]
    pipeline_: Pipeline

    @classmethod
    @abstractmethod
    def grid(cls) -> Sequence[Candidate]:
        """The settings worth trying, from the most to the least regularised."""

    @abstractmethod
    def settings(self) -> dict[str, float]:
        """The parameters by name, for the record."""

    @abstractmethod
    def unfitted(self, *, seed: int) -> Pipeline:
        """The scikit-learn pipeline that these settings stand for."""

    def fit(self, X: Floats, y: Floats, *, seed: int) -> Self:
        """Fit on X (n, F) float64 and y (n,) log returns, both without NaN; `seed` fixes every random choice."""
        import sklearn

        # The caller vouches for the arrays once; scikit-learn would check them again for every tree.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            self.pipeline_ = self.unfitted(seed=seed).fit(X, y)
        return self

    def predict(self, X: Floats) -> Floats:
        """Mean log returns (n,) for feature rows X (n, F)."""
        predicted: Any = self.pipeline_.predict(X)
        return np.asarray(predicted, dtype=np.float64).reshape(-1)


class RidgeCandidate(Candidate):
    """Ridge regression on standardised features.

    Parameters
    ----------
    alpha : float
        Penalty; against n standardised rows it shrinks a direction of variance v by ``n v / (n v + alpha)``.
    """

    name = "ridge"

    def __init__(self, *, alpha: float = 1e4) -> None:
        self.alpha = alpha

    @classmethod
    def grid(cls) -> Sequence[Candidate]:
        return [cls(alpha=alpha) for alpha in (1e5, 1e4, 1e3, 1e2)]

    def settings(self) -> dict[str, float]:
        return {"alpha": self.alpha}

    def unfitted(self, *, seed: int) -> Pipeline:  # noqa: ARG002 - a ridge has nothing random
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import StandardScaler

        return Pipeline([("scale", StandardScaler()), ("ridge", Ridge(alpha=self.alpha))])


class ForestCandidate(Candidate):
    """A random forest of shallow trees on float32 features, which is what the exported trees compare.

    Parameters
    ----------
    depth : int
        Of each tree.
    leaf_share : float
        Least share of the sampled rows in a leaf: daily returns are nearly all noise, small leaves learn just that.
    """

    name = "forest"

    def __init__(self, *, depth: int = 3, leaf_share: float = 0.05) -> None:
        self.depth = depth
        self.leaf_share = leaf_share

    @classmethod
    def grid(cls) -> Sequence[Candidate]:
        return [cls(depth=2, leaf_share=0.1), cls(depth=4, leaf_share=0.03)]

    def settings(self) -> dict[str, float]:
        return {"depth": self.depth, "leaf_share": self.leaf_share}

    def unfitted(self, *, seed: int) -> Pipeline:
        from skl2onnx.sklapi import CastTransformer
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.pipeline import Pipeline

        forest = RandomForestRegressor(
            n_estimators=40,
            max_depth=self.depth,
            min_samples_leaf=self.leaf_share,
            max_features=8,
            max_samples=0.5,
            n_jobs=1,
            random_state=seed,
        )
        return Pipeline([("narrow", CastTransformer(dtype=np.float32)), ("forest", forest)])


FAMILIES: tuple[type[Candidate], ...] = (RidgeCandidate, ForestCandidate)
