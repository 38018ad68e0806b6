"""Learning without Dagster: data sets, candidates, tuning, walk-forward, calibration, export, scores, promotion.

Plain scikit-learn and pandas, called by the assets. Nothing here knows of partitions, runs or MLflow.
"""

from typing import Final

# Of every random choice: the graph and whoever judges it make the same ones.
SEED: Final = 7
