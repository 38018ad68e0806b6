"""The model families that compete. A new family is one module with one class, and its name in `FAMILIES`.

How they are tuned, combined and judged does not belong here. Importing scikit-learn takes seconds, so that happens when
something is fitted: Dagster's own processes load the graph and never fit.
"""

from typing import Final

from stock_assets.learning.candidates.base import Candidate, Part
from stock_assets.learning.candidates.ewma import EwmaCandidate
from stock_assets.learning.candidates.forest import ForestCandidate
from stock_assets.learning.candidates.garch import GarchCandidate
from stock_assets.learning.candidates.har import HarCandidate
from stock_assets.learning.candidates.ridge import RidgeCandidate
from stock_assets.learning.candidates.sparse import SparseCandidate

FAMILIES: Final[tuple[type[Candidate], ...]] = (
    SparseCandidate,
    RidgeCandidate,
    ForestCandidate,
    HarCandidate,
    GarchCandidate,
    EwmaCandidate,
)
EDGE_FAMILIES: Final = tuple(family for family in FAMILIES if family.part is Part.EDGE)
VARIANCE_FAMILIES: Final = tuple(family for family in FAMILIES if family.part is Part.VARIANCE)

__all__ = [
    "EDGE_FAMILIES",
    "FAMILIES",
    "VARIANCE_FAMILIES",
    "Candidate",
    "EwmaCandidate",
    "ForestCandidate",
    "GarchCandidate",
    "HarCandidate",
    "Part",
    "RidgeCandidate",
    "SparseCandidate",
]
