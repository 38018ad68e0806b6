"""A random forest of the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from quant.bars import Floats
from stock_assets.learning.candidates.base import Candidate, Part
from stock_assets.learning.candidates.graphs import INPUT, OPSET
from stock_assets.learning.dataset import Labels

if TYPE_CHECKING:
    import onnx
    from optuna.trial import BaseTrial
    from sklearn.pipeline import Pipeline

TREES: Final = 40
# Enough to tell settings apart, since all are grown from the same seed.
TREES_TO_COMPARE: Final = 12


class ForestCandidate(Candidate):
    """A random forest of shallow trees on float32 features, which is what the exported trees compare.

    Parameters
    ----------
    depth : int
        Of each tree.
    leaf_share : float
        Least share of the sampled rows in a leaf: daily returns are nearly all noise, small leaves learn just that.
    trees : int
        Not a setting to tune: more are never worse, they only cost.
    """

    name = "forest"
    part = Part.EDGE
    # A year more or less changes a forest less than its own chance does, and a fit costs as much as 50 ridges.
    refit_every = 252
    retune_every = 504
    trials = 4
    # Trees find something in any noise; unless the record says otherwise, they are hardly listened to.
    prior = 0.03

    pipeline_: Pipeline

    def __init__(self, *, depth: int = 3, leaf_share: float = 0.05, trees: int = TREES) -> None:
        self.depth = depth
        self.leaf_share = leaf_share
        self.trees = trees

    @classmethod
    def suggest(cls, trial: BaseTrial) -> Self:
        return cls(
            depth=trial.suggest_int("depth", 2, 5),
            leaf_share=trial.suggest_float("leaf_share", 0.02, 0.15, log=True),
            trees=TREES_TO_COMPARE,
        )

    def settings(self) -> dict[str, float]:
        return {"depth": self.depth, "leaf_share": self.leaf_share}

    def fit(self, X: Floats, labels: Labels, *, seed: int) -> Self:
        import sklearn
        from skl2onnx.sklapi import CastTransformer
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.pipeline import Pipeline

        forest = RandomForestRegressor(
            n_estimators=self.trees,
            max_depth=self.depth,
            min_samples_leaf=self.leaf_share,
            max_features=8,
            max_samples=0.5,
            n_jobs=1,
            random_state=seed,
        )
        # The caller vouches for the arrays once; scikit-learn would check them again for every tree.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            self.pipeline_ = Pipeline([("narrow", CastTransformer(dtype=np.float32)), ("forest", forest)]).fit(
                X, labels.over_the_mean
            )
        return self

    def predict(self, X: Floats) -> Floats:
        predicted: Any = self.pipeline_.predict(X)
        return np.asarray(predicted, dtype=np.float64).reshape(-1)

    def to_onnx(self, features: int) -> onnx.ModelProto:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import DoubleTensorType

        model: onnx.ModelProto = to_onnx(
            self.pipeline_, initial_types=[(INPUT, DoubleTensorType([None, features]))], target_opset=OPSET
        )
        return model
