"""What a release says of itself: its files with their digests, and where each ticker's numbers come from.

Plain typed records; reading and writing folders is `release.writer`'s and `release.reader`'s work.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

SCHEMA_VERSION: Final = 1
TICKER: Final = re.compile(r"[A-Z0-9][A-Z0-9.\-=^]{0,14}")


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the release, by its path relative to the release's folder (POSIX separators)."""

    path: str
    sha256: str
    size: int


class TickerLineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where one ticker's numbers come from.

    `data_sha256` digests the bars the models were trained on (`release.tables.digest`), `first_session` to
    `last_session` is what those bars span (ISO dates), `model_version` the registered model's version.
    """

    ticker: str
    exchange: str
    source: str
    data_sha256: str
    first_session: str
    last_session: str
    bars: int
    dagster_run_id: str
    mlflow_run_id: str
    model_name: str
    model_version: str
    trained_at: str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A ticker of the universe that this release does not carry, and why."""

    ticker: str
    reason: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a release.

    Attributes
    ----------
    schema_version : int
        Of this file format; a reader refuses any other than its own.
    release_id : str
        ``<as-of date>-<first 12 hex digits of a digest>`` (`content_id`): equal content, equal id.
    as_of : str
        ISO date of the newest session of any bar inside.
    created_at : str
        ISO time in UTC.
    code_version : str
        Version of the distribution that wrote it, with the git commit where one is known.
    horizon : int
        Sessions that the forecasts look ahead.
    window : int
        Bars a feature window holds.
    features : tuple of str
        Column names of the models' input, in order.
    dagster_run_id : str
        The run that published it.
    tickers : tuple of TickerLineage
    refused : tuple of Refusal
    files : tuple of File
        Every file but the manifest, sorted by path.
    """

    schema_version: int
    release_id: str
    as_of: str
    created_at: str
    code_version: str
    horizon: int
    window: int
    features: tuple[str, ...]
    dagster_run_id: str
    tickers: tuple[TickerLineage, ...]
    refused: tuple[Refusal, ...]
    files: tuple[File, ...]


def content_id(manifest: Manifest) -> str:
    """The release id that a manifest must carry: it covers all files (by their digests) and the whole lineage.

    Left out are only when and by which run it was published, so that publishing the same content again is no news.
    """
    content = msgspec.structs.replace(manifest, release_id="", created_at="", dagster_run_id="")
    return f"{manifest.as_of}-{hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:12]}"


class TickerMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Out-of-sample scores of one ticker's champion beside their baselines.

    Log returns per horizon, over the `n` forecasts from `first` to `last` (ISO dates of the bar each was made at).

    Attributes
    ----------
    price_r2, price_r2_random_walk : float
        R2 of the price level, and what repeating yesterday's close scores on the same days. Never to be shown apart.
    return_r2 : float
        R2 of returns against a forecast of zero (Campbell & Thompson 2008); negative where the model is worse.
    return_r2_historical_mean : float
        The same for the expanding historical mean.
    clark_west_p : float
        One-sided p value that the champion's mean does not beat zero (Clark & West 2007).
    directional_accuracy, directional_accuracy_se, base_rate : float
        Share of forecasts with the right sign, its standard error, and the share of the commoner direction.
    coverage_90 : float
        Share of realised returns inside the 90 % interval.
    brier, brier_base_rate : float
        Of P(up), and of always saying the base rate known at the time.
    """

    n: int
    first: str
    last: str
    price_r2: float
    price_r2_random_walk: float
    return_r2: float
    return_r2_historical_mean: float
    clark_west_p: float
    directional_accuracy: float
    directional_accuracy_se: float
    base_rate: float
    coverage_90: float
    brier: float
    brier_base_rate: float


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's weights, in the order of `Portfolio.tickers`; they sum to one.

    Annualised, as log return and volatility, from the estimates that chose the weights: in sample, and named so.
    """

    weights: tuple[float, ...]
    expected_return_in_sample: float
    volatility_in_sample: float


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    """The newest week's allocations and the risk they were made from.

    `covariance` is annualised and `correlation` unitless, both row by row in the order of `tickers`;
    `allocations` goes by strategy name (``minimum_variance``, ``maximum_sharpe``, ``equal_weight``).
    `data_through` is the last session that the estimates saw.
    """

    week: str
    data_through: str
    tickers: tuple[str, ...]
    allocations: dict[str, Allocation]
    covariance: tuple[tuple[float, ...], ...]
    correlation: tuple[tuple[float, ...], ...]


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of the out-of-sample history; `realised` is the log return that followed, None until it is known."""

    session: str
    target_session: str
    action: str
    confidence: float
    edge_bp: float
    p_up: float
    reason: str
    realised: float | None
