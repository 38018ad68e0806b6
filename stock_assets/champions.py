"""The model that serves a ticker: its files in the lake, whole and decoded. How it came to serve is the asset's."""

from __future__ import annotations

import io
from typing import Final, Self

import msgspec
import pandas as pd

from quant.forecast import ForecastParameters
from release.manifest import TickerLineage, TickerMetrics
from stock_assets import parquet
from stock_assets.learning.walk_forward import Model
from stock_assets.resources.lake import Lake

CHAMPION: Final = "champion"
MODEL: Final = "model"
EVALUATION: Final = "oos_predictions"
# The files of a champion: what training wrote, what the evaluation wrote, and the record that it was promoted on.
PARAMETERS: Final = "forecast.json"
METRICS: Final = "metrics.json"
LINEAGE: Final = "lineage.json"
ONNX: Final = "model.onnx"
PARITY: Final = "parity.npz"
RECORD: Final = "oos_predictions.parquet"


class Champion(msgspec.Struct, frozen=True, kw_only=True):
    """The promoted files of one ticker, decoded; `parameters` and `metrics` go by horizon, `oos` is its record."""

    lineage: TickerLineage
    parameters: dict[int, ForecastParameters]
    metrics: dict[int, TickerMetrics]
    onnx: bytes
    parity: bytes
    oos: bytes

    @classmethod
    def read(cls, lake: Lake, ticker: str) -> Self:
        """From the lake; `NotMaterialized` for a ticker without one."""
        return cls.of(lake.read_files(CHAMPION, ticker))

    @classmethod
    def of(cls, files: dict[str, bytes]) -> Self:
        """From the bytes of its files, by name."""
        return cls(
            lineage=msgspec.json.decode(files[LINEAGE], type=TickerLineage),
            parameters=msgspec.json.decode(files[PARAMETERS], type=dict[int, ForecastParameters]),
            metrics=msgspec.json.decode(files[METRICS], type=dict[int, TickerMetrics]),
            onnx=files[ONNX],
            parity=files[PARITY],
            oos=files[RECORD],
        )

    @property
    def horizon(self) -> int:
        """The horizon that signals act on, in sessions."""
        return next(iter(self.parameters))

    def record(self) -> pd.DataFrame:
        """Every model's out-of-sample forecasts that the champion was promoted on, as `oos_predictions` had them."""
        return parquet.frame(io.BytesIO(self.oos))

    def forecasts(self, *, horizon: int | None = None) -> pd.DataFrame:
        """Its own out-of-sample forecasts at one horizon (by default the signals'), one row a session, oldest first.

        `realised` is NaN while it isn't known.
        """
        table = self.record()
        wanted = (table["model"] == Model.CHAMPION.value) & (table["horizon"] == (horizon or self.horizon))
        return table[wanted].sort_values("date", ignore_index=True)
