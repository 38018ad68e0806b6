"""What every model family has in common. Families themselves have modules of their own."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from quant.bars import Floats
from stock_assets.learning.dataset import Labels

if TYPE_CHECKING:
    import onnx
    from optuna.trial import BaseTrial


class Part(enum.Enum):
    """What of the predictive distribution a family speaks of."""

    EDGE = "edge"  # the expected return over the historical mean, in volatilities
    VARIANCE = "variance"  # the log variance per session


class Candidate(ABC):
    """A model of one part of the distribution. Settings are kept untouched; `fit` makes attributes that end in ``_``.

    Attributes
    ----------
    name : str
        Of the family; the ONNX output is called so.
    part : Part
    refit_every, retune_every : int
        Sessions between two fits, and between two choices of settings, in a walk forward, which goes by months:
        multiples of its 21 sessions, the second of the first too.
    trials : int
        Settings worth trying each time they are chosen; 1 for a family without a choice.
    prior : float
        Of a family that speaks of the edge: how likely, before any evidence, that it is the one to believe, relative to
        the others.
    """

    name: ClassVar[str]
    part: ClassVar[Part]
    refit_every: ClassVar[int] = 63
    retune_every: ClassVar[int] = 252
    trials: ClassVar[int] = 1
    prior: ClassVar[float] = 1.0

    def __init__(self, **settings: float) -> None:
        if settings:
            raise TypeError(f"{self.name}: expected no settings, got {', '.join(settings)}")

    @classmethod
    @abstractmethod
    def suggest(cls, trial: BaseTrial) -> Self:
        """The settings that a tuner's trial stands for."""

    @abstractmethod
    def settings(self) -> dict[str, float]:
        """The settings by name, for the record and as a tuner's parameters."""

    @abstractmethod
    def fit(self, X: Floats, labels: Labels, *, seed: int) -> Self:
        """Learn from rows X (n, F) float64 and their labels, without NaN; `seed` fixes every random choice."""

    def refitted(self, X: Floats, labels: Labels, *, seed: int) -> Self:
        """A new candidate with the same settings, fitted; this one stays as it is."""
        return type(self)(**self.settings()).fit(X, labels, seed=seed)

    @abstractmethod
    def predict(self, X: Floats) -> Floats:
        """Edges or log variances (n,) for feature rows X (n, F)."""

    @abstractmethod
    def to_onnx(self, features: int) -> onnx.ModelProto:
        """A graph that repeats `predict`: input ``features`` (n, F) float64, one output (n, 1)."""


def loss(part: Part, predicted: Floats, labels: Labels) -> Floats:
    """What each prediction costs, (n,): squared error of the edge, or the quasi-likelihood's loss of the variance.

    An edge is over these rows' own mean: what is the same for all of them is the historical mean's to say.

    A variance forecast is first brought to the level that suits these rows: levels are set when models are combined.

    References
    ----------
    Patton (2011), Volatility forecast comparison using imperfect volatility proxies.
    """
    if part is Part.EDGE:
        error: Floats = (labels.over_the_mean - predicted) ** 2
        return error
    ratio = labels.variance / np.exp(predicted)
    level = ratio.mean()
    # Without the realised variance's own log, which no forecast changes and a still session makes infinite.
    quasi: Floats = ratio / level + predicted + np.log(level)
    return quasi
