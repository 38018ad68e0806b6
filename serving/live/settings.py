"""What the live process can be told from outside: ``STOCK_ASSETS_*`` in the environment, or its options."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

# Replayed trades are a quarter of an hour apart; three of them missing is a silence worth telling.
SILENT_TRADES: Final = 3 * 900.0
SHORTEST_SILENCE: Final = 10.0


class LiveSettings(BaseSettings):
    """Settings of the live process; frozen."""

    model_config = SettingsConfigDict(env_prefix="STOCK_ASSETS_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".stock-assets"), description="Everything that is written lies under it.")
    redis_url: str | None = Field(default=None, description="The Redis or Valkey that carries ticks and events.")
    replay: Path | None = Field(default=None, description="Folder of the bars to replay; none: home/replay.")
    speed: float = Field(
        default=2340.0, gt=0, description="Market seconds per second; 2340 plays a New York session in ten."
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
