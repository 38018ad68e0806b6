"""The settings of the pipeline's processes, and where each thing lies under the one home."""

from __future__ import annotations

import enum
from datetime import date
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from release.manifest import TICKER

HOME: Final = Path(".stock-assets")


class SourceName(enum.Enum):
    """Where market data comes from."""

    SAMPLE = "sample"
    FILES = "files"
    YAHOO = "yahoo"
    ALPACA = "alpaca"


class RestatementPolicy(enum.Enum):
    """What happens when a vendor tells history otherwise than before."""

    ACCEPT = "accept"  # the new history replaces the old one; what changed is recorded
    HOLD = "hold"  # the old history stays in force until a person accepts the new one


class PipelineSettings(BaseSettings):
    """What one installation of the pipeline is told, by arguments or by ``STOCK_ASSETS_*`` in the environment.

    Attributes
    ----------
    home : Path
        Everything is written below it.
    source : SourceName
    data : Path, optional
        For the source ``files``: a file, a folder or a glob.
    tickers : tuple of str
        The universe to start with; empty means every ticker of the source.
    as_of : date, optional
        Bars after it are kept from the graph.
    horizons : tuple of int
        Sessions that forecasts look ahead; signals act on the first.
    portfolio_weeks : int
        Weeks of allocations that are made if they are missing, the newest included: what strategies are judged by.
    mlflow_uri : str, optional
        An MLflow server; by default a SQLite file under the home.
    redis_url : str, optional
    audit_url : str, optional
        A PostgreSQL that the live engine keeps its audit log in; by default a SQLite file under the home.
    universe : Path, optional
        A ``universe.yaml`` whose changes a sensor picks up.
    restatements : RestatementPolicy
    overlap_sessions : int
        Sessions asked for again at each refresh from a vendor, to see whether it has restated them.
    request_budget : int
        Requests to a vendor that one process may make in an hour.
    request_attempts : int
        How often one request is tried before it has failed.
    request_timeout_seconds : float
        For the connection, and again for each wait for more of the answer.
    response_minutes : float
        For how long an answer that was kept is as good as a new one: at most the hour in which a close settles, or an
        answer from within a session would speak of it afterwards.
    yahoo_url, alpaca_url : str
        Where the vendors are; tests have servers of their own.
    alpaca_key, alpaca_secret : secret, optional
        From ``APCA_API_KEY_ID`` and ``APCA_API_SECRET_KEY``, as Alpaca's own tools have them.
    """

    model_config = SettingsConfigDict(
        env_prefix="STOCK_ASSETS_", env_ignore_empty=True, frozen=True, extra="ignore", validate_default=True
    )

    home: Path = HOME
    source: SourceName = SourceName.SAMPLE
    data: Path | None = None
    tickers: Annotated[tuple[str, ...], NoDecode] = ()
    as_of: date | None = None
    horizons: Annotated[tuple[int, ...], NoDecode] = (1, 5)
    portfolio_weeks: int = Field(default=260, ge=1)
    mlflow_uri: str | None = None
    redis_url: str | None = None
    audit_url: str | None = None
    universe: Path | None = None
    restatements: RestatementPolicy = RestatementPolicy.HOLD
    overlap_sessions: int = Field(default=10, ge=1, le=252)
    request_budget: int = Field(default=1000, ge=1)
    request_attempts: int = Field(default=5, ge=1, le=20)
    request_timeout_seconds: float = Field(default=20.0, gt=0.0)
    response_minutes: float = Field(default=15.0, ge=0.0, le=60.0)
    yahoo_url: str = "https://query2.finance.yahoo.com"
    alpaca_url: str = "https://data.alpaca.markets"
    alpaca_key: SecretStr | None = Field(default=None, validation_alias="APCA_API_KEY_ID")
    alpaca_secret: SecretStr | None = Field(default=None, validation_alias="APCA_API_SECRET_KEY")

    @field_validator("home", "data", "universe")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        # Dagster's processes start in folders of their own choosing.
        return None if path is None else path.expanduser().absolute()

    @field_validator("tickers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(name.strip().upper() for name in value.split(",") if name.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("horizons", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value

    @field_validator("horizons")
    @classmethod
    def _are_horizons(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if not horizons or len(set(horizons)) != len(horizons) or not all(1 <= horizon <= 63 for horizon in horizons):
            raise ValueError(f"expected different horizons of 1 to 63 sessions, got {horizons}")
        return horizons

    @field_validator("tickers")
    @classmethod
    def _are_tickers(cls, tickers: tuple[str, ...]) -> tuple[str, ...]:
        for ticker in tickers:
            if not TICKER.fullmatch(ticker):
                raise ValueError(f"expected tickers like AAPL or BTC-USD, got {ticker!r}")
        return tuple(dict.fromkeys(tickers))

    @property
    def horizon(self) -> int:
        """The horizon that signals act on, in sessions."""
        return self.horizons[0]

    @property
    def lake(self) -> Path:
        """Tables and model files, by asset and partition."""
        return self.home / "lake"

    @property
    def dagster(self) -> Path:
        """Dagster's own folder, its ``DAGSTER_HOME``."""
        return self.home / "dagster"

    @property
    def mlflow(self) -> Path:
        """MLflow's folder, unless `mlflow_uri` names a server."""
        return self.home / "mlflow"

    @property
    def releases(self) -> Path:
        """The release store."""
        return self.home / "releases"

    @property
    def replay(self) -> Path:
        """Bars after `as_of`, one file a ticker, for the live replay."""
        return self.home / "replay"

    @property
    def audit(self) -> Path | str:
        """The live engine's log of signals and forecasts: a file, or a database's URL."""
        return self.audit_url or self.home / "audit" / "audit.sqlite3"

    @property
    def responses(self) -> Path:
        """Vendors' answers as they came, by the digest of their bytes."""
        return self.home / "responses"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.home / "logs"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow runs and model versions are recorded."""
        return self.mlflow_uri or f"sqlite:///{self.mlflow / 'mlflow.db'}"
