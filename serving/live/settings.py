"""What the live process can be told from outside: ``STOCK_ASSETS_*`` in the environment, or its options."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

# Replayed trades are a quarter of an hour apart; three of them missing is a silence worth telling.
SILENT_TRADES: Final = 3 * 900.0
SHORTEST_SILENCE: Final = 10.0


class FeedKind(enum.Enum):
    """Where ticks come from."""

    REPLAY = "replay"
    YAHOO = "yahoo"
    ALPACA = "alpaca"


class Role(enum.Enum):
    """What a live process does."""

    ALL = "all"
    FEED = "feed"
    ENGINE = "engine"


class LiveSettings(BaseSettings):
    """Settings of the live process; frozen."""

    model_config = SettingsConfigDict(env_prefix="STOCK_ASSETS_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".stock-assets"), description="Everything that is written lies under it.")
    redis_url: str | None = Field(default=None, description="The Redis or Valkey that carries ticks and events.")
    audit_url: str | None = Field(
        default=None, description="PostgreSQL to keep the audit log in; none: SQLite in home/audit."
    )
    audit_every: int = Field(
        default=100, ge=1, description="Of a ticker's provisional predictions, each so many-th goes into the audit log."
    )
    metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="Where this process answers Prometheus on the loopback; none: not."
    )
    role: Role = Field(default=Role.ALL, description="Feed and engine in one process, or one of them.")
    feed: FeedKind = Field(default=FeedKind.REPLAY, description="Where ticks come from.")
    market: str | None = Field(
        default=None,
        description="Name of the feed's run; one that starts again under the same name goes on where it was. "
        "None: a new one for each replay, yahoo or alpaca for these.",
    )
    yahoo_stream_url: str = Field(default="wss://streamer.finance.yahoo.com/?version=2", description="Yahoo's stream.")
    alpaca_stream_url: str = Field(default="wss://stream.data.alpaca.markets/v2/iex", description="Alpaca's stream.")
    alpaca_key: SecretStr | None = Field(
        default=None, validation_alias="APCA_API_KEY_ID", description="Alpaca's key id, named as its own tools name it."
    )
    alpaca_secret: SecretStr | None = Field(
        default=None, validation_alias="APCA_API_SECRET_KEY", description="Alpaca's secret key."
    )
    replay: Path | None = Field(default=None, description="Folder of the bars to replay; none: home/replay.")
    speed: float = Field(
        default=2340.0,
        gt=0,
        allow_inf_nan=False,
        description="Market seconds per second; 2340 plays a New York session in ten.",
    )
    seed: int = Field(default=7, ge=0, description="Of the path that a replayed price takes inside its bar.")

    @property
    def releases(self) -> Path:
        """The release store."""
        return self.home / "releases"

    @property
    def audit(self) -> Path:
        """The audit log."""
        return self.home / "audit" / "audit.sqlite3"

    @property
    def replay_folder(self) -> Path:
        """Where the bars to replay are."""
        return self.replay or self.home / "replay"

    @property
    def silence_seconds(self) -> float:
        """After how long without a tick the feed counts as stale."""
        return max(SHORTEST_SILENCE, SILENT_TRADES / self.speed)
